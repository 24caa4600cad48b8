import fc from 'fast-check';
import { Draws } from './draws.js';

const seed = fc.tuple(fc.nat(0xffffffff), fc.nat(0xffffffff), fc.nat(0xffffffff), fc.nat(0xffffffff));
const size = fc.oneof(fc.bigInt(1n, 64n), fc.bigInt(0xffff0n, 0x100010n), fc.bigInt(1n, 1n << 64n), fc.constant(1n << 64n));

describe('Draws', () => {
  it('says the same for the same seed', () => {
    fc.assert(fc.property(seed, size, (words, below) => {
      const [one, two] = [new Draws(words), new Draws(words)];
      expect([one.word(), one.below(below), one.nameSuffix()]).toEqual([two.word(), two.below(below), two.nameSuffix()]);
    }), { numRuns: 1000 });
  });

  /** Pinned: replaying a command drawn by an older release must draw the same. */
  it('says what it always said', () => {
    const draws = new Draws([1, 2, 3, 4]);
    expect([draws.word(), draws.word(), draws.below(238n), draws.below(1n << 64n), draws.nameSuffix()]).toEqual([
      3431242869, 399395954, 139n, 17354696147493336126n, 'hh6st',
    ]);
  });

  it('stays below the size', () => {
    fc.assert(fc.property(seed, size, (words, below) => {
      const value = new Draws(words).below(below);
      expect(value >= 0n && value < below).toBe(true);
    }), { numRuns: 2000 });
  });

  it.each([3n, 14n, 238n])('reaches every number below %s about as often', (below) => {
    const draws = new Draws([7, 8, 9, 10]);
    const hits = new Array<number>(Number(below)).fill(0);
    const rounds = 400 * hits.length;
    for (let i = 0; i < rounds; i++) hits[Number(draws.below(below))]! += 1;
    // 400 expected each; 5 standard deviations are 100, and the seed is fixed.
    expect(Math.min(...hits)).toBeGreaterThan(300);
    expect(Math.max(...hits)).toBeLessThan(500);
  });

  it('reaches both ends of a /64 (older releases of Kubernetes went through signed numbers and fell below the subnet)', () => {
    const draws = new Draws([7, 8, 9, 10]);
    const values = Array.from({ length: 256 }, () => draws.below(1n << 64n));
    const quarter = 1n << 62n;
    expect([0n, 1n, 2n, 3n].map((q) => values.filter((value) => value / quarter === q).length >= 40)).toEqual([true, true, true, true]);
  });

  it('makes name suffixes of five characters that spell no word', () => {
    fc.assert(fc.property(seed, (words) => /^[bcdfghjklmnpqrstvwxz2456789]{5}$/.test(new Draws(words).nameSuffix())), { numRuns: 1000 });
    const draws = new Draws([7, 8, 9, 10]);
    const letters = new Set(Array.from({ length: 400 }, () => draws.nameSuffix()).join(''));
    expect(letters.size).toBe(27);
  });
});
