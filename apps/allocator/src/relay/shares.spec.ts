import fc from 'fast-check';
import { sharesOf, type Waiting } from './shares.js';

const waiting = (...events: number[]): Waiting[] => events.map((count, clusterId) => ({ clusterId, events: count }));

describe('sharesOf', () => {
  it.each([
    ['one that waits for little', [3], 10, [3]],
    ['one that waits for much', [50], 10, [10]],
    ['little beside much', [50, 2], 10, [8, 2]],
    ['much beside much', [50, 60], 10, [5, 5]],
    ['more clusters than commands', [5, 5, 5], 2, [1, 1, 1]],
  ])('%s: %j of %i gives %j', (_, events, max, expected) => {
    const shares = sharesOf(waiting(...events), max);
    expect(events.map((__, clusterId) => shares.get(clusterId))).toEqual(expected);
  });

  it('wastes nothing, exceeds nothing, and starves nobody', () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 2_000 }), { minLength: 1, maxLength: 40 }), fc.integer({ min: 40, max: 1_000 }), (events, max) => {
      const shares = [...sharesOf(waiting(...events), max)];
      const sum = shares.reduce((total, [, share]) => total + share, 0);
      expect(sum).toBeLessThanOrEqual(max);
      expect(sum).toBeGreaterThan(Math.min(max, events.reduce((a, b) => a + b)) - events.length);
      for (const [clusterId, share] of shares) {
        expect(share).toBeGreaterThanOrEqual(1);
        expect(share).toBeLessThanOrEqual(events[clusterId]!);
        // Who gets less than it needs gets at least what anybody else does, but for the rounding.
        if (share < events[clusterId]!) for (const [, other] of shares) expect(other).toBeLessThanOrEqual(share + 1);
      }
    }), { numRuns: 1_000 });
  });
});
