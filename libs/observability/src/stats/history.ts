import { groupBy } from '../group-by.js';
import type { Filters } from './stats-query.js';
import { clusterOf, filtered, filterValues, type StatsRow, type ViewsDatabase } from './views-database.js';

/** Rows of one answer. A step that would give more is made longer. */
export const historyRowsMax = 50_000;
/** Below this nothing is stored. */
export const stepMsMin = 60_000;
const keptSteps = [{ ms: 60_000, keptDays: 14 }, { ms: 3_600_000, keptDays: 400 }, { ms: 86_400_000, keptDays: Infinity }] as const;
const dayMs = 86_400_000;

export interface HistoryRange {
  fromMs: number;
  toMs: number;
  /** null = what gives about 500 points. */
  stepMs: number | null;
}

interface Point {
  cluster: string;
  pool: string;
  family: string;
  bucket_ms: number;
  capacity: string;
  allocated: number;
  revision: number;
  kind: string;
  lb_pool: string | null;
}

export interface History {
  stepMs: number;
  /** Why the step is longer than asked for, or rows are missing; null when nothing was cut. */
  cut: string | null;
  rows: StatsRow[];
}

/**
 * The last value of each pool in each step. A step without an event repeats the one before; a pool that is gone has no more
 * rows. Of the minutes two weeks are kept, of the hours 400 days: a step that is finer than what is kept is made longer.
 */
export const readHistory = async (database: ViewsDatabase, filters: Filters, range: HistoryRange, nowMs: number): Promise<History> => {
  const series = Number((await database.rows<{ count: string }>(`SELECT count(*) FROM views.pools p WHERE ${filtered('p')}`, filterValues(filters)))[0]?.count);
  const { stepMs, cut } = chooseStep(range, series, nowMs);
  const source = keptSteps.findLast(({ ms }) => ms <= stepMs && stepMs % ms === 0) ?? keptSteps[0];
  const fromMs = Math.floor(range.fromMs / stepMs) * stepMs;
  const toMs = Math.min(range.toMs, nowMs);
  const points = await database.rows<Point>(selectPoints, [...filterValues(filters), source.ms / 1000, fromMs, toMs, stepMs]);
  const rows = [...groupBy(points.slice(0, historyRowsMax), ({ cluster, lb_pool, pool, family }) => `${cluster} ${lb_pool} ${pool} ${family}`).values()]
    .flatMap((those) => filled(those, fromMs, toMs, stepMs));
  const tooMany = rows.length > historyRowsMax || points.length > historyRowsMax;
  return { stepMs, cut: tooMany ? `more than ${historyRowsMax} rows; ask for fewer pools or a shorter time` : cut, rows: rows.slice(0, historyRowsMax) };
};

/** The last row of a kept step that was over before the range; of coarser ones only where the finer are not kept. */
const lastBefore = (seconds: number): string => `(SELECT ${seconds} AS step, extract(epoch FROM h.bucket)::float8 * 1000 AS bucket_ms, h.capacity::text AS capacity, h.allocated::float8 AS allocated, h.revision::float8 AS revision, h.kind, h.lb_pool
      FROM views.usage_history h WHERE h.cluster = c.cluster AND h.pool = c.pool AND h.family = c.family AND h.step_seconds = ${seconds} AND ${seconds} >= $6::int
        AND h.bucket <= to_timestamp($7::float8 / 1000) - make_interval(secs => ${seconds}) ORDER BY h.bucket DESC LIMIT 1)`;

