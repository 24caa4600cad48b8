const wordBits = 5n;
const full = -1;

/**
 * How many emptied words wait before they leave the map together. A V8 map keeps a deleted entry in its bucket until it
 * rehashes, so taking and releasing one address over and over would leave thousands to walk past (seen: 80 µs a call at 32,768
 * words). Dropping a word once in 1,024 times bounds that, at the price of a sweep of about 0.1 ms and the memory of as many words.
 */
const emptiedMax = 1024;

/**
 * A mutable set of non-negative values, made for claims: up to a million, dense or anywhere in a 128-bit space.
 *
 * Values live in 32-bit words, and a word stays only while a bit of it is set, so memory follows what is taken, not the size of the
 * pool. The keys of the completely full words are an AddressSet of their own, one thirty-second as large, and so on upwards: a
 * search for the next absent value steps over whole full stretches at once. Its cost is a few map lookups (two per level, a level per
 * factor of 32) whether the set is empty or one value short of full.
 */
export class AddressSet {
  private count = 0;
  /** value >> 5 -> the bits of those 32 values as a *signed* number, which V8 stores without a heap object. 0 only while in `emptied`. */
  private readonly words = new Map<bigint, number>();
  /** Keys of words that became 0 since the last sweep; some may be in use again, some may stand here twice. */
  private emptied: bigint[] = [];
  /** The keys of the words that are full. */
  private fullWords: AddressSet | undefined;

  get size(): number {
    return this.count;
  }

  /** A set of its own with the same members. Costs a map entry per word, not a call per member. */
  copy(): AddressSet {
    const copy = new AddressSet();
    copy.count = this.count;
    for (const [key, word] of this.words) if (word !== 0) copy.words.set(key, word);
    copy.fullWords = this.fullWords?.copy();
    return copy;
  }

  /** @returns false, and changes nothing, if the value is present already */
  add(value: bigint): boolean {
    const key = value >> wordBits;
    const word = this.words.get(key) ?? 0;
    const next = word | bitOf(value);
    if (next === word) return false;
    if (value < 0n) throw new RangeError(`an AddressSet holds no negative values: ${value}`);
    this.words.set(key, next);
    if (next === full) (this.fullWords ??= new AddressSet()).add(key);
    this.count++;
    return true;
  }

  /** @returns false, and changes nothing, if the value is absent */
  delete(value: bigint): boolean {
    const key = value >> wordBits;
    const word = this.words.get(key) ?? 0;
    const next = word & ~bitOf(value);
    if (next === word) return false;
    this.words.set(key, next);
    if (next === 0) this.dropLater(key);
    if (word === full) this.fullWords?.delete(key);
    this.count--;
    return true;
  }

  has(value: bigint): boolean {
    return ((this.words.get(value >> wordBits) ?? 0) & bitOf(value)) !== 0;
  }

  /** The lowest value that is not below `from` and not in the set; there always is one, so the caller checks its upper bound. */
  nextAbsent(from: bigint): bigint {
    const key = from >> wordBits;
    const word = this.words.get(key);
    if (word === undefined) return from;
    const absent = ~word & (-1 << indexOf(from));
    if (absent !== 0) return (key << wordBits) | BigInt(lowestBit(absent));
    const open = this.fullWords === undefined ? key + 1n : this.fullWords.nextAbsent(key + 1n);
    return (open << wordBits) | BigInt(lowestBit(~(this.words.get(open) ?? 0)));
  }

  /** How many members lie in [first, last]. Visits every word of the range or every word of the set, whichever are fewer. */
  countWithin(first: bigint, last: bigint): number {
    let count = 0;
    for (const [, word] of this.wordsWithin(first, last)) count += popCount(word);
    return count;
  }

  /** The members in [first, last], ascending; all of them by default. The set must not change before the last one is read. */
  *values(first = 0n, last?: bigint): IterableIterator<bigint> {
    const words = [...this.wordsWithin(first, last)].sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [key, word] of words) {
      const base = key << wordBits;
      for (let rest = word; rest !== 0; rest &= rest - 1) yield base | BigInt(lowestBit(rest));
    }
  }

  private dropLater(key: bigint): void {
    if (this.emptied.push(key) < emptiedMax) return;
    for (const candidate of this.emptied) if (this.words.get(candidate) === 0) this.words.delete(candidate);
    this.emptied = [];
  }

  /** The words that meet [first, last], in no order, cut down to the bits inside; a word may come out as 0. */
  private *wordsWithin(first: bigint, last?: bigint): Iterable<[key: bigint, word: number]> {
    const firstKey = first >> wordBits;
    const lastKey = last === undefined ? undefined : last >> wordBits;
    const cut = (key: bigint, word: number): number => {
      const fromFirst = key === firstKey ? word & (-1 << indexOf(first)) : word;
      return last !== undefined && key === lastKey ? fromFirst & (-1 >>> (31 - indexOf(last))) : fromFirst;
    };
    if (lastKey !== undefined && lastKey - firstKey < BigInt(this.words.size)) {
      for (let key = firstKey; key <= lastKey; key++) {
        const word = this.words.get(key);
        if (word !== undefined) yield [key, cut(key, word)];
      }
      return;
    }
    for (const [key, word] of this.words) {
      if (key >= firstKey && (lastKey === undefined || key <= lastKey)) yield [key, cut(key, word)];
    }
  }
}

/** Which bit of its word a value is, 0 to 31. */
function indexOf(value: bigint): number {
  return Number(BigInt.asUintN(5, value));
}

function bitOf(value: bigint): number {
  return 1 << indexOf(value);
}

/** The index of the lowest set bit; `bits` is not 0. */
function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}

/** @see Hacker's Delight, 5-1 */
function popCount(bits: number): number {
  const pairs = bits - ((bits >>> 1) & 0x55555555);
  const nibbles = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return (((nibbles + (nibbles >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24; // at most 2^52: no bit is lost before the shift
}
