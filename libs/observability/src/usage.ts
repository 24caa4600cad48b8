import type { Family } from '@ipledger/ip';

/** What a scrape or a statistic knows of a cluster, all of it as of one revision. */
export interface ClusterUsage {
  cluster: string;
  revision: number;
  pools: readonly PoolUsage[];
  /** null where nobody has counted them: without views. */
  nodePorts: { capacity: number; allocated: number } | null;
  services: readonly ServiceCount[] | null;
}

/** A range of an LB pool, as of a revision of the log that counts it. */
export interface LbRangeUsage extends PoolUsage {
  /** The log: a cluster, or that of a shared pool. */
  log: string;
  /** '' for a shared pool. */
  cluster: string;
  lbPool: string;
  /** null for a range that is no CIDR. */
  prefixLength: number | null;
  revision: number;
}

/** What the log of a shared LB pool has claimed for Services and their clusters do not say that they have: a step of the assigner is missing. */
export interface UnattachedClaims {
  lbPool: string;
  claims: number;
  oldestMs: number | null;
}

/** A pool as it is counted. A pool named '' holds what lies outside every CIDR and has no capacity (design D11). */
export interface PoolUsage {
  pool: string;
  family: Family;
  isPrimary: boolean;
  /** Nothing new is taken from a draining pool. */
  isDraining: boolean;
  static: BandUsage;
  dynamic: BandUsage;
}
export interface BandUsage {
  capacity: bigint;
  allocated: number;
  /** Free, but kept for who names the reservation; missing = none, as is the next one. */
  reserved?: bigint;
  /** Free but for the time since its release. */
  coolingDown?: bigint;
}

export interface ServiceCount {
  type: string;
  ipFamilyPolicy: string;
  families: string;
  count: number;
  /** Of these: have one family where two were preferred and the cluster has two. */
  unsatisfied: number;
}

export interface PoolFigures {
  capacity: bigint;
  allocated: bigint;
  /** Free, but nothing new is taken from a pool that drains. */
  draining: bigint;
  /** Free, but reserved; or cooling down. Of a draining pool neither is counted apart. */
  reserved: bigint;
  coolingDown: bigint;
  /** What further requests can get, by band. capacity = allocated + draining + reserved + coolingDown + both. */
  available: { static: bigint; dynamic: bigint };
  /** (capacity - available) / capacity; null when there is nothing that could be used. */
  utilization: number | null;
}

export const poolFigures = (pool: PoolUsage): PoolFigures => {
  const unclaimed = (band: BandUsage): bigint => (band.capacity === 0n ? 0n : band.capacity - BigInt(band.allocated));
  const sum = (part: 'reserved' | 'coolingDown'): bigint => (pool.isDraining ? 0n : (pool.static[part] ?? 0n) + (pool.dynamic[part] ?? 0n));
  const free = (band: BandUsage): bigint => unclaimed(band) - (band.reserved ?? 0n) - (band.coolingDown ?? 0n);
  const capacity = pool.static.capacity + pool.dynamic.capacity;
  const allocated = BigInt(pool.static.allocated + pool.dynamic.allocated);
  const [statics, dynamic] = pool.isDraining ? [0n, 0n] : [free(pool.static), free(pool.dynamic)];
  const available = statics + dynamic;
  return {
    capacity,
    allocated,
    draining: pool.isDraining ? unclaimed(pool.static) + unclaimed(pool.dynamic) : 0n,
    reserved: sum('reserved'),
    coolingDown: sum('coolingDown'),
    available: { static: statics, dynamic },
    // Divided as whole numbers first: 1 - available / capacity is 0 for a /64 whatever is in use.
    utilization: capacity === 0n ? null : Number(capacity - available) / Number(capacity),
  };
};
