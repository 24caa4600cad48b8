import { formatAddress, type Family } from '@ipledger/ip';
import { compileDefinition, type ClusterDefinition, type Event, type Pool } from '@ipledger/services';
import { heldBackWithin } from './held-back.view.js';
import { usagePool } from './namespaces.view.js';
import { writes, type Moment, type Part, type View } from './view.js';

const counted = ['', 'static_', 'dynamic_'] as const;
const usageColumns = (prefix: string): string => `
      ${prefix}capacity numeric NOT NULL,
      ${prefix}allocated bigint NOT NULL,
      ${prefix}first_allocation_at timestamptz,
      ${prefix}last_allocation_at timestamptz,
      ${prefix}high_water bigint NOT NULL,
      ${prefix}high_water_at timestamptz,`;
const bandRow = (band: string): string => `('${band}', ${['first_address', 'last_address', 'capacity', 'allocated', 'first_allocation_at', 'last_allocation_at', 'high_water', 'high_water_at'].map((column) => `p.${band}_${column}`).join(', ')})`;

/**
 * How full each pool is, as a whole and by band: each Service CIDR, and each range of an LB pool. Addresses that are held but usable in
 * no pool are counted in a row with pool '' and capacity 0, which is there only while there are some.
 */
export const poolUsageView: View = {
  tables: `
    CREATE TABLE pool_usage (
      cluster text COLLATE "C" NOT NULL,
      pool text NOT NULL,
      family text NOT NULL,
      position int NOT NULL,
      is_primary boolean NOT NULL,
      state text NOT NULL,
      prefix_length int,
      kind text NOT NULL DEFAULT 'cluster-ip',
      lb_pool text,
      range_first inet,
      range_last inet,
      first_address inet,
      last_address inet,
      static_first_address inet,
      static_last_address inet,
      dynamic_first_address inet,
      dynamic_last_address inet,${counted.map(usageColumns).join('')}
      declared_at timestamptz NOT NULL,
      cool_down_seconds int NOT NULL,
      CONSTRAINT pool_usage_pkey PRIMARY KEY (cluster, pool, family)
    ) WITH (fillfactor = 50)`,
  stable: {
    pools: `SELECT p.cluster, p.pool, p.family, p.is_primary, p.state, p.prefix_length, p.capacity, p.allocated,
        p.capacity - p.allocated * (p.capacity > 0)::int - reserved - cooling_down AS available,
        p.first_allocation_at, p.last_allocation_at, p.high_water, p.high_water_at, p.first_address, p.last_address, p.declared_at, p.position,
        reserved, cooling_down, p.cool_down_seconds, p.kind, p.lb_pool
      FROM {set}.pool_usage p ${heldBackWithin('p.first_address', 'p.last_address')}`,
    pool_bands: `SELECT p.cluster, p.pool, p.family, b.band, b.capacity, b.allocated, b.capacity - b.allocated - reserved - cooling_down AS available,
        b.first_allocation_at, b.last_allocation_at, b.high_water, b.high_water_at, b.first_address, b.last_address, reserved, cooling_down, p.kind, p.lb_pool
      FROM {set}.pool_usage p CROSS JOIN LATERAL (VALUES ${['static', 'dynamic'].map(bandRow).join(', ')})
        AS b (band, first_address, last_address, capacity, allocated, first_allocation_at, last_allocation_at, high_water, high_water_at)
      ${heldBackWithin('b.first_address', 'b.last_address')} WHERE p.pool <> ''`,
  },
  compared: { pool_usage: 'true' },
};

/** What is counted of a pool or a band. Capacity is decimal text: it can be past 2^53. */
export interface Usage {
  capacity: string;
  allocated: number;
  firstAllocationAt: string | null;
  lastAllocationAt: string | null;
  /** The most that were held at the end of any command, and when that was reached first. */
  highWater: number;
  highWaterAt: string | null;
}

export interface PoolUsage {
  pool: string;
  family: Family;
  position: number;
  isPrimary: boolean;
  state: 'open' | 'draining' | 'outside';
  declaredAt: string;
  coolDownSeconds: number;
  kind: Pool['kind'];
  /** The LB pool of a range; null for a Service CIDR. */
  lbPool: string | null;
  ranges: Readonly<Record<(typeof rangeNames)[number], string | null>>;
  prefixLength: number | null;
  total: Usage;
  static: Usage;
  dynamic: Usage;
}
const rangeNames = ['range_first', 'range_last', 'first_address', 'last_address', 'static_first_address', 'static_last_address', 'dynamic_first_address', 'dynamic_last_address'] as const;

