import { formatAddress, parseAddress, type Address } from '@ipledger/ip';
import { invalidRequest, problem, ProblemError, wholeNumberIn } from '@ipledger/runtime';
import { bandOf, poolOf, type Pool } from '@ipledger/services';
import { atIn, cutPage, encodeToken, tokenIn, viewsOf, waitAsAsked, type AskedLog, type At, type AsOf, type Sources } from './ask.js';
import { readAttached, type AttachedRow } from './lb-addresses.js';

interface HistoryRow {
  namespace: string;
  name: string;
  uid: string;
  pool: string;
  band: 'static' | 'dynamic' | null;
  allocated_at: Date;
  allocated_revision: number;
  released_at: Date | null;
  released_revision: number | null;
  release_reason: string | null;
  kind: Pool['kind'];
  lb_pool: string | null;
  holder_cluster: string | null;
  sharing_group: string | null;
  /** Who shared it; null where nobody did. */
  members: { cluster: string; namespace: string; name: string; uid: string; from: string; until: string | null }[] | null;
}

const historyColumns = `namespace, name, uid, pool, band, allocated_at, allocated_revision::float8 AS allocated_revision,
  released_at, released_revision::float8 AS released_revision, release_reason, kind, lb_pool, holder_cluster, sharing_group,
  CASE WHEN sharing_group IS NOT NULL THEN (SELECT json_agg(json_build_object('cluster', m.holder_cluster, 'namespace', m.namespace, 'name', m.name, 'uid', m.uid, 'from', m.joined_at, 'until', m.left_at) ORDER BY m.joined_revision)
    FROM views.lb_member_history m WHERE m.cluster = h.cluster AND m.address = h.address AND m.joined_revision > h.allocated_revision
      AND (h.released_revision IS NULL OR m.joined_revision < h.released_revision)) END AS members`;

/**
 * Who holds an address, and who held it before, newest first. The holder comes from the claims, which are written in the
 * commit of the command, so that it is right at once; the history comes from the views. With `at` the holder is the one of
 * that moment. An address of a shared LB pool that Services of the cluster have is answered for from what they have of it.
 */
export const queryAddress = async (sources: Sources, log: AskedLog, text: string, query: unknown): Promise<object> => {
  const address = parseAddress(text);
  if (address === undefined) throw invalidRequest('ip', text, 'is not an IP address; write it as 10.96.0.10 or fd00:10:96::a');
  const at = atIn(query, log.revision);
  return at === undefined ? addressNow(sources, log, address, query) : addressAt(sources, log, address, at, query);
};

const addressNow = async (sources: Sources, log: AskedLog, address: Address, query: unknown): Promise<object> => {
  const canonical = formatAddress(address);
  const claim = await sources.store.claim(log.id, canonical);
  const pool = poolOf(log.pools, address);
  const { history, ...past } = await readHistory(sources, log, canonical, query);
  const isOurs = claim !== undefined || pool !== undefined;
  if (!isOurs && history.length === 0) {
    const attached = sources.views === null ? [] : (await readAttached(sources.views, log, canonical, 'ever')).rows;
    if (attached.length === 0) throw notInPools(log, canonical);
    return { ...attachedView(address, attached.filter(({ detached_revision }) => detached_revision === null), attached), asOf: { revision: log.revision, time: new Date().toISOString() }, ...past };
  }
  return {
    ...described(address, pool),
    holder: claim === undefined ? null : { namespace: claim.namespace, name: claim.name, uid: claim.uid, since: claim.since.toISOString(), revision: claim.revision },
    ...(pool?.kind === 'load-balancer' && claim !== undefined && await sharersOf(sources, log, canonical)),
    ...await heldBack(sources, log, canonical, pool),
    asOf: { revision: Math.max(log.revision, claim?.revision ?? 0), time: new Date().toISOString() },
    history, ...past,
  };
};

/** The Services that have an address of an LB pool, right at once; and the key by which they share it, if they do. */
const sharersOf = async ({ store }: Sources, { id }: AskedLog, address: string): Promise<object> => {
  const members = await store.lbMembers(id, address);
  const sharingGroup = members[0]?.sharingKey ?? null;
  return {
    ...(sharingGroup !== null && { sharingGroup }),
    members: members.map(({ cluster, namespace, name, uid, ports, revision }) => ({ ...(cluster !== '' && { cluster }), namespace, name, uid, ports, revision })),
  };
};

/** Of a shared pool: several have it when they share it, then the holder is the first of them. @param had also those of before, newest first */
const attachedView = (address: Address, has: readonly AttachedRow[], had: readonly AttachedRow[]): object => {
  const holders = has.toReversed().map(({ namespace, name, uid, attached_at, attached_revision }) => ({ namespace, name, uid, since: attached_at.toISOString(), revision: attached_revision }));
  return {
    ...described(address, undefined), kind: 'load-balancer', lbPool: had[0]?.lb_pool ?? null, shared: true, holder: holders[0] ?? null, members: holders,
    history: had.map((row) => ({
      namespace: row.namespace, name: row.name, uid: row.uid, pool: null, band: null, kind: 'load-balancer', lbPool: row.lb_pool, from: { revision: row.attached_revision, time: row.attached_at.toISOString() },
      ...endOf({ released_revision: row.detached_revision, released_at: row.detached_at, release_reason: row.detach_reason }),
    })),
  };
};

