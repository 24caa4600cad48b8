import { identityOf, may, Refused } from '@ipledger/access';
import type { ClusterHead, EventStore } from '@ipledger/event-store';
import { sharedPoolLog, sharedPoolOf, type ClusterDefinition, type LbPool } from '@ipledger/services';
import type { FastifyRequest } from 'fastify';
import { ProblemError, rejectionProblem } from '../problem.js';

/** An LB pool and the log that decides over it: that of its cluster, or its own. */
export interface LocatedPool {
  head: ClusterHead;
  definition: ClusterDefinition;
  pool: LbPool;
  /** null = shared. */
  cluster: string | null;
}

/** Every LB pool, by name. */
export const allPools = async (store: EventStore): Promise<LocatedPool[]> => {
  const heads = await store.clustersDefining('"lbPools"');
  const known = parsed.get(store);
  const read = new Map(heads.map(({ definition }) => [definition ?? '', known?.get(definition ?? '') ?? (JSON.parse(definition ?? '{}') as ClusterDefinition)]));
  parsed.set(store, read);
  return heads.flatMap((head) => {
    const definition = read.get(head.definition ?? '') as ClusterDefinition;
    const cluster = sharedPoolOf(head.name) === undefined ? head.name : null;
    return (definition.lbPools ?? []).map((pool) => ({ head, definition, pool, cluster }));
  }).sort((a, b) => (a.pool.name < b.pool.name ? -1 : 1));
};

/** The definitions as they were last, by their text: they change rarely, and are asked for with every request. */
const parsed = new WeakMap<EventStore, ReadonlyMap<string, ClusterDefinition>>();

/** Whether who sent the request has the role for an LB pool: of a cluster in that cluster, of a shared one (null) everywhere. */
export const mayUsePool = (request: FastifyRequest, role: 'reader' | 'admin', cluster: string | null): boolean =>
  may(identityOf(request), { role, reach: cluster === null ? 'everything' : 'cluster' }, cluster === null ? {} : { cluster });

/** @throws Refused */
export const requirePool = (request: FastifyRequest, role: 'reader' | 'admin', cluster: string | null): void => {
  const { method, url } = request;
  if (!mayUsePool(request, role, cluster)) throw new Refused('forbidden', `User ${JSON.stringify(identityOf(request).user)} cannot ${method.toLowerCase()} path ${JSON.stringify(url.split('?', 1)[0])}`);
};

/** @throws Refused to whom it does not concern, whether there is such a pool or not; ProblemError 404 */
export const mustFindPool = async (store: EventStore, name: string, request: FastifyRequest, role: 'reader' | 'admin'): Promise<LocatedPool> => {
  const found = (await allPools(store)).find(({ pool }) => pool.name === name);
  requirePool(request, role, found?.cluster ?? null);
  if (found === undefined) throw new ProblemError(rejectionProblem({ code: 'lb_pool_not_found', pool: name }));
  return found;
};

/**
 * Does `work` while nobody else makes or changes an LB pool, in any process: names, and ranges for one cluster, are unique over logs, which no log can decide by itself. The lock is
 * that of a log that never has an event. One after the other within a process: each that waits has a connection, and `work` needs some, too.
 */
export const whileNamesHold = <T>(store: EventStore, work: () => Promise<T>): Promise<T> => {
  const mine = lastTurn.then(async () => {
    const { id } = await store.nameCluster(sharedPoolLog(''));
    return store.locked(id, work);
  });
  lastTurn = mine.catch(() => undefined);
  return mine;
};

let lastTurn: Promise<unknown> = Promise.resolve();
