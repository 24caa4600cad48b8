import type { Family } from '@ipledger/ip';
import type { BandUsage, ClusterUsage, PoolUsage, ServiceCount } from '../usage.js';
import type { ViewsDatabase } from './views-database.js';

interface UsageRow {
  cluster: string;
  revision: number;
  primary_family: Family;
  service_cidrs: string[];
  node_ports_capacity: number;
  node_ports_allocated: number;
  pools: { pool: string; family: Family; state: string; position: number; bands: Record<'static' | 'dynamic', { capacity: string; allocated: number; reserved: string; coolingDown: string }> | null; outside: number }[] | null;
  services: { type: string; ip_family_policy: string; families: string; services: number; unsatisfied: number }[] | null;
}

/** Clusters of one answer; what is past that is left out. */
export const clustersMax = 10_000;

const selectUsage = `SELECT c.cluster, c.revision::float8 AS revision, c.primary_family, c.service_cidrs, c.node_ports_capacity, c.node_ports_allocated,
    (SELECT json_agg(json_build_object('pool', p.pool, 'family', p.family, 'state', p.state, 'position', p.position, 'outside', CASE WHEN p.pool = '' THEN p.allocated ELSE 0 END,
        'bands', b.bands))
      FROM views.pools p LEFT JOIN LATERAL (
        SELECT json_object_agg(b.band, json_build_object('capacity', b.capacity::text, 'allocated', b.allocated, 'reserved', b.reserved::text, 'coolingDown', b.cooling_down::text)) AS bands FROM views.pool_bands b
        WHERE b.cluster = p.cluster AND b.pool = p.pool AND b.family = p.family) AS b ON p.pool <> ''
      WHERE p.cluster = c.cluster) AS pools,
    (SELECT json_agg(s) FROM (SELECT type, ip_family_policy, families, sum(services)::float8 AS services, sum(unsatisfied)::float8 AS unsatisfied
      FROM views.service_counts n WHERE n.cluster = c.cluster GROUP BY 1, 2, 3) AS s) AS services
  FROM views.clusters c WHERE ($1::text[] IS NULL OR c.cluster = ANY ($1)) ORDER BY c.cluster LIMIT ${clustersMax}`;

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
    pools: (row.pools ?? []).toSorted((a, b) => order(a) - order(b)).map(({ pool, family, state, bands, outside }): PoolUsage => {
      const band = (name: 'static' | 'dynamic'): BandUsage => {
        const found = bands?.[name];
        return { capacity: BigInt(found?.capacity ?? 0), allocated: found?.allocated ?? 0, reserved: BigInt(found?.reserved ?? 0), coolingDown: BigInt(found?.coolingDown ?? 0) };
      };
      return { pool, family, isPrimary: family === row.primary_family, isDraining: state === 'draining', static: band('static'), dynamic: pool === '' ? { capacity: 0n, allocated: outside } : band('dynamic') };
    }),
  }));

/** As declared; what lies outside comes last. */
const order = ({ pool, position }: { pool: string; position: number }): number => (pool === '' ? Infinity : position);
