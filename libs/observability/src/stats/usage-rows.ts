import type { Family } from '@ipledger/ip';
import { sharedPoolOf } from '@ipledger/services';
import type { BandUsage, ClusterUsage, LbRangeUsage, PoolUsage, ServiceCount, UnattachedClaims } from '../usage.js';
import { isShared, type ViewsDatabase } from './views-database.js';

interface UsageRow {
  cluster: string;
  revision: number;
  primary_family: Family;
  service_cidrs: string[];
  node_ports_capacity: number;
  node_ports_allocated: number;
  pools: { pool: string; family: Family; state: string; position: number; bands: Bands; outside: number }[] | null;
  services: { type: string; ip_family_policy: string; families: string; services: number; unsatisfied: number }[] | null;
}

interface LbRangeRow {
  log: string;
  lb_pool: string;
  pool: string;
  family: Family;
  state: string;
  prefix_length: number | null;
  revision: number;
  bands: Bands;
}
type Bands = Record<'static' | 'dynamic', { capacity: string; allocated: number; reserved: string; coolingDown: string }> | null;

/** Clusters of one answer; what is past that is left out. */
export const clustersMax = 10_000;
const lbRangesMax = 10_000;

const bandsOfPool = `SELECT json_object_agg(b.band, json_build_object('capacity', b.capacity::text, 'allocated', b.allocated, 'reserved', b.reserved::text, 'coolingDown', b.cooling_down::text)) AS bands FROM views.pool_bands b
        WHERE b.cluster = p.cluster AND b.pool = p.pool AND b.family = p.family`;

const selectUsage = `SELECT c.cluster, c.revision::float8 AS revision, c.primary_family, c.service_cidrs, c.node_ports_capacity, c.node_ports_allocated,
    (SELECT json_agg(json_build_object('pool', p.pool, 'family', p.family, 'state', p.state, 'position', p.position, 'outside', CASE WHEN p.pool = '' THEN p.allocated ELSE 0 END,
        'bands', b.bands))
      FROM views.pools p LEFT JOIN LATERAL (
        ${bandsOfPool}) AS b ON p.pool <> ''
      WHERE p.cluster = c.cluster AND p.kind = 'cluster-ip') AS pools,
    (SELECT json_agg(s) FROM (SELECT type, ip_family_policy, families, sum(services)::float8 AS services, sum(unsatisfied)::float8 AS unsatisfied
      FROM views.service_counts n WHERE n.cluster = c.cluster GROUP BY 1, 2, 3) AS s) AS services
  FROM views.clusters c WHERE ($1::text[] IS NULL OR c.cluster = ANY ($1)) ORDER BY c.cluster LIMIT ${clustersMax}`;

const selectLbRanges = `SELECT p.cluster AS log, p.lb_pool, p.pool, p.family, p.state, p.prefix_length, k.revision::float8 AS revision, b.bands
  FROM views.pools p JOIN views.checkpoints k ON k.cluster = p.cluster CROSS JOIN LATERAL (${bandsOfPool}) AS b
  WHERE p.kind = 'load-balancer' AND ($1::text[] IS NULL OR p.cluster = ANY ($1)) ORDER BY p.cluster, p.position LIMIT ${lbRangesMax}`;

/** Claims and attachments are in two logs, whose views may be at different revisions: only what is older than a few seconds says anything. */
const selectUnattached = `SELECT p.lb_pool AS "lbPool", count(m.address)::int AS claims, extract(epoch FROM min(m.joined_at))::float8 * 1000 AS "oldestMs"
  FROM views.lb_pools p LEFT JOIN (SELECT m.* FROM views.lb_members m LEFT JOIN views.lb_attached a
      ON a.cluster = m.holder_cluster AND a.lb_pool = m.lb_pool AND a.address = m.address AND a.namespace = m.namespace AND a.name = m.name AND a.uid = m.uid
    WHERE a.cluster IS NULL) AS m ON m.cluster = p.cluster
  WHERE ${isShared('p')} GROUP BY p.lb_pool ORDER BY p.lb_pool`;

export interface ViewedCluster extends ClusterUsage {
  serviceCIDRs: readonly string[];
}

/** Every cluster as the views have it, in one statement: one snapshot. */
export const readUsage = async (database: ViewsDatabase, clusters: readonly string[] | null = null): Promise<ViewedCluster[]> =>
  (await database.rows<UsageRow>(selectUsage, [clusters])).map((row) => ({
    cluster: row.cluster,
    revision: row.revision,
    serviceCIDRs: row.service_cidrs,
    nodePorts: { capacity: row.node_ports_capacity, allocated: row.node_ports_allocated },
    services: (row.services ?? []).map(({ ip_family_policy, services, ...count }): ServiceCount => ({ ...count, ipFamilyPolicy: ip_family_policy, count: services })),
    pools: (row.pools ?? []).toSorted((a, b) => order(a) - order(b)).map(({ outside, ...pool }): PoolUsage => {
      const usage = poolUsageOf(pool);
      return { ...usage, isPrimary: pool.family === row.primary_family, dynamic: pool.pool === '' ? { capacity: 0n, allocated: outside } : usage.dynamic };
    }),
  }));

/** The ranges of LB pools, of clusters and shared ones. @param logs these only */
export const readLbRanges = async (database: ViewsDatabase, logs: readonly string[] | null = null): Promise<LbRangeUsage[]> =>
  (await database.rows<LbRangeRow>(selectLbRanges, [logs])).map(({ log, lb_pool, prefix_length, revision, ...pool }) =>
    ({ log, cluster: sharedPoolOf(log) === undefined ? log : '', lbPool: lb_pool, prefixLength: prefix_length, revision, ...poolUsageOf(pool) }));

export const readUnattached = (database: ViewsDatabase): Promise<UnattachedClaims[]> => database.rows<UnattachedClaims>(selectUnattached);

const poolUsageOf = ({ pool, family, state, bands }: Pick<LbRangeRow, 'pool' | 'family' | 'state' | 'bands'>): PoolUsage => {
  const band = (name: 'static' | 'dynamic'): BandUsage => {
    const found = bands?.[name];
    return { capacity: BigInt(found?.capacity ?? 0), allocated: found?.allocated ?? 0, reserved: BigInt(found?.reserved ?? 0), coolingDown: BigInt(found?.coolingDown ?? 0) };
  };
  return { pool, family, isPrimary: false, isDraining: state === 'draining', static: band('static'), dynamic: band('dynamic') };
};

/** As declared; what lies outside comes last. */
const order = ({ pool, position }: { pool: string; position: number }): number => (pool === '' ? Infinity : position);
