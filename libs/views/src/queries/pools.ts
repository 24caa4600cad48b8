import { viewsOf, waitAsAsked, type AskedLog, type Sources } from './ask.js';

interface PoolRow {
  pool: string;
  family: string;
  is_primary: boolean;
  state: string;
  prefix_length: number | null;
  capacity: string;
  allocated: number;
  available: string;
  first_allocation_at: Date | null;
  last_allocation_at: Date | null;
  high_water: number;
  high_water_at: Date | null;
  first_address: string | null;
  last_address: string | null;
  declared_at: Date;
  reserved: number;
  cooling_down: number;
  cool_down_seconds: number;
  kind: string;
  lb_pool: string | null;
}
type BandRow = Pick<PoolRow, 'pool' | 'family' | 'capacity' | 'allocated' | 'available' | 'first_allocation_at' | 'last_allocation_at' | 'high_water' | 'high_water_at' | 'first_address' | 'last_address' | 'reserved' | 'cooling_down'> & { band: string };

/** How full every pool of a log is, ranges of LB pools among them, as a whole and by band; claims that are usable in no pool come last, as pool null. */
export const queryPools = async (sources: Sources, log: AskedLog, query: unknown): Promise<object> => {
  const views = viewsOf(sources);
  await waitAsAsked(views, log, query, undefined);
  const usage = `capacity::text, allocated::float8 AS allocated, available::text, first_allocation_at, last_allocation_at, high_water::float8 AS high_water, high_water_at, host(first_address) AS first_address, host(last_address) AS last_address, reserved::float8 AS reserved, cooling_down::float8 AS cooling_down`;
  const { asOf, rows } = await views.read<PoolRow & { bands: null; band: string | null } & BandRow>(log.name,
    `SELECT pool, family, NULL AS band, is_primary, state, prefix_length, declared_at, position, cool_down_seconds, kind, lb_pool, ${usage} FROM views.pools p WHERE p.cluster = $1
     UNION ALL SELECT pool, family, band, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, ${usage} FROM views.pool_bands b WHERE b.cluster = $1`);
  const bandsOf = (pool: PoolRow): object[] => rows.filter((row) => row.band !== null && row.pool === pool.pool && row.family === pool.family)
    .map((row) => ({ band: row.band, ...usageOf(row) })).sort((a, b) => (a.band === 'static' ? -1 : 1) - (b.band === 'static' ? -1 : 1));
  const pools = rows.filter(({ band }) => band === null).sort((a, b) => order(a) - order(b) || (a.family < b.family ? -1 : 1));
  return {
    items: pools.map((pool) => ({
      pool: pool.pool === '' ? null : pool.pool, family: pool.family, primary: pool.is_primary, state: pool.state, prefixLength: pool.prefix_length,
      ...usageOf(pool), utilization: pool.capacity === '0' ? null : pool.allocated / Number(pool.capacity), coolDownSeconds: pool.cool_down_seconds, declaredAt: pool.declared_at.toISOString(), bands: bandsOf(pool), kind: pool.kind, lbPool: pool.lb_pool,
    })),
    asOf,
  };
};

const order = ({ pool, position }: PoolRow & { position?: number }): number => (pool === '' ? Infinity : (position ?? 0));

/** Counts past 2^53 lose digits as JSON numbers, so they come as text too. */
const usageOf = (row: BandRow | PoolRow) => ({
  from: row.first_address, to: row.last_address, capacity: Number(row.capacity), capacityExact: row.capacity, allocated: row.allocated,
  available: Number(row.available), availableExact: row.available, reserved: row.reserved, coolingDown: row.cooling_down,
  firstAllocationAt: row.first_allocation_at?.toISOString() ?? null, lastAllocationAt: row.last_allocation_at?.toISOString() ?? null,
  highWater: row.high_water, highWaterAt: row.high_water_at?.toISOString() ?? null,
});
