import type { ClusterHead, EventStore } from '@ipledger/event-store';
import { sharedPoolLog, sharedPoolOf, type ClusterDefinition, type LbPool } from '@ipledger/services';
import { ProblemError, rejectionProblem } from '../problem.js';

/** An LB pool and the log that decides over it: that of its cluster, or its own. */
export interface LocatedPool {
  head: ClusterHead;
  definition: ClusterDefinition;
  pool: LbPool;
  /** null = shared. */
  cluster: string | null;
}

/** Every LB pool, by name. Goes through the definitions of all logs: they are few beside what they define. */
export const allPools = async (store: EventStore): Promise<LocatedPool[]> => {
  const heads = (await store.clusters()).filter(({ definition }) => definition?.includes('"lbPools"') === true);
  return heads.flatMap((head) => {
    const definition = JSON.parse(head.definition ?? '') as ClusterDefinition;
    const cluster = sharedPoolOf(head.name) === undefined ? head.name : null;
    return (definition.lbPools ?? []).map((pool) => ({ head, definition, pool, cluster }));
  }).sort((a, b) => (a.pool.name < b.pool.name ? -1 : 1));
};

/** @throws ProblemError 404 */
export const mustFindPool = async (store: EventStore, name: string): Promise<LocatedPool> => {
  const found = (await allPools(store)).find(({ pool }) => pool.name === name);
  if (found === undefined) throw new ProblemError(rejectionProblem({ code: 'lb_pool_not_found', pool: name }));
  return found;
};

/**
 * Does `work` while nobody else makes an LB pool, in any process: a name is unique over all logs, which no log can decide by itself. The lock is
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
