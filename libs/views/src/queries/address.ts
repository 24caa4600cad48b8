import { formatAddress, parseAddress, type Address } from '@ipledger/ip';
import { invalidRequest, problem, ProblemError, wholeNumberIn } from '@ipledger/runtime';
import { bandOf, poolOf, type Pool } from '@ipledger/services';
import { atIn, cutPage, encodeToken, tokenIn, viewsOf, waitAsAsked, askedCluster, type AskedCluster, type At, type AsOf, type Sources } from './ask.js';

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
}

const historyColumns = `namespace, name, uid, pool, band, allocated_at, allocated_revision::float8 AS allocated_revision,
  released_at, released_revision::float8 AS released_revision, release_reason`;

/**
 * Who holds an address, and who held it before, newest first. The holder comes from the claims, which are written in the
 * commit of the command, so that it is right at once; the history comes from the views. With `at` the holder is the one of
 * that moment.
 */
export const queryAddress = async (sources: Sources, name: string, text: string, query: unknown): Promise<object> => {
  const cluster = await askedCluster(sources, name);
  const address = parseAddress(text);
  if (address === undefined) throw invalidRequest('ip', text, 'is not an IP address; write it as 10.96.0.10 or fd00:10:96::a');
  const at = atIn(query, cluster.revision);
  return at === undefined ? addressNow(sources, cluster, address, query) : addressAt(sources, cluster, address, at, query);
};

const addressNow = async (sources: Sources, cluster: AskedCluster, address: Address, query: unknown): Promise<object> => {
  const canonical = formatAddress(address);
  const claim = await sources.store.claim(cluster.id, canonical);
  const pool = poolOf(cluster.pools, address);
  const { history, ...past } = await readHistory(sources, cluster, canonical, query);
  if (claim === undefined && pool === undefined && history.length === 0) throw notInPools(cluster, canonical);
  return {
    ...described(address, pool),
    holder: claim === undefined ? null : { namespace: claim.namespace, name: claim.name, uid: claim.uid, since: claim.since.toISOString(), revision: claim.revision },
    ...await heldBack(sources, cluster, canonical, pool),
    asOf: { revision: Math.max(cluster.revision, claim?.revision ?? 0), time: new Date().toISOString() },
    history, ...past,
  };
};

/** The reservation that it lies in, and its cool-down; members are left out where there is none. */
const heldBack = async ({ store }: Sources, { id }: AskedCluster, address: string, pool: Pool | undefined): Promise<object> => {
  const { reservation, cooling } = await store.heldBack(id, address, new Date());
  return {
    ...(reservation !== undefined && { reservation: { ...reservation, createdAt: reservation.createdAt.toISOString() } }),
    ...(cooling !== undefined && (pool?.coolDownSeconds ?? 0) > 0 && { coolDown: { until: cooling.until.toISOString(), namespace: cooling.namespace, name: cooling.name, uid: cooling.uid } }),
  };
};

/** Where no views are served the history is left out, and who holds the address now is answered all the same. */
const readHistory = async (sources: Sources, cluster: AskedCluster, address: string, query: unknown): Promise<{ history: object[]; historyAsOf: AsOf | null; continue?: string }> => {
  if (sources.views === null) return { history: [], historyAsOf: null };
  await waitAsAsked(sources.views, cluster, query, undefined);
  const limit = wholeNumberIn(query, 'limit', { min: 1, max: 1000, otherwise: 100 });
  const [before = Number.MAX_SAFE_INTEGER] = (tokenIn(query) ?? []) as [number?];
  const { asOf, rows } = await sources.views.read<HistoryRow>(cluster.name,
    `SELECT ${historyColumns} FROM views.address_history h WHERE h.cluster = $1 AND h.address = $2::inet AND h.allocated_revision < $3::bigint
     ORDER BY h.allocated_revision DESC LIMIT $4`, [address, before, limit + 1], 'views_address_history');
  const { page, last } = cutPage(rows, limit);
  return { history: page.map(holdingOf), historyAsOf: asOf, ...(last && { continue: encodeToken([last.allocated_revision]) }) };
};

const addressAt = async (sources: Sources, cluster: AskedCluster, address: Address, at: At, query: unknown): Promise<object> => {
  const views = viewsOf(sources);
  await waitAsAsked(views, cluster, query, at);
  const canonical = formatAddress(address);
  const [from, value] = 'revision' in at ? ['allocated_revision <= $3::bigint', at.revision] : ['allocated_at <= $3::timestamptz', at.time];
  // The last one that began by then: of two at one time (clocks differ) the later in the log.
  const { asOf, rows: [row] } = await views.read<HistoryRow>(cluster.name,
    `SELECT ${historyColumns} FROM views.address_history h WHERE h.cluster = $1 AND h.address = $2::inet AND h.${from} ORDER BY h.allocated_revision DESC LIMIT 1`, [canonical, value]);
  const isHeld = row !== undefined && ('revision' in at ? (row.released_revision ?? Infinity) > at.revision : row.released_at === null || row.released_at.toISOString() > at.time);
  const pool = poolOf(cluster.pools, address);
  if (!isHeld && pool === undefined && row === undefined) throw notInPools(cluster, canonical);
  return {
    ...described(address, pool),
    ...(isHeld && { pool: row.pool === '' ? null : row.pool, band: row.band }),
    at, holder: isHeld ? { namespace: row.namespace, name: row.name, uid: row.uid, since: row.allocated_at.toISOString(), revision: row.allocated_revision, ...endOf(row) } : null,
    asOf,
  };
};

const described = (address: Address, pool: Pool | undefined) => ({
  address: formatAddress(address),
  family: address.family,
  pool: pool?.name ?? null,
  band: pool === undefined ? null : bandOf(pool, address.value),
});

const holdingOf = (row: HistoryRow): object => ({
  namespace: row.namespace, name: row.name, uid: row.uid, pool: row.pool === '' ? null : row.pool, band: row.band,
  from: { revision: row.allocated_revision, time: row.allocated_at.toISOString() }, ...endOf(row),
});

/** When and why it was released; null while it is held. */
const endOf = ({ released_revision, released_at, release_reason }: HistoryRow) => ({
  until: released_revision === null ? null : { revision: released_revision, time: released_at?.toISOString() ?? null, reason: release_reason },
});

const notInPools = ({ definition }: AskedCluster, address: string): ProblemError =>
  new ProblemError(problem('address_not_in_pools', `${address} is in none of ${definition.serviceCIDRs.join(', ')}, and nobody holds it`));
