import { AddressSet } from '@ipledger/ip';
import fc from 'fast-check';
import { Draws } from '../draws.js';
import { chooseAddress, chooseInBand } from './choose.js';
import { makePool, type AddressRange } from './pool.js';

/** Draws that start where the spec says. */
class Fixed extends Draws {
  readonly asked: bigint[] = [];
  constructor(private readonly starts: bigint[]) {
    super([0, 0, 0, 0]);
  }
  override below(size: bigint): bigint {
    this.asked.push(size);
    return this.starts.shift() ?? 0n;
  }
}

const band = (first: bigint, last: bigint): AddressRange => ({ first, last, count: last - first + 1n });
const taken = (...values: bigint[]): AddressSet => {
  const set = new AddressSet();
  for (const value of values) set.add(value);
  return set;
};
const seed = fc.tuple(fc.nat(), fc.nat(), fc.nat(), fc.nat());

/** Spec 5.3; ipallocator.go AllocateNextService. */
describe('choosing in a band', () => {
  it.each<[what: string, start: bigint, held: bigint[], chosen: bigint | undefined]>([
    ['takes the start when it is free', 2n, [], 12n],
    ['goes up from the start', 2n, [12n, 13n], 14n],
    ['takes the last one', 5n, [], 15n],
    ['wraps around to the first', 4n, [14n, 15n], 10n],
    ['goes up again after wrapping', 4n, [14n, 15n, 10n, 11n], 12n],
    ['finds the one below the start', 4n, [10n, 11n, 12n, 14n, 15n], 13n],
    ['finds nothing in a full band', 3n, [10n, 11n, 12n, 13n, 14n, 15n], undefined],
    ['does not leave the band upwards', 5n, [10n, 11n, 12n, 13n, 14n, 15n, 16n], undefined],
    ['does not mind what is taken outside', 0n, [9n, 16n, 17n], 10n],
  ])('%s', (_, start, held, chosen) => expect(chooseInBand(band(10n, 15n), taken(...held), new Fixed([start]))).toBe(chosen));

  it('draws the start from the whole band', () => {
    const draws = new Fixed([]);
    chooseInBand(band(10n, 15n), taken(), draws);
    expect(draws.asked).toEqual([6n]);
  });
  it('finds nothing in an empty band, and draws nothing for it', () => {
    const draws = new Fixed([]);
    expect(chooseInBand(band(10n, 9n), taken(), draws)).toBeUndefined();
    expect(draws.asked).toEqual([]);
  });

  it('finds a free address whenever there is one, wherever it starts', () => {
    fc.assert(fc.property(fc.uniqueArray(fc.bigInt(0n, 20n)), seed, (held, words) => {
      const chosen = chooseInBand(band(3n, 17n), taken(...held), new Draws(words));
      const free = Array.from({ length: 15 }, (_, i) => BigInt(i) + 3n).filter((value) => !held.includes(value));
      if (free.length === 0) expect(chosen).toBeUndefined();
      else expect(free).toContain(chosen);
    }), { numRuns: 2000 });
  });
});

describe('choosing an address', () => {
  const small = makePool('10.0.0.0/27', 'open'); // static .1-.16, dynamic .17-.30
  const other = makePool('10.0.1.0/28', 'open'); // not split
  const range = (pool: typeof small, from: number, to: number): bigint[] =>
    Array.from({ length: to - from + 1 }, (_, i) => pool.range.first + BigInt(from + i));
  const last = (value: bigint | undefined): number => Number((value ?? 0n) & 0xffffn);

  it('takes the dynamic band first', () => expect(last(chooseAddress([small], taken(), new Fixed([0n]))?.value)).toBe(17));
  it('takes the static band only when the dynamic one is full, and starts at random there too', () => {
    const almost = taken(...range(small, 17, 29));
    expect(last(chooseAddress([small], almost, new Fixed([3n]))?.value)).toBe(30);
    expect(last(chooseAddress([small], taken(...range(small, 17, 30)), new Fixed([3n, 5n]))?.value)).toBe(6);
  });
  it('takes the pools in their order, static band and all, before the next', () => {
    const dynamicFull = taken(...range(small, 17, 30));
    expect(chooseAddress([small, other], dynamicFull, new Fixed([0n, 0n]))?.pool).toBe(small);
    expect(chooseAddress([other, small], dynamicFull, new Fixed([0n]))?.pool).toBe(other);
    expect(chooseAddress([small, other], taken(...range(small, 1, 30)), new Fixed([0n, 0n, 2n]))).toEqual({ pool: other, value: other.range.first + 3n });
  });
  it('passes over a draining pool', () => {
    const draining = { ...small, state: 'draining' as const };
    expect(chooseAddress([draining, other], taken(), new Fixed([0n]))?.pool).toBe(other);
    expect(chooseAddress([draining], taken(), new Fixed([0n]))).toBeUndefined();
  });
  it('knows full as full', () => {
    expect(chooseAddress([small, other], taken(...range(small, 1, 30), ...range(other, 1, 14)), new Draws([1, 2, 3, 4]))).toBeUndefined();
    expect(chooseAddress([], taken(), new Fixed([]))).toBeUndefined();
  });
  it('never gives out network, subnet-router or broadcast address', () => {
    fc.assert(fc.property(fc.constantFrom('10.0.0.0/30', '10.0.0.0/28', '10.0.0.0/27', 'fd00::/127', 'fd00::/124'), seed, (cidr, words) => {
      const pool = makePool(cidr, 'open');
      const held = taken();
      const draws = new Draws(words);
      for (let i = 0n; i < pool.usable.count; i++) {
        const value = chooseAddress([pool], held, draws)?.value ?? -1n;
        expect(value >= pool.usable.first && value <= pool.usable.last).toBe(true);
        expect(held.add(value)).toBe(true);
      }
      expect(chooseAddress([pool], held, draws)).toBeUndefined();
    }), { numRuns: 1000 });
  });
});
