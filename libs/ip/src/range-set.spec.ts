import fc from 'fast-check';
import { parseCidr, usableRange } from './cidr.js';
import { RangeSet } from './range-set.js';
import type { AddressRange } from './range-set.js';

const runs = { numRuns: 2000 };
const limit = 60;

/** Ranges close together, so that they overlap, touch and nest; some are empty (first past last). */
const closeRanges = fc.array(
  fc.record({ first: fc.nat(limit), length: fc.integer({ min: 0, max: 12 }) }).map(
    ({ first, length }): AddressRange => ({ first: BigInt(first), last: BigInt(first + length - 1) }),
  ),
  { maxLength: 10 },
);

function naive(ranges: readonly AddressRange[]): Set<bigint> {
  const members = new Set<bigint>();
  for (const { first, last } of ranges) for (let value = first; value <= last; value++) members.add(value);
  return members;
}

const ascending = (members: Iterable<bigint>): bigint[] => [...members].sort((a, b) => Number(a - b));

function expectSame(set: RangeSet, members: Set<bigint>): void {
  const sorted = ascending(members);
  expect(ascending(naive(set.ranges))).toEqual(sorted);
  expect(set.count).toBe(BigInt(sorted.length));
  for (const [index, range] of set.ranges.entries()) {
    expect(range.first).toBeLessThanOrEqual(range.last);
    const next = set.ranges[index + 1];
    if (next !== undefined) expect(next.first).toBeGreaterThan(range.last + 1n); // disjoint, not even touching
  }
}

describe('laws, against a plain Set', () => {
  it('of, union and subtract', () =>
    fc.assert(
      fc.property(closeRanges, closeRanges, (a, b) => {
        const [inA, inB] = [naive(a), naive(b)];
        expectSame(RangeSet.of(a), inA);
        expectSame(RangeSet.of(a).union(RangeSet.of(b)), new Set([...inA, ...inB]));
        expectSame(RangeSet.of(a).subtract(RangeSet.of(b)), new Set([...inA].filter((value) => !inB.has(value))));
      }),
      runs,
    ));

  it('contains, nextPresent, nextAbsent and nth', () =>
    fc.assert(
      fc.property(closeRanges, (ranges) => {
        const set = RangeSet.of(ranges);
        const members = naive(ranges);
        const sorted = ascending(members);
        const asked = Array.from({ length: limit + 15 }, (_, i) => BigInt(i - 1));
        const absentFrom = (value: bigint): bigint => (members.has(value) ? absentFrom(value + 1n) : value);
        expect(asked.filter((value) => set.contains(value))).toEqual(sorted);
        expect(asked.map((value) => set.nextPresent(value))).toEqual(asked.map((value) => sorted.find((member) => member >= value)));
        expect(asked.map((value) => set.nextAbsent(value))).toEqual(asked.map(absentFrom));
        expect(asked.map((index) => set.nth(index))).toEqual(asked.map((index) => sorted[Number(index)]));
      }),
      { numRuns: 1000 },
    ));

  it('neither set changes when it is combined', () =>
    fc.assert(
      fc.property(closeRanges, closeRanges, (a, b) => {
        const [left, right] = [RangeSet.of(a), RangeSet.of(b)];
        left.union(right);
        left.subtract(right);
        expectSame(left, naive(a));
        expectSame(right, naive(b));
      }),
      { numRuns: 1000 },
    ));
});

describe('counts stay exact where a float would not', () => {
  const all = RangeSet.of([{ first: 0n, last: (1n << 128n) - 1n }]);

  it('over the whole of IPv6', () => {
    expect(all.count).toBe(1n << 128n);
    expect(all.nth((1n << 128n) - 1n)).toBe((1n << 128n) - 1n);
    expect(all.nth(1n << 128n)).toBeUndefined();
    expect(all.nextAbsent(0n)).toBe(1n << 128n);
  });

  it('one address short of it', () => {
    const hole = 1n << 100n;
    const holed = all.subtract(RangeSet.of([{ first: hole, last: hole }]));
    expect(holed.count).toBe((1n << 128n) - 1n);
    expect(holed.nth(hole - 1n)).toBe(hole - 1n);
    expect(holed.nth(hole)).toBe(hole + 1n);
    expect(holed.contains(hole)).toBe(false);
    expect(holed.nextPresent(hole)).toBe(hole + 1n);
  });
});

describe('made from networks', () => {
  it.each<[text: string, count: bigint]>([
    ['10.0.0.0/32', 0n],
    ['10.0.0.0/31', 0n],
    ['10.0.0.0/30', 2n],
    ['fd00::/128', 0n],
    ['fd00::/127', 1n],
    ['fd00::/64', (1n << 64n) - 1n],
  ])('the usable range of %s counts %s', (text, count) => {
    const cidr = parseCidr(text);
    expect(RangeSet.of(cidr ? [usableRange(cidr)] : []).count).toBe(count);
    expect(RangeSet.of(cidr ? [cidr] : []).count).toBe(cidr?.size);
  });
});

it('the empty set has no member, no count and no end', () => {
  expect(RangeSet.empty.ranges).toEqual([]);
  expect(RangeSet.empty.count).toBe(0n);
  expect(RangeSet.empty.nextPresent(0n)).toBeUndefined();
  expect(RangeSet.empty.nextAbsent(5n)).toBe(5n);
  expect(RangeSet.empty.nth(0n)).toBeUndefined();
});
