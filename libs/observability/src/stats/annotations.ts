import { groupBy } from '../group-by.js';
import { isoOf } from './pool-rows.js';
import type { Filters } from './stats-query.js';
import { filtered, filterValues, type StatsRow, type ViewsDatabase } from './views-database.js';

export const annotationsMax = 1_000;

interface Change {
  cluster: string;
  pool: string;
  family: string;
  at: Date;
  kind: 'added' | 'removed' | 'full' | 'not_full';
}

/**
 * What changes what is to be had: pools that came and went, and from when to when one was full. From the minutes of the
 * usage history, later from its hours and days, so an instant is exact to one of those.
 */
const selectChanges = `SELECT cluster, pool, family, bucket AS at,
    CASE WHEN capacity = 0 THEN 'removed' WHEN coalesce(was_capacity, 0) = 0 THEN 'added' WHEN allocated >= capacity THEN 'full' ELSE 'not_full' END AS kind
  FROM (SELECT h.cluster, h.pool, h.family, h.bucket, h.capacity, h.allocated, was.capacity AS was_capacity, was.allocated AS was_allocated
    FROM views.usage_history h LEFT JOIN LATERAL (SELECT e.capacity, e.allocated FROM views.usage_history e WHERE e.cluster = h.cluster AND e.pool = h.pool
      AND e.family = h.family AND e.step_seconds = h.step_seconds AND e.bucket < h.bucket ORDER BY e.bucket DESC LIMIT 1) AS was ON true
    WHERE ${filtered('h')} AND h.pool <> '' AND h.step_seconds = $4::int AND h.bucket BETWEEN to_timestamp($5::float8 / 1000) AND to_timestamp($6::float8 / 1000)) AS steps
  WHERE (was_capacity = 0) <> (capacity = 0) OR (was_allocated >= was_capacity) <> (allocated >= capacity)
    OR (was_capacity IS NULL AND NOT EXISTS (SELECT FROM views.usage_history e WHERE e.cluster = steps.cluster AND e.pool = steps.pool AND e.family = steps.family
      AND e.step_seconds = 86400 AND e.bucket < date_trunc('day', steps.bucket, 'UTC')))
  ORDER BY bucket DESC, cluster, pool LIMIT ${annotationsMax}`;

const dayMs = 86_400_000;

export const readAnnotations = async (database: ViewsDatabase, filters: Filters, { fromMs, toMs }: { fromMs: number; toMs: number }, nowMs: number): Promise<StatsRow[]> => {
  const step = fromMs >= nowMs - 14 * dayMs ? 60 : fromMs >= nowMs - 400 * dayMs ? 3_600 : 86_400;
  const changes = await database.rows<Change>(selectChanges, [...filterValues(filters), step, fromMs, toMs]);
  const noted = [...groupBy(changes.toReversed(), ({ cluster, pool }) => `${cluster} ${pool}`).values()].flatMap(annotationsOf);
  const found = await readFindings(database, filters, fromMs, toMs);
  return [...noted, ...found].sort((a, b) => (String(a['time']) < String(b['time']) ? -1 : 1)).slice(-annotationsMax);
};

/** What scheduled verifications found; about clusters, so there is none of a pool or a family. */
const readFindings = async (database: ViewsDatabase, { clusters, pools, families }: Filters, fromMs: number, toMs: number): Promise<StatsRow[]> => {
  const [known] = await database.rows<{ known: boolean }>("SELECT to_regclass('views.verify_findings') IS NOT NULL AS known");
  if (known?.known !== true || pools !== null || families !== null) return [];
  const found = await database.rows<{ cluster: string; found_at: Date; ended_at: Date | null; differences: number; example: string }>(
    `SELECT cluster, found_at, ended_at, differences, example FROM views.verify_findings WHERE ($1::text[] IS NULL OR cluster = ANY ($1))
      AND found_at BETWEEN to_timestamp($2::float8 / 1000) AND to_timestamp($3::float8 / 1000) ORDER BY found_at DESC, cluster LIMIT ${annotationsMax}`, [clusters, fromMs, toMs]);
  return found.map(({ cluster, found_at: at, ended_at: end, differences, example }) => ({
    time: isoOf(at.getTime()), timeEnd: isoOf(end?.getTime()), title: 'Difference found by verify',
    text: `${differences} difference${differences === 1 ? '' : 's'} from the log, such as ${example}`, tags: 'verify', cluster,
  }));
};

/** The changes of one pool, in order. What was full and is not any more is one annotation with an end. */
const annotationsOf = (changes: readonly Change[]): StatsRow[] => changes.flatMap(({ cluster, pool, family, at, kind }, index) => {
  const note = (title: string, text: string, tag: string, end?: Date): StatsRow[] =>
    [{ time: isoOf(at.getTime()), timeEnd: isoOf(end?.getTime()), title, text, tags: `${tag},${family}`, cluster }];
  if (kind === 'added') return note('Pool added', `${pool} was added to ${cluster}`, 'pool-added');
  if (kind === 'removed') return note('Pool removed', `${pool} was removed from ${cluster}`, 'pool-removed');
  if (kind === 'full') return note('Pool full', `${pool} of ${cluster} has no free address`, 'exhaustion', changes[index + 1]?.at);
  return changes[index - 1]?.kind === 'full' ? [] : note('Pool no longer full', `${pool} of ${cluster} has free addresses again`, 'exhaustion');
});
