import { sampleCount, windowMsMax } from '../forecast.js';

/**
 * Addresses in use at an instant: the newest row of the history. Where the minutes are gone, nothing has changed since: then
 * the hours know, and then the days.
 */
const usedAt = (at: string): string => `coalesce(${[60, 3_600, 86_400].map((seconds) => `(SELECT h.allocated FROM views.usage_history h WHERE h.cluster = w.cluster AND h.pool = w.pool
        AND h.family = w.family AND h.step_seconds = ${seconds} AND h.bucket <= ${at} ORDER BY h.bucket DESC LIMIT 1)`).join(', ')}, 0)`;

const instant = (began: string, now: string): string => `${began} + (${now} - ${began}) * i / ${sampleCount - 1}`;

/**
 * What a forecast is made of: use of each open pool at evenly spaced instants of its past, the present left out; and at
 * those of the family, whose window is that of its oldest open pool (null where that is the same).
 * @param now SQL of the present
 */
export const samplesSql = (now: string): string => `SELECT w.cluster, w.pool, w.family, w.lb_pool, w.began, w.family_began,
    ARRAY(SELECT ${usedAt(instant('w.began', now))} FROM generate_series(0, ${sampleCount - 2}) AS i ORDER BY i) AS samples,
    CASE WHEN w.family_began < w.began THEN
      ARRAY(SELECT CASE WHEN ${instant('w.family_began', now)} < w.began THEN 0 ELSE ${usedAt(instant('w.family_began', now))} END FROM generate_series(0, ${sampleCount - 2}) AS i ORDER BY i)
    END AS family_samples
  FROM (SELECT b.*, min(b.began) OVER (PARTITION BY b.cluster, b.family, b.lb_pool) AS family_began FROM (
      SELECT p.cluster, p.pool, p.family, p.lb_pool, greatest(p.declared_at, ${now} - interval '${windowMsMax / 1000} seconds') AS began
      FROM views.pools p WHERE p.pool <> '' AND p.state = 'open') AS b) AS w`;
