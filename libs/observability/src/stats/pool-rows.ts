import type { Forecast } from '../forecast.js';
import { groupBy } from '../group-by.js';
import { poolFigures, type LbRangeUsage, type PoolUsage } from '../usage.js';
import type { ClusterForecasts } from './forecasts.js';
import type { Filters } from './stats-query.js';
import type { ViewedCluster } from './usage-rows.js';
import type { StatsRow } from './views-database.js';

const passes = (filter: readonly string[] | null, value: string): boolean => filter === null || filter.includes(value);

/** One row per cluster, pool and family: Service CIDRs, then ranges of LB pools. Those of a shared pool have the cluster ''. */
export const poolRows = (clusters: readonly ViewedCluster[], lbRanges: readonly LbRangeUsage[], forecasts: ReadonlyMap<string, ClusterForecasts>, filters: Filters): StatsRow[] => [
  ...(passes(filters.kinds, 'cluster-ip') && filters.lbPools === null ? cidrRows(clusters, forecasts, filters) : []),
  ...(passes(filters.kinds, 'load-balancer') ? lbRanges.filter(({ cluster, lbPool, pool, family }) =>
    passes(filters.clusters, cluster) && passes(filters.lbPools, lbPool) && passes(filters.pools, pool) && passes(filters.families, family))
    .map((range) => ({
      cluster: range.cluster, pool: range.pool, family: range.family, state: stateOf(range), prefixLength: range.prefixLength,
      ...figureColumns([range]), ...forecastColumns(forecasts.get(range.log)?.pools.get(range.pool)), revision: range.revision, kind: 'load-balancer', lbPool: range.lbPool,
    })) : []),
];

const stateOf = ({ isDraining }: PoolUsage): string => (isDraining ? 'draining' : 'open');

const cidrRows = (clusters: readonly ViewedCluster[], forecasts: ReadonlyMap<string, ClusterForecasts>, { clusters: named, pools, families }: Filters): StatsRow[] =>
  clusters.filter(({ cluster }) => passes(named, cluster)).flatMap((cluster) => cluster.pools
    .filter(({ pool, family }) => pool !== '' && passes(pools, pool) && passes(families, family))
    .map((pool) => ({
      cluster: cluster.cluster, pool: pool.pool, family: pool.family, state: stateOf(pool), prefixLength: Number(pool.pool.split('/')[1]),
      ...figureColumns([pool]), ...forecastColumns(forecasts.get(cluster.cluster)?.pools.get(pool.pool)), revision: cluster.revision, kind: 'cluster-ip', lbPool: null,
    })));

/** One row per cluster and family: its Service CIDRs summed. */
export const clusterRows = (clusters: readonly ViewedCluster[], forecasts: ReadonlyMap<string, ClusterForecasts>, { clusters: named, families }: Filters): StatsRow[] =>
  clusters.filter(({ cluster }) => passes(named, cluster)).flatMap((cluster) => {
    const byFamily = [...groupBy(cluster.pools.filter(({ pool, family }) => pool !== '' && passes(families, family)), ({ family }) => family)];
    return byFamily.map(([family, pools]) => ({
      cluster: cluster.cluster, family, cidrs: pools.map(({ pool }) => pool).join(','), ...figureColumns(pools),
      ...forecastColumns(forecasts.get(cluster.cluster)?.families.get(family)), revision: cluster.revision,
    }));
  });

/**
 * A family is as full as its open pools are: what drains hands out nothing and counts neither as room nor as use of it, as in
 * the recording rules. Its columns capacity, allocated and reserved are sums over all.
 */
const figureColumns = (pools: readonly PoolUsage[]): StatsRow => {
  const sum = (members: readonly PoolUsage[]) => {
    const figures = members.map(poolFigures);
    const total = (of: (one: (typeof figures)[number]) => bigint): bigint => figures.reduce((so, one) => so + of(one), 0n);
    return { capacity: total((one) => one.capacity), allocated: total((one) => one.allocated), heldBack: total((one) => one.draining + one.reserved), coolingDown: total((one) => one.coolingDown), available: total((one) => one.available.static + one.available.dynamic) };
  };
  const { capacity, allocated, heldBack, coolingDown, available } = sum(pools);
  const judged = sum(pools.length === 1 ? pools : pools.filter(({ isDraining }) => !isDraining));
  return {
    capacity: Number(capacity), capacityExact: String(capacity), allocated: Number(allocated), reserved: Number(heldBack), coolingDown: Number(coolingDown),
    available: Number(available), availableExact: String(available),
    utilization: judged.capacity === 0n ? null : Number(judged.capacity - judged.available) / Number(judged.capacity),
    staticAllocated: pools.reduce((so, pool) => so + pool.static.allocated, 0), dynamicAllocated: pools.reduce((so, pool) => so + pool.dynamic.allocated, 0),
  };
};

const forecastColumns = (found: Forecast | undefined): StatsRow => ({
  trendPerDay: found?.trendPerDay ?? null, exhaustsAtEarliest: isoOf(found?.earliestMs), exhaustsAtLatest: isoOf(found?.latestMs),
});

export const isoOf = (ms: number | null | undefined): string | null => (ms == null ? null : new Date(ms).toISOString());
