import { groupBy } from '../group-by.js';
import { isoOf } from './pool-rows.js';
import type { Filters } from './stats-query.js';
import { clusterOf, filtered, filterValues, type StatsRow, type ViewsDatabase } from './views-database.js';

export const annotationsMax = 1_000;

interface Change {
  cluster: string;
  pool: string;
  family: string;
  at: Date;
  change: 'added' | 'removed' | 'full' | 'not_full';
  /** null for a Service CIDR. */
  lb_pool: string | null;
}

/**
 * What changes what is to be had: pools that came and went, and from when to when one was full. From the minutes of the
 * usage history, later from its hours and days, so an instant is exact to one of those.
 */
const selectChanges = `SELECT ${clusterOf('steps')} AS cluster, pool, family, lb_pool, bucket AS at,
    CASE WHEN capacity = 0 THEN 'removed' WHEN coalesce(was_capacity, 0) = 0 THEN 'added' WHEN allocated >= capacity THEN 'full' ELSE 'not_full' END AS change
  FROM (SELECT h.cluster, h.pool, h.family, h.lb_pool, h.bucket, h.capacity, h.allocated, was.capacity AS was_capacity, was.allocated AS was_allocated
    FROM views.usage_history h LEFT JOIN LATERAL (SELECT e.capacity, e.allocated FROM views.usage_history e WHERE e.cluster = h.cluster AND e.pool = h.pool
      AND e.family = h.family AND e.step_seconds = h.step_seconds AND e.bucket < h.bucket ORDER BY e.bucket DESC LIMIT 1) AS was ON true
    WHERE ${filtered('h')} AND h.pool <> '' AND h.step_seconds = $6::int AND h.bucket BETWEEN to_timestamp($7::float8 / 1000) AND to_timestamp($8::float8 / 1000)) AS steps
  WHERE (was_capacity = 0) <> (capacity = 0) OR (was_allocated >= was_capacity) <> (allocated >= capacity)
    OR (was_capacity IS NULL AND NOT EXISTS (SELECT FROM views.usage_history e WHERE e.cluster = steps.cluster AND e.pool = steps.pool AND e.family = steps.family
      AND e.step_seconds = 86400 AND e.bucket < date_trunc('day', steps.bucket, 'UTC')))
  ORDER BY bucket DESC, steps.cluster, pool LIMIT ${annotationsMax}`;

const dayMs = 86_400_000;

export const readAnnotations = async (database: ViewsDatabase, filters: Filters, { fromMs, toMs }: { fromMs: number; toMs: number }, nowMs: number): Promise<StatsRow[]> => {
  const step = fromMs >= nowMs - 14 * dayMs ? 60 : fromMs >= nowMs - 400 * dayMs ? 3_600 : 86_400;
  const changes = await database.rows<Change>(selectChanges, [...filterValues(filters), step, fromMs, toMs]);
  const noted = [...groupBy(changes.toReversed(), ({ cluster, lb_pool, pool }) => `${cluster} ${lb_pool} ${pool}`).values()].flatMap(annotationsOf);
  const found = await readFindings(database, filters, fromMs, toMs);
  return [...noted, ...found].sort((a, b) => (String(a['time']) < String(b['time']) ? -1 : 1)).slice(-annotationsMax);
};

/** What scheduled verifications found; about clusters, so there is none of a pool or a family. */
const readFindings = async (database: ViewsDatabase, { clusters, pools, families, kinds, lbPools }: Filters, fromMs: number, toMs: number): Promise<StatsRow[]> => {
  const [known] = await database.rows<{ known: boolean }>("SELECT to_regclass('views.verify_findings') IS NOT NULL AS known");
  if (known?.known !== true || [pools, families, kinds, lbPools].some((list) => list !== null)) return [];
  const found = await database.rows<{ cluster: string; found_at: Date; ended_at: Date | null; differences: number; example: string }>(
    `SELECT ${clusterOf('f')} AS cluster, found_at, ended_at, differences, example FROM views.verify_findings f WHERE ($1::text[] IS NULL OR cluster = ANY ($1))
      AND found_at BETWEEN to_timestamp($2::float8 / 1000) AND to_timestamp($3::float8 / 1000) ORDER BY found_at DESC, f.cluster LIMIT ${annotationsMax}`, [clusters, fromMs, toMs]);
  return found.map(({ cluster, found_at: at, ended_at: end, differences, example }) => ({
    time: isoOf(at.getTime()), timeEnd: isoOf(end?.getTime()), title: 'Difference found by verify',
    text: `${differences} difference${differences === 1 ? '' : 's'} from the log, such as ${example}`, tags: 'verify', cluster, kind: null, lbPool: null,
  }));
};

/** The changes of one pool, in order. What was full and is not any more is one annotation with an end. */
const annotationsOf = (changes: readonly Change[]): StatsRow[] => changes.flatMap(({ cluster, pool, family, lb_pool, at, change }, index) => {
  const note = (title: string, text: string, tag: string, end?: Date): StatsRow[] =>
    [{ time: isoOf(at.getTime()), timeEnd: isoOf(end?.getTime()), title, text, tags: `${tag},${family}`, cluster, kind: lb_pool === null ? 'cluster-ip' : 'load-balancer', lbPool: lb_pool }];
  const range = lb_pool === null ? pool : `${pool} of LB pool ${lb_pool}`;
  const where = cluster === '' ? 'the shared LB pools' : cluster;
  if (change === 'added') return note('Pool added', `${range} was added to ${where}`, 'pool-added');
  if (change === 'removed') return note('Pool removed', `${range} was removed from ${where}`, 'pool-removed');
  if (change === 'full') return note('Pool full', `${range} of ${where} has no free address`, 'exhaustion', changes[index + 1]?.at);
  return changes[index - 1]?.change === 'full' ? [] : note('Pool no longer full', `${range} of ${where} has free addresses again`, 'exhaustion');
});
