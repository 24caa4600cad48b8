import { clusterOf, isShared, lagMax, sampleCount, samplesSql, windowMsMin } from '@ipledger/observability';

interface SqlView {
  name: string;
  comment: string;
  query: string;
}

/** When `free` addresses are gone at so many a second; nothing past a century, as in the lists. */
const fullAt = (free: string, slope: string): string =>
  `CASE WHEN t.middle > 0 AND ${free} > 0 AND t.${slope} > 0 AND ${free} / t.${slope} < 3153600000 THEN now() + ${free}::float8 / t.${slope} * interval '1 second' END`;
const forecastColumns = (free: string): string => `CASE WHEN t.middle > 0 AND ${free} > 0 THEN t.middle * 86400 END AS trend_per_day,
    ${fullAt(free, 'fast')} AS exhausts_at_earliest,
    ${fullAt(free, 'slow')} AS exhausts_at_latest`;

/** The quartiles of the slopes between samples that lie at most a quarter of the window apart, in addresses a second. docs/observability.md says why. */
const trendFunction = `CREATE OR REPLACE FUNCTION grafana.trend(samples numeric[], began timestamptz) RETURNS TABLE (slow float8, middle float8, fast float8) LANGUAGE sql STABLE AS $$
  SELECT q[1], q[2], q[3] FROM (
    SELECT percentile_cont(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY (later.v - earlier.v)::float8 / ((later.i - earlier.i) * extract(epoch FROM now() - began)::float8 / ${sampleCount - 1})) AS q
    FROM unnest(samples) WITH ORDINALITY AS later (v, i) JOIN unnest(samples) WITH ORDINALITY AS earlier (v, i) ON later.i - earlier.i BETWEEN 1 AND ${lagMax}
    WHERE now() - began >= interval '${windowMsMin / 1000} seconds') AS quartiles
$$`;

const pools = `SELECT p.cluster, p.pool, p.family, p.kind, p.lb_pool, p.state, p.position, p.prefix_length, p.capacity, p.allocated,
    CASE p.state WHEN 'open' THEN p.reserved ELSE p.capacity - p.allocated END AS reserved,
    CASE p.state WHEN 'open' THEN p.cooling_down ELSE 0 END AS cooling_down, CASE p.state WHEN 'open' THEN p.available ELSE 0 END AS available,
    (SELECT b.allocated FROM views.pool_bands b WHERE b.cluster = p.cluster AND b.pool = p.pool AND b.family = p.family AND b.band = 'static') AS static_allocated,
    (SELECT b.allocated FROM views.pool_bands b WHERE b.cluster = p.cluster AND b.pool = p.pool AND b.family = p.family AND b.band = 'dynamic') AS dynamic_allocated, k.revision
  FROM views.pools p JOIN views.checkpoints k ON k.cluster = p.cluster WHERE p.pool <> ''`;
const samples = samplesSql('now()');

/** The history without repeats: its minutes while they are kept, before that its hours, and before that its days. */
const history = `SELECT h.cluster, h.pool, h.family, h.step_seconds, h.bucket, h.capacity, h.allocated, h.available, h.revision, h.kind, h.lb_pool FROM views.usage_history h
  WHERE h.step_seconds = 60 OR (h.step_seconds = 3600 AND h.bucket < now() - interval '14 days') OR (h.step_seconds = 86400 AND h.bucket < now() - interval '400 days')`;
const sameBefore = (alias: string): string => `views.usage_history e WHERE e.cluster = ${alias}.cluster AND e.pool = ${alias}.pool AND e.family = ${alias}.family AND e.step_seconds = ${alias}.step_seconds`;