/** What is held in a band now, counted over the rows of the address history. */
export interface Held {
  pool: string;
  family: Family;
  band: 'static' | 'dynamic' | null;
  allocated: number;
  firstAllocationAt: string;
  lastAllocationAt: string;
}

/** What addresses of a log are counted in: its Service CIDRs, then the ranges of its LB pools. */
export const allPoolsOf = (definition: ClusterDefinition): readonly Pool[] => {
  const { pools, lbRanges } = compileDefinition(definition);
  return [...pools, ...lbRanges];
};

const usagesOf = ({ total, static: statics, dynamic }: PoolUsage): Usage[] => [total, statics, dynamic];

const nothing = (capacity = '0'): Usage => ({ capacity, allocated: 0, firstAllocationAt: null, lastAllocationAt: null, highWater: 0, highWaterAt: null });

/** The pools of one cluster while a run of commands is folded into them. */
export class ClusterPools {
  private readonly pools: Map<string, PoolUsage>;
  /** Keys of the pools whose rows must be written, or deleted when they are gone. */
  private readonly changed = new Set<string>();
  private readonly inCommand = new Set<PoolUsage>();

  constructor(pools: readonly PoolUsage[]) {
    this.pools = new Map(pools.map((pool) => [keyOf(pool.pool, pool.family), pool]));
  }

  take(event: Event, { time }: Moment): void {
    if (event.type !== 'ip.allocated' && event.type !== 'ip.released') return;
    const pool = this.poolOf(usagePool(event.data), event.data.family, time);
    const { band } = event.data;
    for (const usage of pool.pool === '' || band === null ? [pool.total] : [pool.total, pool[band]]) {
      usage.allocated += event.type === 'ip.allocated' ? 1 : -1;
      if (event.type === 'ip.allocated') noteAllocation(usage, time, time);
    }
    this.inCommand.add(pool);
  }

  /** Marks are taken between commands: what is true within one was never visible. @returns the pools that the command changed */
  endCommand({ time }: Moment): PoolUsage[] {
    const changed = [...this.inCommand];
    this.inCommand.clear();
    for (const pool of changed) {
      this.changed.add(keyOf(pool.pool, pool.family));
      for (const usage of usagesOf(pool)) noteHighWater(usage, time);
      if (pool.pool === '' && pool.total.allocated === 0) this.pools.delete(keyOf('', pool.family));
    }
    return changed;
  }

  /**
   * The CIDRs have changed: every claim counts where it lies now (design D11). Pools that stay keep their marks; new ones
   * start from what is held in them.
   * @param held what is held at the end of the command
   * @returns every pool of the cluster, and those that are gone, with capacity and claims 0
   */
  redefine(definition: readonly Pool[], held: readonly Held[], { time }: Moment): PoolUsage[] {
    const before = new Map(this.pools);
    this.pools.clear();
    this.inCommand.clear();
    for (const [position, pool] of definition.entries()) {
      const made = poolUsageOf(pool, position, pool.kind === 'cluster-ip' && pool.family === definition[0]?.family, time);
      this.recount(before.get(keyOf(pool.name, pool.family)), made, held.filter((row) => row.pool === pool.name && row.band !== null), time);
    }
    for (const family of ['IPv4', 'IPv6'] as const) {
      const outside = held.filter((row) => row.family === family && row.band === null);
      if (outside.length > 0) this.recount(before.get(keyOf('', family)), outsideOf(family, time), outside, time);
    }
    const gone = [...before.values()].filter(({ pool, family }) => !this.pools.has(keyOf(pool, family))).map(emptied);
    for (const { pool, family } of [...this.pools.values(), ...gone]) this.changed.add(keyOf(pool, family));
    return [...this.pools.values(), ...gone];
  }

