import type { EventStore, LbUnattached } from '@ipledger/event-store';
import { serviceKey, sharedPoolLog, sharedPoolOf } from '@ipledger/services';
import { forEachBounded } from '../bulk/bounded.js';
import { basis, serviceBasis, step, type StepResult, type StepTools } from './steps.js';

/** Rows of one look. */
const pageRows = 500;
/** Looks of one round. */
const pagesMax = 20;

export interface ClaimTools extends StepTools {
  store: Pick<EventStore, 'lbUnattached' | 'pulse'>;
  /** After which claim the next look begins; missing = at the first. */
  place: { after?: LbUnattached | undefined };
  signal: AbortSignal;
}

/** What one log of a shared pool has claimed for one Service, and the Service has not attached. */
interface Claimed {
  log: LbUnattached['log'];
  cluster: string;
  clusterId: number | null;
  service: { namespace: string; name: string; uid: string };
  isAwaited: boolean;
  wait: number | null;
  claims: { address: string; revision: number }[];
}

/**
 * Brings every claim of a shared pool that is not attached to its end: one that its Service still waits for is attached, any other one is
 * released. Both are safe however old the look is by then: an attachment names the wait, a release the claim's revision (ADR 0004, point 6).
 * What cannot be settled now is passed by; where one call ends at its bound the next one goes on, and after the last claim comes the first again.
 * @returns the Services for which something is claimed that could not be attached now, by `pendingKey`; and whether claims are left that were not looked at
 */
export const settleClaims = async (tools: ClaimTools): Promise<{ pending: Set<string>; leavesSome: boolean }> => {
  const { store, signal, place } = tools;
  const pending = new Set<string>();
  for (let page = 0; page < pagesMax && !signal.aborted; page++) {
    const rows = await store.lbUnattached(sharedPoolLog(''), pageRows, place.after);
    const whole = rows.length < pageRows ? rows : rows.slice(0, rows.findIndex((row) => groupKey(row) === groupKey(rows.at(-1)!)) || rows.length);
    await forEachBounded(each(groupsOf(whole)), { ratePerSecond: undefined, signal }, async (claimed) => {
      const result = claimed.isAwaited ? await attach(tools, claimed) : await release(tools, claimed);
      if (result === 'failed' && claimed.isAwaited) pending.add(pendingKey(claimed.cluster, claimed.service));
    });
    place.after = rows.length < pageRows ? undefined : whole.at(-1);
    if (place.after === undefined) break;
  }
  return { pending, leavesSome: place.after !== undefined };
};

export const pendingKey = (cluster: string, { namespace, name }: { namespace: string; name: string }): string => `${cluster} ${serviceKey(namespace, name)}`;

async function* each<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}

/** Both families go together: a page that is full ends before the last of them, of which there may be more on the next one. */
const groupKey = ({ log, cluster, namespace, name, uid, isAwaited }: LbUnattached): string =>
  (isAwaited ? pendingKey(cluster, { namespace, name }) : `${log.name} ${pendingKey(cluster, { namespace, name })} ${uid}`);

/** Of two pools that claimed for one wait the first goes on: what is claimed in the other is an orphan once the wait is over. */
const groupsOf = (rows: readonly LbUnattached[]): Claimed[] => {
  const groups = new Map<string, Claimed>();
  for (const row of rows) {
    const { log, cluster, clusterId, namespace, name, uid, isAwaited, wait, address, revision } = row;
    const key = groupKey(row);
    const group = groups.get(key) ?? { log, cluster, clusterId, service: { namespace, name, uid }, isAwaited, wait, claims: [] };
    groups.set(key, group);
    if (group.log.id === log.id) group.claims.push({ address, revision });
  }
  return [...groups.values()];
};

const release = async (tools: ClaimTools, { log, cluster, service, claims }: Claimed): Promise<StepResult> => {
  const { result } = await step(tools, 'release', log, { type: 'ReleaseLoadBalancer', ...basis(tools), name: log.name, cluster, service, claims });
  if (result === 'done') tools.logger.debug('released what no Service has', { pool: sharedPoolOf(log.name), cluster, service: serviceKey(service.namespace, service.name), addresses: claims.map(({ address }) => address) });
  return result;
};

const attach = async (tools: ClaimTools, { log, cluster, clusterId, service: { namespace, name, uid }, wait, claims }: Claimed): Promise<StepResult> => {
  if (clusterId === null || wait === null) return 'nothing';
  const pool = sharedPoolOf(log.name) ?? '';
  const addresses = claims.map(({ address }) => address);
  const { result } = await step(tools, 'attach', { id: clusterId, name: cluster }, { type: 'AttachLoadBalancer', ...serviceBasis(tools), namespace, name, uid, wait, pool, addresses });
  const said = { pool, cluster, service: serviceKey(namespace, name), addresses };
  if (result === 'done') tools.logger.debug('assigned', said);
  else if (result !== 'failed') tools.logger.info('the Service has changed since these addresses were claimed for it; they are given back', said);
  return result;
};