/** The value before the first step, then the last of each step that has one. */
const selectPoints = `WITH chosen AS (
    SELECT p.cluster, p.pool, p.family FROM views.pools p WHERE ${filtered('p')}
    UNION SELECT h.cluster, h.pool, h.family FROM views.usage_history h WHERE ${filtered('h')} AND h.step_seconds = 86400
      AND h.bucket >= date_trunc('day', to_timestamp($7::float8 / 1000), 'UTC') AND h.bucket <= to_timestamp($8::float8 / 1000))
  SELECT ${clusterOf('found')} AS cluster, pool, family, bucket_ms, capacity, allocated, revision, kind, lb_pool FROM (
    SELECT c.cluster, c.pool, c.family, before.bucket_ms, before.capacity, before.allocated, before.revision, before.kind, before.lb_pool FROM chosen c CROSS JOIN LATERAL (
      ${[60, 3_600, 86_400].map(lastBefore).join(' UNION ALL ')} ORDER BY step LIMIT 1) AS before
    UNION ALL
    SELECT c.cluster, c.pool, c.family, inside.* FROM chosen c CROSS JOIN LATERAL (
      SELECT DISTINCT ON (floor(extract(epoch FROM h.bucket) * 1000 / $9::float8)) extract(epoch FROM h.bucket)::float8 * 1000, h.capacity::text, h.allocated::float8, h.revision::float8, h.kind, h.lb_pool
      FROM views.usage_history h WHERE h.cluster = c.cluster AND h.pool = c.pool AND h.family = c.family AND h.step_seconds = $6::int
        AND h.bucket >= to_timestamp($7::float8 / 1000) AND h.bucket <= to_timestamp($8::float8 / 1000)
      ORDER BY floor(extract(epoch FROM h.bucket) * 1000 / $9::float8), h.bucket DESC) AS inside
  ) AS found ORDER BY found.cluster, pool, family, bucket_ms LIMIT ${historyRowsMax + 1}`;

const chooseStep = ({ fromMs, toMs, stepMs }: HistoryRange, series: number, nowMs: number): { stepMs: number; cut: string | null } => {
  const asked = Math.max(stepMsMin, stepMs ?? (toMs - fromMs) / 500);
  const finest = keptSteps.find(({ keptDays }) => fromMs >= nowMs - keptDays * dayMs)?.ms ?? dayMs;
  const fewest = ((toMs - fromMs) * Math.max(1, series)) / historyRowsMax;
  const chosen = roundStep(Math.max(asked, finest, fewest));
  if (stepMs === null || (stepMs >= stepMsMin && chosen <= roundStep(stepMs))) return { stepMs: chosen, cut: null };
  const why = fewest > Math.max(asked, finest) ? `${series} pools give more than ${historyRowsMax} rows` : finest > asked ? 'finer steps are not kept for so long' : 'finer steps are not kept';
  return { stepMs: chosen, cut: `the step is ${chosen / 1000} s: ${why}` };
};

/** Up to whole minutes below an hour, whole hours below a day, whole days above: each step is made of whole kept ones. */
const roundStep = (ms: number): number => {
  const unit = ms <= 3_600_000 ? 60_000 : ms <= dayMs ? 3_600_000 : dayMs;
  return Math.ceil(ms / unit) * unit;
};

const filled = (points: readonly Point[], fromMs: number, toMs: number, stepMs: number): StatsRow[] => {
  const rows: StatsRow[] = [];
  let at = 0;
  let last: Point | undefined;
  for (let timeMs = fromMs; timeMs <= toMs; timeMs += stepMs) {
    while (at < points.length && points[at]!.bucket_ms < timeMs + stepMs) last = points[at++];
    // Without capacity: the pool is gone. What lies outside every CIDR never has one.
    if (last !== undefined && (last.capacity !== '0' || (last.pool === '' && last.allocated > 0))) rows.push(rowOf(last, timeMs));
  }
  return rows;
};

const rowOf = ({ cluster, pool, family, capacity, allocated, revision, kind, lb_pool }: Point, timeMs: number): StatsRow => {
  const size = Number(capacity);
  return {
    time: timeMs, cluster, pool, family, allocated, available: size === 0 ? 0 : Number(BigInt(capacity) - BigInt(allocated)),
    utilization: size === 0 ? null : allocated / size, revision, kind, lbPool: lb_pool,
  };
};
