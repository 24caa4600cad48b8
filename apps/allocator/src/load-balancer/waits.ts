import type { ClusterHead, EventStore, ServiceKey, StoredLbWaiting } from '@ipledger/event-store';
import { notServedReason, type ClusterDefinition, type LbClaimAnswer, type LbLack } from '@ipledger/services';
import { forEachBounded } from '../bulk/bounded.js';
import { pendingKey } from './claims.js';
import type { Patience } from './patience.js';
import { readSharedPools, type SharedPool } from './shared-pools.js';
import { basis, serviceBasis, step, type StepTools } from './steps.js';
import { sourcesOf, type Sources, type Wish, type Wishes } from './wishes.js';

/** Rows of one cluster before the next one has its turn. */
const pageRows = 200;
/** Services looked at in one round; the next one goes on where it ended. */
const rowsMax = 5_000;
/**
 * A Service is tried for itself again after so long, even if another one with the same chance found nothing a moment ago: an address
 * may be kept for this one alone.
 */
const ownTurnMs = 300_000;

export interface WaitTools extends StepTools {
  store: Pick<EventStore, 'clustersBeginning' | 'clustersDefining' | 'head' | 'lbWaits' | 'listLbWaiting' | 'pulse'>;
  wishes: Wishes;
  patience: Patience;
  /** Where the last round ended, by id of the cluster; missing = at the beginning. */
  cursors: Map<number, ServiceKey>;
  signal: AbortSignal;
}

interface Trial {
  head: ClusterHead;
  row: StoredLbWaiting;
  wish: Wish;
  sources: Sources;
}

/**
 * Goes through the Services that wait, cluster by cluster in turns: first the pools of the cluster, then one shared pool after the other
 * until one has what is lacking. What it claims is attached by whoever looks at claims next.
 * @param pending those that have claims already
 * @returns whether anything was claimed, and whether Services are left that were not looked at
 */
export const serveWaits = async (tools: WaitTools, pending: ReadonlySet<string>): Promise<{ claimed: boolean; leavesSome: boolean }> => {
  const { store, cursors, signal } = tools;
  const turns = await headsOfWaiting(store, cursors);
  if (turns.length === 0) return { claimed: false, leavesSome: false };
  const shared = await readSharedPools(store);
  let claimed = false;
  let rows = 0;
  for (let head = turns.shift(); head !== undefined && !signal.aborted; head = rows < rowsMax ? turns.shift() : undefined) {
    const page = await store.listLbWaiting(head.id, cursors.get(head.id), pageRows, ...(servesUnclassed(head) ? [] : [notServedReason]));
    rows += page.length;
    if (await servePage(tools, head, page.filter((row) => !pending.has(pendingKey(head!.name, row))), shared)) claimed = true;
    const last = page.at(-1);
    if (page.length === pageRows && last !== undefined) turns.push(head);
    if (page.length === pageRows && last !== undefined) cursors.set(head.id, last);
    else cursors.delete(head.id);
  }
  return { claimed, leavesSome: turns.length > 0 };
};

/** The clusters in which somebody waits. Those that the last round came to in vain are first: no cluster waits for the others for ever. */
const headsOfWaiting = async (store: WaitTools['store'], cursors: WaitTools['cursors']): Promise<ClusterHead[]> => {
  const waits = await store.lbWaits();
  const unserved = new Set(waits.filter(({ reason }) => reason === notServedReason).map(({ clusterId }) => clusterId));
  // Most clusters leave such Services to others for ever: they are not looked up one by one.
  const serving = unserved.size === 0 ? [] : (await store.clustersDefining('"defaultLoadBalancer":true')).filter(({ id }) => unserved.has(id));
  const ids = new Set([...waits.filter(({ reason }) => reason !== notServedReason).map(({ clusterId }) => clusterId), ...serving.map(({ id }) => id)]);
  for (const id of cursors.keys()) if (!ids.has(id)) cursors.delete(id);
  const turns = [...ids].sort((a, b) => Number(cursors.has(a)) - Number(cursors.has(b)));
  return (await Promise.all(turns.map((id) => store.head(id)))).flatMap((head) => (head?.definition != null ? [head] : []));
};

