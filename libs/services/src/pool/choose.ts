import type { Draws } from '../draws.js';
import type { AddressRange, Pool } from './pool.js';

/** What choosing needs to know of what is taken: the lowest value at or above `from` that is free. Must not scan. */
export interface Taken {
  nextAbsent(from: bigint): bigint;
}

/**
 * A free address for a dynamic request. Pools are tried in the order given; inside a pool first the dynamic band, then the
 * static one; inside a band from a random start upwards, with wrap-around. Draining pools are passed over.
 * @returns undefined when every open pool is full
 * @see pkg/registry/core/service/ipallocator/ipallocator.go AllocateNextService, Kubernetes v1.37.2 (which follows random map
 *   order between ServiceCIDRs; ours is fixed: difference 5)
 */
export const chooseAddress = (pools: readonly Pool[], taken: Taken, draws: Draws): { pool: Pool; value: bigint } | undefined => {
  for (const pool of pools) {
    if (pool.state !== 'open') continue;
    const value = chooseInBand(pool.dynamicBand, taken, draws) ?? chooseInBand(pool.staticBand, taken, draws);
    if (value !== undefined) return { pool, value };
  }
  return undefined;
};

/** Also used for node ports, which have the same two bands. */
export const chooseInBand = (band: AddressRange, taken: Taken, draws: Draws): bigint | undefined => {
  if (band.count === 0n) return undefined;
  const start = band.first + draws.below(band.count);
  const above = taken.nextAbsent(start);
  if (above <= band.last) return above;
  const wrapped = taken.nextAbsent(band.first);
  return wrapped < start ? wrapped : undefined;
};
