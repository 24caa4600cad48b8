import type { Filters } from './stats-query.js';
import { filtered, filterValues, isShared, type StatsRow, type ViewsDatabase } from './views-database.js';

export const namespacesMax = 1_000;
export const servicesMax = 10_000;
export const optionsMax = 10_000;

/** It is not counted by LB pool, so that a filter on those finds nothing. */
const namespaceUsage = '(SELECT u.*, NULL::text AS lb_pool FROM views.namespace_usage u) AS n';

/** The namespaces of clusters that hold most cluster IPs, by family, and what they hold of the LB pools of their clusters. @param top per answer, over all clusters of it */
export const readNamespaces = (database: ViewsDatabase, filters: Filters, top: number): Promise<StatsRow[]> =>
  database.rows(`SELECT n.cluster, n.namespace, n.family, coalesce(sum(n.allocated) FILTER (WHERE n.kind = 'cluster-ip'), 0)::float8 AS allocated, min(k.revision)::float8 AS revision,
      coalesce(sum(n.allocated) FILTER (WHERE n.kind = 'load-balancer'), 0)::float8 AS "lbAllocated"
    FROM ${namespaceUsage} JOIN views.checkpoints k ON k.cluster = n.cluster
    WHERE ${filtered('n')} AND ($6::text[] IS NULL OR n.namespace = ANY ($6)) AND NOT ${isShared('n')}
    GROUP BY n.cluster, n.namespace, n.family ORDER BY allocated DESC, n.cluster, n.namespace, n.family LIMIT $7`, [...filterValues(filters), filters.namespaces, top]);

/** How many Services there are of each kind. */
export const readServices = (database: ViewsDatabase, { clusters, namespaces }: Filters): Promise<StatsRow[]> =>
  database.rows(`SELECT s.cluster, s.type, s.ip_family_policy AS "ipFamilyPolicy", s.families, s.headless, sum(s.services)::float8 AS count, min(k.revision)::float8 AS revision
    FROM views.service_counts s JOIN views.checkpoints k ON k.cluster = s.cluster
    WHERE ($1::text[] IS NULL OR s.cluster = ANY ($1)) AND ($2::text[] IS NULL OR s.namespace = ANY ($2))
    GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5 LIMIT ${servicesMax}`, [clusters, namespaces]);

export const optionKinds = ['cluster', 'pool', 'namespace', 'family', 'lbPool'] as const;
const optionTexts: Readonly<Record<(typeof optionKinds)[number], string>> = {
  cluster: `SELECT DISTINCT p.cluster AS value FROM views.pools p WHERE ${filtered('p')} AND p.pool <> '' AND NOT ${isShared('p')}`,
  lbPool: `SELECT DISTINCT p.lb_pool AS value FROM views.pools p WHERE ${filtered('p')} AND p.lb_pool IS NOT NULL`,
  pool: `SELECT DISTINCT p.pool AS value FROM views.pools p WHERE ${filtered('p')} AND p.pool <> ''`,
  family: `SELECT DISTINCT p.family AS value FROM views.pools p WHERE ${filtered('p')} AND p.pool <> ''`,
  namespace: `SELECT DISTINCT n.namespace AS value FROM ${namespaceUsage} WHERE ${filtered('n')}`,
};

/** What a variable of a dashboard can be. Other filters narrow it, so that variables can be chained. */
export const readOptions = async (database: ViewsDatabase, of: (typeof optionKinds)[number], filters: Filters): Promise<StatsRow[]> => {
  const rows = await database.rows<{ value: string }>(`${optionTexts[of]} ORDER BY value LIMIT ${optionsMax}`, filterValues(filters));
  return rows.map(({ value }) => ({ __text: value, __value: value }));
};
