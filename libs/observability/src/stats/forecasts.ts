import type { Family } from '@ipledger/ip';
import { forecast, sampleCount, type Forecast } from '../forecast.js';
import { groupBy } from '../group-by.js';
import { poolFigures, type ClusterUsage, type LbRangeUsage, type PoolUsage } from '../usage.js';
import { samplesSql } from './samples-sql.js';
import type { ViewsDatabase } from './views-database.js';

/** Of one log: by pool (CIDR, or range of an LB pool), and by family of its Service CIDRs. */
export interface ClusterForecasts {
  pools: ReadonlyMap<string, Forecast>;
  families: ReadonlyMap<Family, Forecast>;
}

interface Known {
  revision: number;
  atMs: number;
  forecasts: ClusterForecasts;
}

const none: ClusterForecasts = { pools: new Map(), families: new Map() };
/** A cluster that has changed is looked at again after this, one that has not only because time goes on. */
const changedAgeMs = 30_000;
const quietAgeMs = 600_000;
/** Clusters looked at for one answer; the others keep what was known, and have their turn with the next. */
const clustersPerLook = 200;
const knownMax = 10_000;

const selectSamples = `SELECT s.cluster, s.pool, s.samples, s.family_samples, extract(epoch FROM s.began)::float8 * 1000 AS began_ms, extract(epoch FROM s.family_began)::float8 * 1000 AS family_began_ms
  FROM (${samplesSql('to_timestamp($2::float8 / 1000)')}) AS s WHERE s.cluster = ANY ($1)`;

/** Forecasts from the usage history, kept for a while: they change slowly, and scrapes come often. */
export class Forecasts {
  private readonly known = new Map<string, Known>();

  constructor(private readonly database: ViewsDatabase) {}

  /** @returns by log; empty where its turn has not come yet */
  async of(usage: readonly ClusterUsage[], lbRanges: readonly LbRangeUsage[], nowMs: number): Promise<Map<string, ClusterForecasts>> {
    const clusters = logsOf(usage, lbRanges);
    const due = clusters.filter(({ cluster, revision }) => this.isDue(this.known.get(cluster), revision, nowMs)).slice(0, clustersPerLook);
    if (due.length > 0) await this.look(due, nowMs);
    return new Map(clusters.map(({ cluster }) => [cluster, this.known.get(cluster)?.forecasts ?? none]));
  }

  private isDue(known: Known | undefined, revision: number, nowMs: number): boolean {
    return known === undefined || nowMs - known.atMs > (known.revision === revision ? quietAgeMs : changedAgeMs);
  }

  private async look(clusters: readonly LogUsage[], nowMs: number): Promise<void> {
    const rows = await this.database.rows<SampleRow>(selectSamples, [clusters.map(({ cluster }) => cluster), nowMs]);
    const byCluster = groupBy(rows, ({ cluster }) => cluster);
    if (this.known.size > knownMax) this.known.clear();
    for (const { cluster, revision, pools, ranges } of clusters) {
      this.known.set(cluster, { revision, atMs: nowMs, forecasts: forecastsOf(pools, ranges, byCluster.get(cluster) ?? [], nowMs) });
    }
  }
}

interface LogUsage {
  cluster: string;
  revision: number;
  pools: readonly PoolUsage[];
  ranges: readonly PoolUsage[];
}

/** Clusters with the ranges of their LB pools, and shared pools, which have no Service CIDRs. */
const logsOf = (clusters: readonly ClusterUsage[], lbRanges: readonly LbRangeUsage[]): LogUsage[] => {
  const byLog = groupBy(lbRanges, ({ log }) => log);
  const names = new Set(clusters.map(({ cluster }) => cluster));
  return [
    ...clusters.map(({ cluster, revision, pools }) => ({ cluster, revision, pools, ranges: byLog.get(cluster) ?? [] })),
    ...[...byLog].filter(([log]) => !names.has(log)).map(([log, ranges]) => ({ cluster: log, revision: ranges[0]!.revision, pools: [], ranges })),
  ];
};

/** All but the last sample, which is the present. Those of the family are at the instants of its oldest open pool. */
interface SampleRow {
  cluster: string;
  pool: string;
  samples: number[];
  family_samples: number[] | null;
  began_ms: number;
  family_began_ms: number;
}

/** A family grows as the sum of its open pools does, over the window that the oldest of them has. */
const forecastsOf = (pools: readonly PoolUsage[], ranges: readonly PoolUsage[], rows: readonly SampleRow[], nowMs: number): ClusterForecasts => {
  const openOf = (all: readonly PoolUsage[]) => all.flatMap((pool) => {
    const row = rows.find(({ pool: name }) => name === pool.pool);
    const { available, allocated } = poolFigures(pool);
    return row === undefined ? [] : [{ row, family: pool.family, now: Number(allocated), free: Number(available.static + available.dynamic) }];
  });
  const open = openOf(pools);
  const fit = (samples: readonly number[], now: number, beganMs: number, free: number): Forecast => forecast([...samples, now].map(Number), (nowMs - beganMs) / (sampleCount - 1), free, nowMs);
  const families = [...groupBy(open, ({ family }) => family)].map(([family, members]): [Family, Forecast] => {
    const past = Array.from({ length: sampleCount - 1 }, (_, i) => members.reduce((sum, { row }) => sum + Number((row.family_samples ?? row.samples)[i]), 0));
    return [family, fit(past, total(members, 'now'), members[0]!.row.family_began_ms, total(members, 'free'))];
  });
  return { pools: new Map([...open, ...openOf(ranges)].map(({ row, now, free }) => [row.pool, fit(row.samples, now, row.began_ms, free)])), families: new Map(families) };
};

const total = (members: readonly { now: number; free: number }[], of: 'now' | 'free'): number => members.reduce((sum, member) => sum + member[of], 0);