const views: readonly SqlView[] = [
  {
    name: 'grafana_pools', comment: 'One row per cluster, pool and family, as of a revision: Service CIDRs (kind cluster-ip) and ranges of LB pools (kind load-balancer, lb_pool; those of a shared LB pool have the cluster \'\'). A draining pool has nothing available: what is free in it is reserved.',
    query: `SELECT ${clusterOf('p')} AS cluster, p.pool, p.family, p.state, p.prefix_length, p.capacity, p.allocated, p.reserved, p.cooling_down, p.available,
    CASE WHEN p.capacity > 0 THEN ((p.capacity - p.available) / p.capacity)::float8 END AS utilization, p.static_allocated, p.dynamic_allocated,
    ${forecastColumns('p.available')}, p.revision, p.kind, p.lb_pool
  FROM (${pools}) AS p
  LEFT JOIN (${samples}) AS s ON s.cluster = p.cluster AND s.pool = p.pool AND s.family = p.family
  LEFT JOIN LATERAL grafana.trend(s.samples || p.allocated, s.began) AS t ON true`,
  },
  {
    name: 'grafana_clusters', comment: 'One row per cluster and family, its Service CIDRs summed. Utilization and forecast are those of its open pools.',
    query: `SELECT p.cluster, p.family, p.cidrs, p.capacity, p.allocated, p.reserved, p.cooling_down, p.available,
    CASE WHEN p.judged > 0 THEN ((p.judged - p.available) / p.judged)::float8 END AS utilization, p.static_allocated, p.dynamic_allocated,
    ${forecastColumns('p.available')}, p.revision
  FROM (SELECT cluster, family, string_agg(pool, ',' ORDER BY position) AS cidrs, sum(capacity) AS capacity, sum(allocated)::bigint AS allocated, sum(reserved) AS reserved, sum(cooling_down) AS cooling_down, sum(available) AS available,
      CASE count(*) WHEN 1 THEN sum(capacity) ELSE sum(capacity) FILTER (WHERE state = 'open') END AS judged, sum(allocated) FILTER (WHERE state = 'open') AS open_allocated,
      sum(static_allocated)::bigint AS static_allocated, sum(dynamic_allocated)::bigint AS dynamic_allocated, min(revision) AS revision
    FROM (${pools} AND p.kind = 'cluster-ip') AS each GROUP BY cluster, family) AS p
  LEFT JOIN (SELECT cluster, family, min(began) AS began, array_agg(used ORDER BY i) AS samples FROM (
      SELECT s.cluster, s.family, a.i, min(s.family_began) AS began, sum(a.v) AS used FROM (${samples}) AS s
      CROSS JOIN LATERAL unnest(coalesce(s.family_samples, s.samples)) WITH ORDINALITY AS a (v, i) WHERE s.lb_pool IS NULL GROUP BY s.cluster, s.family, a.i) AS sums GROUP BY cluster, family) AS s
    ON s.cluster = p.cluster AND s.family = p.family
  LEFT JOIN LATERAL grafana.trend(s.samples || p.open_allocated, s.began) AS t ON true`,
  },
  {
    name: 'grafana_pool_history', comment: 'A row where something changed, the last value of its step (minutes for 14 days, hours for 400, then days); in between the value stays.',
    query: `SELECT h.bucket AS "time", ${clusterOf('h')} AS cluster, h.pool, h.family, h.allocated, h.available, CASE WHEN h.capacity > 0 THEN (h.allocated / h.capacity)::float8 END AS utilization, h.revision, h.kind, h.lb_pool
  FROM (${history}) AS h`,
  },
  {
    name: 'grafana_namespaces', comment: 'Cluster IPs that a namespace holds, by family; lb_allocated are those of LB pools of its cluster.',
    query: `SELECT n.cluster, n.namespace, n.family, coalesce(sum(n.allocated) FILTER (WHERE n.kind = 'cluster-ip'), 0)::bigint AS allocated, min(k.revision) AS revision,
    coalesce(sum(n.allocated) FILTER (WHERE n.kind = 'load-balancer'), 0)::bigint AS lb_allocated
  FROM views.namespace_usage n JOIN views.checkpoints k ON k.cluster = n.cluster WHERE NOT ${isShared('n')} GROUP BY n.cluster, n.namespace, n.family`,
  },
  {
    name: 'grafana_services', comment: 'How many Services there are of each kind.',
    query: `SELECT s.cluster, s.type, s.ip_family_policy, s.families, s.headless, sum(s.services)::bigint AS count, min(k.revision) AS revision
  FROM views.service_counts s JOIN views.checkpoints k ON k.cluster = s.cluster GROUP BY s.cluster, s.type, s.ip_family_policy, s.families, s.headless`,
  },
  {
    name: 'grafana_annotations', comment: 'Pools that came and went, and from when to when one was full, exact to a step of the history; and what verifications found.',
    query: `SELECT "time", time_end, title, pool || coalesce(' of LB pool ' || lb_pool, '') || CASE title WHEN 'Pool added' THEN ' was added to ' WHEN 'Pool removed' THEN ' was removed from ' ELSE ' is full in ' END || CASE WHEN ${isShared('noted')} THEN 'the shared LB pools' ELSE cluster END AS text,
    CASE title WHEN 'Pool added' THEN 'pool-added' WHEN 'Pool removed' THEN 'pool-removed' ELSE 'exhaustion' END || ',' || family AS tags, ${clusterOf('noted')} AS cluster, lb_pool, CASE WHEN lb_pool IS NULL THEN 'cluster-ip' ELSE 'load-balancer' END AS kind
  FROM (SELECT h.bucket AS "time", h.cluster, h.pool, h.family, h.lb_pool,
      CASE WHEN h.capacity > 0 AND h.allocated >= h.capacity AND coalesce(was.allocated < was.capacity OR was.capacity = 0, true) THEN
        (SELECT min(e.bucket) FROM ${sameBefore('h')} AND e.bucket > h.bucket AND e.allocated < e.capacity) END AS time_end,
      CASE WHEN h.capacity = 0 AND was.capacity > 0 THEN 'Pool removed' WHEN h.capacity > 0 AND h.allocated >= h.capacity AND (was.allocated < was.capacity OR was.capacity = 0) THEN 'Pool full'
        WHEN h.capacity > 0 AND (was.capacity = 0 OR was.capacity IS NULL AND NOT EXISTS (SELECT FROM views.usage_history e WHERE e.cluster = h.cluster AND e.pool = h.pool AND e.family = h.family
          AND e.step_seconds = 86400 AND e.bucket < date_trunc('day', h.bucket, 'UTC'))) THEN 'Pool added' END AS title
    FROM (${history}) AS h LEFT JOIN LATERAL (SELECT e.capacity, e.allocated FROM ${sameBefore('h')} AND e.bucket < h.bucket ORDER BY e.bucket DESC LIMIT 1) AS was ON true
    WHERE h.pool <> '') AS noted WHERE title IS NOT NULL
  UNION ALL SELECT found_at, ended_at, 'Difference found by verify', differences || CASE differences WHEN 1 THEN ' difference' ELSE ' differences' END || ' from the log, such as ' || example, 'verify', ${clusterOf('f')}, NULL, NULL
  FROM views.verify_findings f`,
  },
  {
    name: 'grafana_lb_waiting', comment: 'Services that lack addresses of LB pools: which families, why, and since when without a break.',
    query: 'SELECT w.cluster, w.namespace, w.name, array_to_string(w.families, \',\') AS families, w.reason, w.since, w.revision FROM views.lb_waits w',
  },
];

