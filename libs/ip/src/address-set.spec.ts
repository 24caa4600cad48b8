import fc from 'fast-check';
import { AddressSet } from './address-set.js';

const runs = { numRuns: 1000 };
const bases = [0n, 0x0a60_0000n, (1n << 64n) - 20n, 0xfd00_0010_0096n << 80n, (1n << 128n) - 200n];

/** Values near each other on a base: words fill up, meet and empty again. */
const step = fc.record({
  action: fc.constantFrom('add', 'add', 'add', 'addRun', 'delete', 'deleteRun'),
  offset: fc.nat(150),
  length: fc.integer({ min: 1, max: 70 }),
});

function nextAbsentOf(members: Set<bigint>, from: bigint): bigint {
  let value = from;
  while (members.has(value)) value++;
  return value;
}

const ascending = (members: Iterable<bigint>): bigint[] => [...members].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));

function withRun(base: bigint, length: number): AddressSet {
  const set = new AddressSet();
  for (let i = 0; i < length; i++) set.add(base + BigInt(i));
  return set;
}

describe('laws, against a plain Set', () => {
  it('every answer is the same after any steps', () =>
    fc.assert(
      fc.property(fc.constantFrom(...bases), fc.array(step, { maxLength: 40 }), fc.nat(150), fc.nat(80), (base, steps, at, span) => {
        const set = new AddressSet();
        const members = new Set<bigint>();
        for (const { action, offset, length } of steps) {
          for (let i = 0; i < (action.endsWith('Run') ? length : 1); i++) {
            const value = base + BigInt(offset + i);
            if (action.startsWith('add')) {
              expect(set.add(value)).toBe(!members.has(value));
              members.add(value);
            } else {
              expect(set.delete(value)).toBe(members.delete(value));
            }
          }
          const from = base + BigInt(offset);
          expect(set.nextAbsent(from)).toBe(nextAbsentOf(members, from));
        }
        const [first, last] = [base + BigInt(at), base + BigInt(at + span)];
        const within = ascending(members).filter((value) => value >= first && value <= last);
        expect(set.size).toBe(members.size);
        expect([...set.values()]).toEqual(ascending(members));
        expect([...set.values(first, last)]).toEqual(within);
        expect(set.countWithin(first, last)).toBe(within.length);
        expect(set.has(first)).toBe(members.has(first));
      }),
      runs,
    ));

  it('values anywhere in 128 bits do not disturb each other', () =>
    fc.assert(
      fc.property(fc.uniqueArray(fc.bigInt(0n, (1n << 128n) - 1n), { maxLength: 60 }), fc.bigInt(0n, (1n << 128n) - 1n), (values, split) => {
        const set = new AddressSet();
        for (const value of values) expect(set.add(value)).toBe(true);
        for (const value of values) expect(set.add(value)).toBe(false);
        expect([...set.values()]).toEqual(ascending(values));
        const above = values.filter((value) => value >= split);
        expect([...set.values(split)]).toEqual(ascending(above));
        expect(set.countWithin(split, 1n << 128n)).toBe(above.length);
        for (const value of values) expect(set.nextAbsent(value)).toBe(nextAbsentOf(new Set(values), value));
        for (const value of values) expect(set.delete(value)).toBe(true);
        expect(set.size).toBe(0);
        expect([...set.values()]).toEqual([]);
      }),
      runs,
    ));
});

describe('nextAbsent steps over full stretches', () => {
  // One value to each side of every level: a word is 32 values, a word of full words 1,024, the next one 32,768.
  const lengths = [1, 31, 32, 33, 1023, 1024, 1025, 32_767, 32_768, 32_769, 70_000];
  it.each(bases.flatMap((base) => lengths.map((length) => ({ base, length }))))('of $length values from $base', ({ base, length }) => {
    const set = withRun(base, length);
    const end = base + BigInt(length);
    for (const from of [base, base + BigInt(length >> 1), end - 1n, end]) expect(set.nextAbsent(from)).toBe(end);
    const hole = base + BigInt(length >> 1);
    set.delete(hole);
    expect(set.nextAbsent(base)).toBe(hole);
    expect(set.nextAbsent(hole + 1n)).toBe(end);
    expect(set.countWithin(base, end)).toBe(length - 1);
    set.add(hole);
    expect(set.nextAbsent(base)).toBe(end);
  });

  it('and skips a word that is open only below the value asked for', () => {
    const set = withRun(0n, 96);
    set.delete(33n);
    expect(set.nextAbsent(34n)).toBe(96n);
  });
});

describe('memory follows what is taken', () => {
  const wordCount = (set: AddressSet): number => (Reflect.get(set, 'words') as Map<bigint, number>).size;

  it('a set that is emptied gives its words back, but for the 1,024 that wait', () => {
    const set = new AddressSet();
    for (let i = 0n; i < 5000n; i++) set.add(i << 40n);
    expect(wordCount(set)).toBe(5000);
    for (let i = 0n; i < 5000n; i++) set.delete(i << 40n);
    expect(set.size).toBe(0);
    expect(wordCount(set)).toBeLessThan(1024);
  });

  it('the sweep spares a word that was emptied and is in use again', () => {
    const set = new AddressSet();
    for (let i = 0n; i < 3000n; i++) {
      set.add(i << 40n);
      set.delete(i << 40n);
      if (i % 3n === 0n) set.add((i << 40n) + 1n);
    }
    expect(set.size).toBe(1000);
    expect([...set.values()]).toEqual(Array.from({ length: 1000 }, (_, i) => (BigInt(3 * i) << 40n) + 1n));
    expect(wordCount(set)).toBeLessThan(1000 + 1024);
  });

  it('one address taken and released for ever stays one word', () => {
    const set = withRun(0n, 64);
    for (let i = 0; i < 10_000; i++) {
      expect(set.add(1n << 70n)).toBe(true);
      expect(set.delete(1n << 70n)).toBe(true);
    }
    expect(wordCount(set)).toBeLessThanOrEqual(3);
    expect(Reflect.get(set, 'emptied')).toHaveProperty('length', 10_000 % 1024); // a sweep leaves nothing waiting
    expect(set.nextAbsent(0n)).toBe(64n);
  });
});

it('a negative value is a mistake of the caller and leaves no trace', () => {
  const set = new AddressSet();
  expect(() => set.add(-1n)).toThrow(new RangeError('an AddressSet holds no negative values: -1'));
  expect(set.size).toBe(0);
  expect(set.has(-1n)).toBe(false);
});

it('a range turned round holds nothing', () => {
  const set = withRun(0n, 100);
  expect(set.countWithin(50n, 49n)).toBe(0);
  expect(set.countWithin(90n, 3n)).toBe(0);
  expect([...set.values(50n, 49n)]).toEqual([]);
});
