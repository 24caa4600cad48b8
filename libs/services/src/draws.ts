/**
 * Numbers that look random but come from a seed that the command carries: the same command on the same state draws the
 * same addresses, ports and names on any machine. (sfc32, a small fast generator with 128 bits of state.)
 */
export class Draws {
  private a: number;
  private b: number;
  private c: number;
  private counter: number;

  /** @param seed four 32-bit words, drawn by the edge from the operating system for every command */
  constructor(seed: readonly [number, number, number, number]) {
    [this.a, this.b, this.c, this.counter] = seed;
    for (let i = 0; i < 4; i++) this.word();
  }

  /** Uniform in [0, 2^32). */
  word(): number {
    const sum = (((this.a + this.b) | 0) + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (this.c << 21) | (this.c >>> 11);
    this.c = (this.c + sum) | 0;
    return sum >>> 0;
  }

  /**
   * Uniform in [0, size) but for a bias below 2^-32 of what a size below 2^64 can show: 96 bits are drawn for it.
   * @param size at least 1, at most 2^64
   */
  below(size: bigint): bigint {
    if (size <= 0x100000n) return BigInt((this.word() * 0x100000 + (this.word() >>> 12)) % Number(size));
    return ((BigInt(this.word()) << 64n) | (BigInt(this.word()) << 32n) | BigInt(this.word())) % size;
  }

  /** Five characters for `generateName`. @see k8s.io/apiserver/pkg/storage/names, k8s.io/apimachinery/pkg/util/rand */
  nameSuffix(): string {
    let suffix = '';
    for (let i = 0; i < 5; i++) suffix += suffixAlphabet[this.word() % suffixAlphabet.length];
    return suffix;
  }
}

/** No vowels and no 0, 1, 3: nothing that spells a word or is misread. */
const suffixAlphabet = 'bcdfghjklmnpqrstvwxz2456789';
