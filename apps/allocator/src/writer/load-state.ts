import type { ClusterHead, ClusterReader, LbAttachedKey, LbMemberKey, LogRow } from '@ipledger/event-store';
import { parseAddress, type Address } from '@ipledger/ip';
import { ClusterState, evolve, memberKey, reservedRange, serviceKey, type ClusterDefinition, type Event } from '@ipledger/services';

const pageRows = 10_000;
const logPageRows = 1_000;
/** A cluster that moves on faster than this many pages of log can be folded is not one we can decide on. */
const catchUpPagesMax = 10_000;

export interface LoadedState {
  state: ClusterState;
  epoch: number;
}

/**
 * Loads a cluster from its tables in pages, then folds what was appended meanwhile. No snapshot is held for long: an old
 * snapshot keeps dead versions of the counter row, and every append of the cluster then walks past them (design D8). Pages
 * may show a state between the first and the last revision; folding the log over it again ends in the right one, because
 * the last event that touches a key decides.
 * Costs as much as there are live Services, whatever the length of the history.
 */
export const loadState = async (reader: ClusterReader, clusterId: number): Promise<LoadedState> => {
  const head = await mustHead(reader, clusterId);
  const state = new ClusterState();
  await Promise.all([
    loadServices(reader, clusterId, state), loadClaims(reader, clusterId, state), loadPorts(reader, clusterId, state),
    loadLbMembers(reader, clusterId, state), loadLbAttached(reader, clusterId, state),
  ]);
  state.define(head.definition === null ? null : (JSON.parse(head.definition) as ClusterDefinition));
  await Promise.all([loadReservations(reader, clusterId, state), loadCooling(reader, clusterId, state)]);
  state.revision = head.revision;
  await catchUp(reader, clusterId, state, (await mustHead(reader, clusterId)).revision);
  return { state, epoch: head.epoch };
};

/**
 * Folds the log up to `revision`.
 * @param read rows of it that were read already; of what is folded, too
 */
export const catchUp = async (reader: ClusterReader, clusterId: number, state: ClusterState, revision: number, read: readonly LogRow[] = []): Promise<void> => {
  for (const row of read) if (row.revision > state.revision) foldRow(state, row);
  for (let page = 0; state.revision < revision; page++) {
    const rows = await reader.readLog(clusterId, state.revision, logPageRows);
    if (rows.length === 0 || page === catchUpPagesMax)
      throw new Error(`cluster ${clusterId}: the log ends at revision ${state.revision}, but its counter says ${revision}`);
    for (const row of rows) foldRow(state, row);
  }
};

const foldRow = (state: ClusterState, row: LogRow): void => {
  let revision = row.revision - row.eventCount;
  if (revision !== state.revision) throw new Error(`cluster ${row.clusterId}: a gap in the log after revision ${state.revision}`);
  for (const event of JSON.parse(row.events) as Event[]) evolve(state, event, ++revision);
};

const mustHead = async (reader: ClusterReader, clusterId: number): Promise<ClusterHead> => {
  const head = await reader.head(clusterId);
  if (head === undefined) throw new Error(`cluster ${clusterId} has no counter row`);
  return head;
};

const loadServices = async (reader: ClusterReader, clusterId: number, state: ClusterState): Promise<void> => {
  for (let after: { namespace: string; name: string } | undefined; ; ) {
    const page = await reader.listServiceRevisions(clusterId, after, pageRows);
    for (const { namespace, name, revision } of page) state.services.set(serviceKey(namespace, name), revision);
    if (page.length < pageRows) return;
    after = page.at(-1);
  }
};

const loadClaims = async (reader: ClusterReader, clusterId: number, state: ClusterState): Promise<void> => {
  for (let after: string | undefined; ; ) {
    const page = await reader.listClaimedAddresses(clusterId, after, pageRows);
    for (const address of page) state.take(mustAddress(address, clusterId));
    if (page.length < pageRows) return;
    after = page.at(-1);
  }
};

const loadPorts = async (reader: ClusterReader, clusterId: number, state: ClusterState): Promise<void> => {
  for (let after: number | undefined; ; ) {
    const page = await reader.listPortClaims(clusterId, after, pageRows);
    for (const { port, namespace, name } of page) state.takePort(port, serviceKey(namespace, name));
    if (page.length < pageRows) return;
    after = page.at(-1)?.port;
  }
};

const loadLbMembers = async (reader: ClusterReader, clusterId: number, state: ClusterState): Promise<void> => {
  for (let after: LbMemberKey | undefined; ; ) {
    const page = await reader.listLbMembers(clusterId, after, pageRows);
    for (const { address, cluster, namespace, name, uid, sharingKey: sharingGroup, ports, backend, wait, revision } of page)
      state.lb.join(address, { service: { namespace, name, uid }, ...(cluster !== '' && { cluster }), sharingGroup, ports, backend, ...(wait !== null && { wait }), revision });
    if (page.length < pageRows) return;
    after = page.at(-1);
  }
};

const loadLbAttached = async (reader: ClusterReader, clusterId: number, state: ClusterState): Promise<void> => {
  for (let after: LbAttachedKey | undefined; ; ) {
    const page = await reader.listLbAttached(clusterId, after, pageRows);
    for (const { pool: lbPool, address, namespace, name, uid } of page)
      state.attachments.attach({ lbPool, address, family: mustAddress(address, clusterId).family, service: { namespace, name, uid } });
    if (page.length < pageRows) return;
    after = page.at(-1);
  }
};

/** What has ended may be among the rows; the time of the first command ends it here, too. */
const loadReservations = async (reader: ClusterReader, clusterId: number, state: ClusterState): Promise<void> => {
  for (let after: string | undefined; ; ) {
    const page = await reader.listReservations(clusterId, after, pageRows);
    for (const { createdAt: _, revision: __, ...record } of page) state.reserve(reservedRange(record));
    if (page.length < pageRows) return;
    after = page.at(-1)?.name;
  }
};

const loadCooling = async (reader: ClusterReader, clusterId: number, state: ClusterState): Promise<void> => {
  for (let after: string | undefined; ; ) {
    const page = await reader.listCooling(clusterId, after, pageRows);
    for (const { address, until, cluster, namespace, name } of page) state.cool(mustAddress(address, clusterId), { untilMs: until.getTime(), holder: memberKey(cluster, { namespace, name }) });
    if (page.length < pageRows) return;
    after = page.at(-1)?.address;
  }
};

const mustAddress = (text: string, clusterId: number): Address => {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`cluster ${clusterId} has a row for ${JSON.stringify(text)}, which is no address`);
  return address;
};
