import fc from 'fast-check';
import { forecast, lagMax, sampleCount, windowMsMax, windowMsMin } from './forecast.js';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const nowMs = Date.parse('2026-11-25T12:00:00Z');
const history = (value: (i: number) => number): number[] => Array.from({ length: sampleCount }, (_, i) => value(i));
const spacing = windowMsMax / (sampleCount - 1);
const runs = { numRuns: 1_000 };

describe('the forecast', () => {
  it.each<[title: string, samples: number[], free: number]>([
    ['nothing is in use', history(() => 0), 254],
    ['use is steady', history(() => 100), 154],
    ['use shrinks', history((i) => 200 - i), 101],
    ['the pool is full', history((i) => i), 0],
    ['there is no history', [], 254],
    ['all came in one burst', history((i) => (i < 24 ? 10 : 200)), 54],
    ['a burst came and went', history((i) => (i > 20 && i < 26 ? 250 : 10)), 244],
    ['a pool lasts for centuries', history((i) => i), 2 ** 64],
  ])('has no date when %s', (_, samples, free) => expect(forecast(samples, spacing, free, nowMs)).toMatchObject({ earliestMs: null, latestMs: null }));

  it('says nothing of less than an hour', () => {
    const samples = history((i) => i);
    expect(forecast(samples, (windowMsMin - 1_000) / (sampleCount - 1), 100, nowMs).trendPerDay).toBeNull();
    expect(forecast(samples, (windowMsMin + 1) / (sampleCount - 1), 100, nowMs).trendPerDay).toBeCloseTo(47 * 24, 2);
  });

  it('is a straight line where growth is one', () => {
    fc.assert(fc.property(fc.double({ min: 0.5, max: 1e6, noNaN: true }), fc.double({ min: 1, max: 1e6, noNaN: true }), (perDay, free) => {
      const found = forecast(history((i) => (perDay * i * spacing) / dayMs), spacing, free, nowMs);
      expect(found.trendPerDay! / perDay).toBeCloseTo(1, 9);
      const days = free / perDay;
      if (days < 36_000) for (const at of [found.earliestMs!, found.latestMs!]) expect(Math.abs(at - nowMs - days * dayMs)).toBeLessThan(1 + days * dayMs * 1e-9);
    }), runs);
  });

  it('is not moved by up to three jumps, up or down, of any size, anywhere', () => {
    const jump = fc.record({ at: fc.integer({ min: 1, max: sampleCount - 1 }), by: fc.integer({ min: -1_000_000, max: 1_000_000 }) });
    fc.assert(fc.property(fc.integer({ min: 1, max: 1_000 }), fc.array(jump, { maxLength: 3 }), (perSample, jumps) => {
      const samples = history((i) => i * perSample + jumps.filter(({ at }) => at <= i).reduce((sum, { by }) => sum + by, 0));
      expect(forecast(samples, spacing, 1_000, nowMs).trendPerDay).toBeCloseTo((perSample * dayMs) / spacing, 6);
    }), runs);
  });

  it('sees that growth has begun after about half a window, and that it has ended likewise', () => {
    expect(forecast(history((i) => Math.max(0, i - 20)), spacing, 100, nowMs).trendPerDay).toBeGreaterThan(0);
    expect(forecast(history((i) => Math.max(0, i - 40)), spacing, 100, nowMs).trendPerDay).toBeNull();
    expect(forecast(history((i) => Math.min(15, i)), spacing, 100, nowMs).trendPerDay).toBeNull();
  });

  it('sees growth that comes in steps, such as one a day', () => {
    const samples = history((i) => 10 * Math.floor((i * spacing) / dayMs));
    const { trendPerDay, earliestMs, latestMs } = forecast(samples, spacing, 100, nowMs);
    expect(trendPerDay).toBeGreaterThan(7);
    expect(trendPerDay).toBeLessThan(13);
    expect((earliestMs! - nowMs) / dayMs).toBeGreaterThan(5);
    expect((latestMs! - nowMs) / dayMs).toBeLessThan(20);
  });

  it('keeps its order and its bounds on any history', () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 1_000_000 }), { minLength: sampleCount, maxLength: sampleCount }), fc.integer({ min: 1, max: 1_000_000 }), fc.integer({ min: 1, max: 1_000_000 }),
      (samples, free, more) => {
        const [tight, roomy] = [forecast(samples, spacing, free, nowMs), forecast(samples, spacing, free + more, nowMs)];
        expect(roomy.trendPerDay).toBe(tight.trendPerDay);
        if (tight.trendPerDay === null) expect(tight).toEqual({ trendPerDay: null, earliestMs: null, latestMs: null });
        const { earliestMs, latestMs } = tight;
        if (earliestMs !== null) expect(earliestMs).toBeGreaterThanOrEqual(nowMs);
        if (earliestMs !== null && latestMs !== null) expect(latestMs).toBeGreaterThanOrEqual(earliestMs);
        if (earliestMs !== null && roomy.earliestMs !== null) expect(roomy.earliestMs).toBeGreaterThanOrEqual(earliestMs);
        const steps = Array.from({ length: sampleCount - 1 }, (_, i) => samples[i + 1]! - samples[i]!);
        if (tight.trendPerDay !== null) expect(tight.trendPerDay).toBeLessThanOrEqual((Math.max(...steps) * dayMs) / spacing + 1e-6);
      }), runs);
  });

  it('compares nothing further apart than a quarter of the window', () => expect(lagMax).toBe(sampleCount / 4));
});
