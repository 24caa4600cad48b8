// npx vitest bench --run --config .ci/vitest.config.ts --root . libs/ip
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { bench, describe } from 'vitest';
import { AddressSet } from '../src/index.js';

const run = 1 << 20;
const ipv4Base = 10n << 24n;
const ipv6Base = 0xfd00_0010_0096n << 80n;

/** The same numbers every time, so that two runs can be compared; xorshift32. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** A run of 2^20 with that share taken, at random places. */
function filled(base: bigint, share: number): AddressSet {
  const random = randomNumbers(42);
  const set = new AddressSet();
  const absent = Math.round(run * (1 - share));
  for (let i = 0n; i < run; i++) if (share > 0) set.add(base + i);
  while (share > 0 && set.size > run - absent) set.delete(base + BigInt(random() % run));
  return set;
}

for (const [name, base] of [['IPv4 /12', ipv4Base], ['IPv6 run inside a /64', ipv6Base]] as const) {
  describe(`${name}: nextAbsent, add, delete`, () => {
    for (const share of [0, 0.9, 0.999, 0.999999]) {
      const set = filled(base, share);
      const random = randomNumbers(7);
      bench(`${share * 100} % taken`, () => {
        const value = set.nextAbsent(base + BigInt(random() % run));
        set.add(value);
        set.delete(value);
      });
    }
  });
}

function heapBytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

function reportMemory(name: string, entries: number, valueAt: (i: number) => bigint): void {
  const before = heapBytes();
  const start = performance.now();
  const set = new AddressSet();
  for (let i = 0; i < entries; i++) set.add(valueAt(i));
  const elapsedMs = performance.now() - start;
  const bytes = heapBytes() - before;
  console.log(`${name}: ${set.size} entries, ${(bytes / set.size).toFixed(1)} bytes each, ${((elapsedMs * 1e6) / entries).toFixed(0)} ns per add`);
}

const random = randomNumbers(3);
reportMemory('random in a /64', 1_000_000, () => ipv6Base | (BigInt(random()) << 32n) | BigInt(random()));
reportMemory('dense in a /64', 1_000_000, (i) => ipv6Base + BigInt(i));
reportMemory('dense in a /12', 1_000_000, (i) => ipv4Base + BigInt(i));