  private recount(known: PoolUsage | undefined, made: PoolUsage, held: readonly Held[], time: string): void {
    // What the definition says is new, what was counted and seen stays.
    const marks = (was: Usage, { capacity }: Usage): Usage => ({ ...was, capacity });
    const pool = known === undefined ? made : {
      ...made, declaredAt: known.declaredAt, total: marks(known.total, made.total), static: marks(known.static, made.static), dynamic: marks(known.dynamic, made.dynamic),
    };
    for (const usage of usagesOf(pool)) usage.allocated = 0;
    for (const { band, allocated, firstAllocationAt, lastAllocationAt } of held)
      for (const usage of band === null ? [pool.total] : [pool.total, pool[band]]) {
        usage.allocated += allocated;
        noteAllocation(usage, firstAllocationAt, lastAllocationAt);
      }
    for (const usage of usagesOf(pool)) noteHighWater(usage, time);
    this.pools.set(keyOf(pool.pool, pool.family), pool);
  }

  private poolOf(name: string, family: Family, time: string): PoolUsage {
    const known = this.pools.get(keyOf(name, family));
    if (known !== undefined) return known;
    if (name !== '') throw new Error(`an event names the pool ${name}, which the cluster does not have at that revision`);
    const made = outsideOf(family, time);
    this.pools.set(keyOf(name, family), made);
    return made;
  }

  parts(): Part[] {
    const present: object[] = [];
    const gone: object[] = [];
    for (const key of this.changed) {
      const pool = this.pools.get(key);
      const [name = '', family] = key.split(' ');
      if (pool === undefined) gone.push({ pool: name, family });
      else present.push(rowOf(pool));
    }
    return [
      ...writes('pools', present, (rows) => `INSERT INTO pool_usage (cluster, ${columnNames.join(', ')}) SELECT $1, ${columnNames.map((name) => `r.${name}`).join(', ')}
        FROM json_to_recordset(${rows}::json) AS r (${columnDefinitions})
        ON CONFLICT ON CONSTRAINT pool_usage_pkey DO UPDATE SET ${columnNames.filter((name) => name !== 'pool' && name !== 'family').map((name) => `${name} = excluded.${name}`).join(', ')}`),
      ...writes('pools_gone', gone, (rows) => `DELETE FROM pool_usage p USING json_to_recordset(${rows}::json) AS r (pool text, family text)
        WHERE p.cluster = $1 AND p.pool = r.pool AND p.family = r.family`),
    ];
  }
}

const keyOf = (pool: string, family: Family): string => `${pool} ${family}`;

const noteAllocation = (usage: Usage, first: string, last: string): void => {
  if (usage.firstAllocationAt === null || first < usage.firstAllocationAt) usage.firstAllocationAt = first;
  if (usage.lastAllocationAt === null || last > usage.lastAllocationAt) usage.lastAllocationAt = last;
};

const noteHighWater = (usage: Usage, time: string): void => {
  if (usage.allocated <= usage.highWater) return;
  usage.highWater = usage.allocated;
  usage.highWaterAt = time;
};

const poolUsageOf = ({ name, kind, lbPool, family, state, prefixLength, range, usable, staticBand, dynamicBand, coolDownSeconds }: Pool, position: number, isPrimary: boolean, declaredAt: string): PoolUsage => {
  const bounds = ({ first, last, count }: Pool['usable']): [string | null, string | null] =>
    count === 0n ? [null, null] : [formatAddress({ family, value: first }), formatAddress({ family, value: last })];
  const [[range_first, range_last], [first_address, last_address]] = [bounds(range), bounds(usable)];
  const [[static_first_address, static_last_address], [dynamic_first_address, dynamic_last_address]] = [bounds(staticBand), bounds(dynamicBand)];
  return {
    pool: name, family, position, isPrimary, state, declaredAt, coolDownSeconds, kind, lbPool, prefixLength,
    ranges: { range_first, range_last, first_address, last_address, static_first_address, static_last_address, dynamic_first_address, dynamic_last_address },
    total: nothing(String(usable.count)), static: nothing(String(staticBand.count)), dynamic: nothing(String(dynamicBand.count)),
  };
};

const outsideOf = (family: Family, declaredAt: string): PoolUsage => ({
  pool: '', family, position: -1, isPrimary: false, state: 'outside', declaredAt, coolDownSeconds: 0, kind: 'cluster-ip', lbPool: null, prefixLength: null,
  ranges: { range_first: null, range_last: null, first_address: null, last_address: null, static_first_address: null, static_last_address: null, dynamic_first_address: null, dynamic_last_address: null },
  total: nothing(), static: nothing(), dynamic: nothing(),
});

