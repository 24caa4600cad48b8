/** Addresses of one family by value, both ends included. Past each other, they say "none". A Cidr is one, too. */
export interface AddressRange {
  readonly first: bigint;
  readonly last: bigint;
}

/**
 * An immutable set of values kept as sorted, disjoint ranges that never touch: two equal sets have equal `ranges`.
 * Memory and time follow the number of ranges, never the number of values; counts are exact to 2^128 and beyond.
 */
export class RangeSet {
  static readonly empty = new RangeSet([]);

  readonly count: bigint;
  /** rank[i]: how many values lie in the ranges before ranges[i]; `nth` searches it. */
  private readonly rank: readonly bigint[];

  private constructor(readonly ranges: readonly AddressRange[]) {
    let count = 0n;
    this.rank = ranges.map((range) => {
      const before = count;
      count += range.last - range.first + 1n;
      return before;
    });
    this.count = count;
  }

  /** Of any ranges in any order; overlapping and touching ones are joined, a range whose first is past its last is none. */
  static of(ranges: Iterable<AddressRange>): RangeSet {
    const sorted = [...ranges].filter((range) => range.first <= range.last).sort((a, b) => (a.first < b.first ? -1 : 1));
    const joined: { first: bigint; last: bigint }[] = [];
    for (const { first, last } of sorted) {
      const previous = joined.at(-1);
      if (previous === undefined || first > previous.last + 1n) joined.push({ first, last });
      else if (last > previous.last) previous.last = last;
    }
    return new RangeSet(joined);
  }

  union(other: RangeSet): RangeSet {
    return RangeSet.of([...this.ranges, ...other.ranges]);
  }

  /** What is in this set and not in `other`. One walk over both. */
  subtract(other: RangeSet): RangeSet {
    const left: AddressRange[] = [];
    let skipped = 0;
    for (const { first, last } of this.ranges) {
      let from = first;
      while ((other.ranges[skipped]?.last ?? from) < from) skipped++;
      for (let i = skipped; from <= last; i++) {
        const hole = other.ranges[i];
        if (hole === undefined || hole.first > last) {
          left.push({ first: from, last });
          break;
        }
        if (hole.first > from) left.push({ first: from, last: hole.first - 1n });
        from = hole.last + 1n;
      }
    }
    return new RangeSet(left);
  }

  contains(value: bigint): boolean {
    return this.nextPresent(value) === value;
  }

  /** The value with exactly `index` values below it, 0 for the lowest; undefined outside 0 to count - 1. */
  nth(index: bigint): bigint | undefined {
    if (index < 0n || index >= this.count) return undefined;
    const at = firstIndex(this.rank, (before) => before > index) - 1;
    const range = this.ranges[at];
    return range && range.first + index - (this.rank[at] ?? 0n);
  }

  /** The lowest value of the set that is not below `from`. */
  nextPresent(from: bigint): bigint | undefined {
    const range = this.ranges[this.indexFrom(from)];
    return range && (range.first > from ? range.first : from);
  }

  /** The lowest value that is not below `from` and not in the set; there always is one, as values have no upper bound here. */
  nextAbsent(from: bigint): bigint {
    const range = this.ranges[this.indexFrom(from)];
    return range === undefined || range.first > from ? from : range.last + 1n;
  }

  /** Where the first range that ends at `value` or later stands. */
  private indexFrom(value: bigint): number {
    return firstIndex(this.ranges, (range) => range.last >= value);
  }
}

/** Binary search: the first index whose item holds, given that every later item holds too; the length if none does. */
function firstIndex<T>(items: readonly T[], holds: (item: T) => boolean): number {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(items[middle] as T)) high = middle;
    else low = middle + 1;
  }
  return low;
}