/** The reservation that it lies in, and its cool-down; members are left out where there is none. */
const heldBack = async ({ store }: Sources, { id }: AskedLog, address: string, pool: Pool | undefined): Promise<object> => {
  const { reservation, cooling } = await store.heldBack(id, address, new Date());
  return {
    ...(reservation !== undefined && { reservation: { ...reservation, createdAt: reservation.createdAt.toISOString() } }),
    ...(cooling !== undefined && (pool?.coolDownSeconds ?? 0) > 0 && { coolDown: { until: cooling.until.toISOString(), ...(cooling.cluster !== undefined && cooling.cluster !== '' && { cluster: cooling.cluster }), namespace: cooling.namespace, name: cooling.name, uid: cooling.uid } }),
  };
};

/** Where no views are served the history is left out, and who holds the address now is answered all the same. */
const readHistory = async (sources: Sources, log: AskedLog, address: string, query: unknown): Promise<{ history: object[]; historyAsOf: AsOf | null; continue?: string }> => {
  if (sources.views === null) return { history: [], historyAsOf: null };
  await waitAsAsked(sources.views, log, query, undefined);
  const limit = wholeNumberIn(query, 'limit', { min: 1, max: 1000, otherwise: 100 });
  const [before = Number.MAX_SAFE_INTEGER] = (tokenIn(query) ?? []) as [number?];
  const { asOf, rows } = await sources.views.read<HistoryRow>(log.name,
    `SELECT ${historyColumns} FROM views.address_history h WHERE h.cluster = $1 AND h.address = $2::inet AND h.allocated_revision < $3::bigint
     ORDER BY h.allocated_revision DESC LIMIT $4`, [address, before, limit + 1], 'views_address_history');
  const { page, last } = cutPage(rows, limit);
  return { history: page.map(holdingOf), historyAsOf: asOf, ...(last && { continue: encodeToken([last.allocated_revision]) }) };
};

const addressAt = async (sources: Sources, log: AskedLog, address: Address, at: At, query: unknown): Promise<object> => {
  const views = viewsOf(sources);
  await waitAsAsked(views, log, query, at);
  const canonical = formatAddress(address);
  const [from, value] = 'revision' in at ? ['allocated_revision <= $3::bigint', at.revision] : ['allocated_at <= $3::timestamptz', at.time];
  // The last one that began by then: of two at one time (clocks differ) the later in the log.
  const { asOf, rows: [row] } = await views.read<HistoryRow>(log.name,
    `SELECT ${historyColumns} FROM views.address_history h WHERE h.cluster = $1 AND h.address = $2::inet AND h.${from} ORDER BY h.allocated_revision DESC LIMIT 1`, [canonical, value]);
  const isHeld = row !== undefined && ('revision' in at ? (row.released_revision ?? Infinity) > at.revision : row.released_at === null || row.released_at.toISOString() > at.time);
  const pool = poolOf(log.pools, address);
  if (!isHeld && pool === undefined && row === undefined) {
    const attached = await readAttached(views, log, canonical, 'ever');
    if (attached.rows.length === 0) throw notInPools(log, canonical);
    const { history: _, ...view } = attachedView(address, (await readAttached(views, log, canonical, at)).rows, attached.rows) as { history: object[] };
    return { ...view, at, asOf: attached.asOf };
  }
  return {
    ...described(address, pool),
    ...(isHeld && { pool: row.pool === '' ? null : row.pool, band: row.band, ...ofPool(row) }),
    at, holder: isHeld ? { namespace: row.namespace, name: row.name, uid: row.uid, since: row.allocated_at.toISOString(), revision: row.allocated_revision, ...endOf(row) } : null,
    asOf,
  };
};

const described = (address: Address, pool: Pool | undefined) => ({
  address: formatAddress(address),
  family: address.family,
  pool: pool?.name ?? null,
  band: pool === undefined ? null : bandOf(pool, address.value),
  kind: pool?.kind ?? 'cluster-ip',
  lbPool: pool?.lbPool ?? null,
});

/** What there is to say of a holding because it is of an LB pool. */
const ofPool = ({ kind, lb_pool, holder_cluster, sharing_group, members }: HistoryRow) => ({
  kind, lbPool: lb_pool, ...(holder_cluster !== null && { cluster: holder_cluster }), ...(sharing_group !== null && {
    sharingGroup: sharing_group,
    members: (members ?? []).map(({ cluster, from, until, ...service }) => ({ ...(cluster !== '' && { cluster }), ...service, from: new Date(from).toISOString(), until: until && new Date(until).toISOString() })),
  }),
});

const holdingOf = (row: HistoryRow): object => ({
  namespace: row.namespace, name: row.name, uid: row.uid, pool: row.pool === '' ? null : row.pool, band: row.band, ...ofPool(row),
  from: { revision: row.allocated_revision, time: row.allocated_at.toISOString() }, ...endOf(row),
});

/** When and why it was released; null while it is held. */
const endOf = ({ released_revision, released_at, release_reason }: Pick<HistoryRow, 'released_revision' | 'released_at' | 'release_reason'>) => ({
  until: released_revision === null ? null : { revision: released_revision, time: released_at?.toISOString() ?? null, reason: release_reason },
});

const notInPools = ({ pools }: AskedLog, address: string): ProblemError =>
  new ProblemError(problem('address_not_in_pools', `${address} is in none of ${pools.map(({ name }) => name).join(', ')}, and nobody holds it`));
