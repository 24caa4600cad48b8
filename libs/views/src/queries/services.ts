import { invalidRequest, wholeNumberIn } from '@ipledger/runtime';
import { askedCluster, atIn, cutPage, encodeToken, thereAt, tokenIn, viewsOf, waitAsAsked, type At, type Sources } from './ask.js';

interface ServiceRow {
  namespace: string;
  name: string;
  uid: string;
  type: string;
  ip_family_policy: string;
  ip_families: string[];
  cluster_ips: string[];
  headless: boolean;
  created_at: Date | null;
  revision: number;
  changed_at: Date;
  unsatisfied: boolean;
}

/**
 * The Services of a cluster as of a moment, now unless told, in order of (namespace, name). Pages that follow are of the same
 * moment. `unsatisfied` is judged by the families that the cluster has now.
 */
export const queryServices = async (sources: Sources, name: string, query: unknown): Promise<object> => {
  const views = viewsOf(sources);
  const cluster = await askedCluster(sources, name);
  const limit = wholeNumberIn(query, 'limit', { min: 1, max: 1000, otherwise: 100 });
  const [namespaceAfter = '', nameAfter = '', fixed] = (tokenIn(query) ?? []) as [string?, string?, At?];
  const at = fixed ?? atIn(query, cluster.revision);
  await waitAsAsked(views, cluster, query, at);
  const values: unknown[] = [namespaceAfter, nameAfter, limit + 1];
  const bind = (value: unknown): string => `$${values.push(value) + 1}`;
  const conditions = filtersIn(query, bind);
  if (at === undefined) conditions.push('s.until_revision IS NULL');
  else {
    const parameter = bind(null);
    const when = thereAt(at, { revision: 's.revision', time: 's.changed_at' }, { revision: 's.until_revision', time: 's.until_at' }, parameter);
    values[values.length - 1] = when.value;
    conditions.push(when.sql);
  }
  const { asOf, rows } = await views.read<ServiceRow>(name,
    `SELECT * FROM (SELECT s.namespace, s.name, s.uid, s.type, s.ip_family_policy, s.ip_families, s.cluster_ips, s.headless, s.created_at, s.revision::float8 AS revision, s.changed_at,
       s.until_revision, s.until_at, s.ip_family_policy = 'PreferDualStack' AND cardinality(s.ip_families) = 1 AND cardinality(c.families) = 2 AS unsatisfied
       FROM views.service_versions s JOIN views.clusters c ON c.cluster = s.cluster WHERE s.cluster = $1 AND (s.namespace, s.name) > ($2, $3)) AS s
     WHERE ${conditions.join(' AND ')} ORDER BY s.namespace, s.name LIMIT $4`, values);
  const { page, last } = cutPage(rows, limit);
  return {
    items: page.map(serviceOf), asOf, ...(at && { at }),
    ...(last && { continue: encodeToken([last.namespace, last.name, at ?? { revision: asOf.revision }]) }),
  };
};

/** `?namespace=`, `?type=`, `?ipFamilyPolicy=`, `?headless=`, `?unsatisfied=`: what a Service must be to be listed. */
const filtersIn = (query: unknown, bind: (value: unknown) => string): string[] => {
  const given = query as Record<string, unknown>;
  const conditions: string[] = [];
  for (const [parameter, column] of [['namespace', 'namespace'], ['type', 'type'], ['ipFamilyPolicy', 'ip_family_policy']] as const) {
    const value = given[parameter];
    if (value !== undefined && (typeof value !== 'string' || value.includes('\0'))) throw invalidRequest(parameter, value, 'must be given once, as text');
    if (value !== undefined) conditions.push(`s.${column} = ${bind(value)}`);
  }
  for (const parameter of ['headless', 'unsatisfied'] as const) {
    const value = given[parameter];
    if (value !== undefined && value !== 'true' && value !== 'false') throw invalidRequest(parameter, value, 'is neither true nor false');
    if (value !== undefined) conditions.push(`s.${parameter} = ${bind(value)}::boolean`);
  }
  return conditions;
};

const serviceOf = (row: ServiceRow) => ({
  namespace: row.namespace, name: row.name, uid: row.uid, type: row.type, ipFamilyPolicy: row.ip_family_policy === 'none' ? null : row.ip_family_policy, ipFamilies: row.ip_families,
  clusterIPs: row.headless ? ['None'] : row.cluster_ips, headless: row.headless, unsatisfied: row.unsatisfied,
  createdAt: row.created_at?.toISOString() ?? null, revision: row.revision, changedAt: row.changed_at.toISOString(),
});