/** Whether Services without a class, which nobody serves yet, are the cluster's to serve now. */
const servesUnclassed = ({ definition }: ClusterHead): boolean => (JSON.parse(definition ?? '{}') as ClusterDefinition).defaultLoadBalancer === true;

const servePage = async (tools: WaitTools, head: ClusterHead, rows: readonly StoredLbWaiting[], shared: readonly SharedPool[]): Promise<boolean> => {
  const wished = await tools.wishes.of(head, rows);
  let claimed = false;
  await forEachBounded(trials(tools, head, wished, shared), { ratePerSecond: undefined, signal: tools.signal }, async (trial) => {
    if (await tryOne(tools, trial)) claimed = true;
  });
  return claimed;
};

/** Judged one by one, each after what those before it came to. */
async function* trials({ patience, now = () => new Date() }: WaitTools, head: ClusterHead, wished: readonly { row: StoredLbWaiting; wish: Wish }[], shared: readonly SharedPool[]): AsyncGenerator<Trial> {
  for (const { row, wish } of wished) {
    const sources = sourcesOf(head, shared, wish);
    const nowMs = now().getTime();
    if (nowMs - wish.triedMs >= ownTurnMs || patience.isWorthTrying(sources.likeness, sources.stamp, nowMs)) yield { head, row, wish, sources };
  }
}

/** @returns whether a shared pool has claimed something for it */
const tryOne = async (tools: WaitTools, { head, row: { namespace, name, reason }, wish, sources }: Trial): Promise<boolean> => {
  const { patience, now = () => new Date() } = tools;
  const { likeness, stamp } = sources;
  const nowMs = now().getTime();
  wish.triedMs = nowMs;
  patience.trying(likeness, stamp, nowMs);
  const isUnserved = reason === notServedReason;
  // Where no pool is left at all, it comes to say so.
  if (sources.own || isUnserved || sources.shared.length === 0) {
    const { result } = await step(tools, 'assign', head, { type: 'AssignLoadBalancer', ...serviceBasis(tools), namespace, name, sharedPools: sources.shared.map(({ pool }) => pool) });
    if (result === 'done') {
      patience.served(likeness);
      return false;
    }
  }
  const lacking: LbLack[] = [];
  for (const { log } of isUnserved ? [] : sources.shared) {
    const { result, answer } = await step(tools, 'claim', log, { type: 'ClaimLoadBalancer', ...basis(tools), name: log.name, cluster: head.name, wait: wish.wait, request: wish.request });
    if (result === 'done') {
      patience.served(likeness);
      return true;
    }
    if (result === 'nothing') lacking.push(...(JSON.parse(answer ?? '{}') as LbClaimAnswer).lacking);
  }
  patience.failed(likeness, stamp, nowMs);
  if (lacking.length > 0) await report(tools, head, { namespace, name }, wish, lacking);
  return false;
};

/** The Service says in its condition why no shared pool has anything for it: of each family what tells most. */
const report = async (tools: WaitTools, head: ClusterHead, { namespace, name }: ServiceKey, wish: Wish, answers: readonly LbLack[]): Promise<void> => {
  const lacking = wish.request.families.flatMap((family) => {
    const told = answers.filter((one) => one.family === family);
    return told.find(({ reason }) => reason !== 'NoPool') ?? told[0] ?? [];
  });
  const { result, revision } = await step(tools, 'report', head, { type: 'AssignLoadBalancer', ...serviceBasis(tools), namespace, name, shared: { wait: wish.wait, lacking } });
  // The wait is another one by that; what it is for is the same, and is tried already.
  if (result === 'done' && revision !== undefined) wish.wait = revision;
};