/** What an operator runs once on the database of the views, and again after an upgrade: psql -f. */
export const grafanaSql = (note: string): string => `-- ${note}
-- Views for Grafana's PostgreSQL data source, and a role that may read them and nothing else. Run it on the database of the views, as
-- their owner, once the projector has made them; again after an upgrade. Then give the role a password:
--   ALTER ROLE ipledger_grafana LOGIN PASSWORD '...';
BEGIN;
CREATE SCHEMA IF NOT EXISTS grafana;
${trendFunction};
${views.map(({ name }) => `DROP VIEW IF EXISTS grafana.${name};`).join('\n')}
${views.map(({ name, comment, query }) => `CREATE VIEW grafana.${name} AS ${query};\nCOMMENT ON VIEW grafana.${name} IS '${comment.replaceAll("'", "''")}';`).join('\n\n')}

DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ipledger_grafana') THEN CREATE ROLE ipledger_grafana NOLOGIN; END IF;
END $$;
ALTER ROLE ipledger_grafana SET search_path = grafana;
ALTER ROLE ipledger_grafana SET default_transaction_read_only = on;
ALTER ROLE ipledger_grafana SET statement_timeout = '30s';
GRANT USAGE ON SCHEMA grafana TO ipledger_grafana;
GRANT SELECT ON ALL TABLES IN SCHEMA grafana TO ipledger_grafana;
COMMIT;
`;
