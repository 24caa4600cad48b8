import { wholeNumberIn } from '@ipledger/runtime';
import { sharedPoolOf } from '@ipledger/services';
import { cutPage, encodeToken, thereAt, tokenIn, viewsOf, waitAsAsked, type AskedLog, type At, type AsOf, type Sources } from './ask.js';
import type { ViewsReader } from './views-reader.js';

interface MemberRow {
  lb_pool: string;
  address: string;
  family: string;
  holder_cluster: string;
  namespace: string;
  name: string;
  uid: string;
  sharing_group: string | null;
  since: Date;
  revision: number;
}

/**
 * Which Services have which addresses of LB pools, in order of address and Service: of a cluster those of its own pools and what it
 * has of shared ones; of a shared pool those of all clusters.
 */
export const queryLbAddresses = async (sources: Sources, log: AskedLog, query: unknown): Promise<object> => {
  const views = viewsOf(sources);
  const limit = wholeNumberIn(query, 'limit', { min: 1, max: 1000, otherwise: 100 });
  const after = (tokenIn(query) ?? ['0.0.0.0', '', '', '']) as [string, string, string, string];
  await waitAsAsked(views, log, query, undefined);
  const { asOf, rows } = await views.read<MemberRow & { shared: boolean }>(log.name,
    `SELECT *, host(ip) AS address FROM (
       SELECT address AS ip, lb_pool, family, holder_cluster, namespace, name, uid, sharing_group, joined_at AS since, joined_revision::float8 AS revision, $7::boolean AS shared FROM views.lb_members WHERE cluster = $1
       UNION ALL SELECT address, lb_pool, family, '', namespace, name, uid, NULL, attached_at, attached_revision::float8, true FROM views.lb_attached WHERE cluster = $1) AS had
     WHERE (ip, holder_cluster, namespace, name) > ($2::inet, $3, $4, $5) ORDER BY ip, holder_cluster, namespace, name LIMIT $6`, [...after, limit + 1, sharedPoolOf(log.name) !== undefined]);
  const { page, last } = cutPage(rows, limit);
  return {
    items: page.map((row) => ({ address: row.address, family: row.family, lbPool: row.lb_pool, shared: row.shared, ...memberOf(row) })), asOf,
    ...(last && { continue: encodeToken([last.address, last.holder_cluster, last.namespace, last.name]) }),
  };
};

/** Services that lack addresses of LB pools, those that have waited longest first. */
export const queryLbWaiting = async (sources: Sources, log: AskedLog, query: unknown): Promise<object> => {
  const views = viewsOf(sources);
  const limit = wholeNumberIn(query, 'limit', { min: 1, max: 1000, otherwise: 100 });
  const [after = 0] = (tokenIn(query) ?? []) as [number?];
  await waitAsAsked(views, log, query, undefined);
  const { asOf, rows } = await views.read<{ namespace: string; name: string; uid: string; families: string[]; reason: string; since: Date; since_revision: number; revision: number }>(log.name,
    `SELECT namespace, name, uid, families, reason, since, since_revision::float8 AS since_revision, revision::float8 AS revision FROM views.lb_waits w
     WHERE w.cluster = $1 AND w.since_revision > $2::bigint ORDER BY w.since_revision LIMIT $3`, [after, limit + 1]);
  const { page, last } = cutPage(rows, limit);
  return {
    items: page.map(({ namespace, name, uid, families, reason, since, revision }) => ({ namespace, name, uid, families, reason, since: since.toISOString(), revision })), asOf, ...(last && { continue: encodeToken([last.since_revision]) }),
  };
};

/** What Services of a cluster had of a shared pool's address: at a moment, or ever, newest first. */
export const readAttached = async (views: ViewsReader, log: AskedLog, address: string, at: At | 'ever'): Promise<{ asOf: AsOf; rows: AttachedRow[] }> => {
  const when = at === 'ever' ? { sql: 'true', value: null }
    : thereAt(at, { revision: 'a.attached_revision', time: 'a.attached_at' }, { revision: 'a.detached_revision', time: 'a.detached_at' }, '$3');
  return views.read<AttachedRow>(log.name,
    `SELECT lb_pool, namespace, name, uid, attached_at, attached_revision::float8 AS attached_revision, detached_at, detached_revision::float8 AS detached_revision, detach_reason
     FROM views.lb_attached_history a WHERE a.cluster = $1 AND a.address = $2::inet AND ${when.sql} ORDER BY a.attached_revision DESC LIMIT 1000`, [address, ...(at === 'ever' ? [] : [when.value])]);
};

export interface AttachedRow {
  lb_pool: string;
  namespace: string;
  name: string;
  uid: string;
  attached_at: Date;
  attached_revision: number;
  detached_at: Date | null;
  detached_revision: number | null;
  detach_reason: string | null;
}

const memberOf = ({ holder_cluster, namespace, name, uid, sharing_group, since, revision }: MemberRow) => ({
  ...(holder_cluster !== '' && { cluster: holder_cluster }), namespace, name, uid, ...(sharing_group !== null && { sharingGroup: sharing_group }), since: since.toISOString(), revision,
});