const emptied = (pool: PoolUsage): PoolUsage => ({ ...pool, total: nothing(), static: nothing(), dynamic: nothing() });

const usageFields = [
  ['capacity', 'capacity', 'numeric'], ['allocated', 'allocated', 'bigint'], ['first_allocation_at', 'firstAllocationAt', 'timestamptz'],
  ['last_allocation_at', 'lastAllocationAt', 'timestamptz'], ['high_water', 'highWater', 'bigint'], ['high_water_at', 'highWaterAt', 'timestamptz'],
] as const;
const usageGroups = [['', 'total'], ['static_', 'static'], ['dynamic_', 'dynamic']] as const;
const columns: readonly (readonly [name: string, type: string])[] = [
  ['pool', 'text'], ['family', 'text'], ['position', 'int'], ['is_primary', 'boolean'], ['state', 'text'], ['prefix_length', 'int'], ['declared_at', 'timestamptz'], ['cool_down_seconds', 'int'],
  ['kind', 'text'], ['lb_pool', 'text'], ...rangeNames.map((name) => [name, 'inet'] as const),
  ...usageGroups.flatMap(([prefix]) => usageFields.map(([column, , type]) => [`${prefix}${column}`, type] as const)),
];
const columnNames = columns.map(([name]) => name);
const columnDefinitions = columns.map(([name, type]) => `${name} ${type}`).join(', ');

const rowOf = (pool: PoolUsage): object => ({
  pool: pool.pool, family: pool.family, position: pool.position, is_primary: pool.isPrimary, state: pool.state, prefix_length: pool.prefixLength, declared_at: pool.declaredAt,
  cool_down_seconds: pool.coolDownSeconds, kind: pool.kind, lb_pool: pool.lbPool,
  ...pool.ranges,
  ...Object.fromEntries(usageGroups.flatMap(([prefix, group]) => usageFields.map(([column, field]) => [`${prefix}${column}`, pool[group][field]]))),
});

/** A pool as it stands. Needs the columns of `poolColumns`, of the table that is called `table`. */
export const poolColumns = (table: string): string => columnNames.map((name) => `${table}.${name}`).join(', ');
export const poolOfRow = (row: Record<string, unknown>): PoolUsage => {
  const usage = (prefix: string): Usage => Object.fromEntries(usageFields.map(([column, field, type]) => [field, valueOf(row[`${prefix}${column}`], type)])) as unknown as Usage;
  return {
    pool: row['pool'] as string, family: row['family'] as Family, position: row['position'] as number, isPrimary: row['is_primary'] as boolean,
    state: row['state'] as PoolUsage['state'], declaredAt: valueOf(row['declared_at'], 'timestamptz') as string, coolDownSeconds: row['cool_down_seconds'] as number,
    kind: row['kind'] as PoolUsage['kind'], lbPool: row['lb_pool'] as string | null, prefixLength: row['prefix_length'] as number | null,
    ranges: Object.fromEntries(rangeNames.map((name) => [name, row[name]])) as PoolUsage['ranges'],
    total: usage(''), static: usage('static_'), dynamic: usage('dynamic_'),
  };
};

const valueOf = (value: unknown, type: 'numeric' | 'bigint' | 'timestamptz'): unknown =>
  value instanceof Date ? value.toISOString() : type === 'bigint' ? Number(value) : value;

/** What is held where, by the pools that the table `pool_usage` has just been given. */
export const selectHeld = `SELECT coalesce(p.pool, '') AS pool, h.family, count(*)::int AS allocated, min(h.allocated_at) AS first, max(h.allocated_at) AS last,
    CASE WHEN p.pool IS NULL THEN NULL WHEN h.address BETWEEN p.static_first AND p.static_last THEN 'static' ELSE 'dynamic' END AS band
  FROM address_history h LEFT JOIN json_to_recordset($2::json) AS p (pool text, first inet, last inet, static_first inet, static_last inet)
    ON h.address BETWEEN p.first AND p.last
  WHERE h.cluster = $1 AND h.released_revision IS NULL GROUP BY 1, 2, 6`;
