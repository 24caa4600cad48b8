import type { EventStore } from '@ipledger/event-store';
import { sharedPoolLog, type ClusterDefinition, type LbPool } from '@ipledger/services';
import type { Log } from './steps.js';

/** A shared LB pool and its log. */
export interface SharedPool {
  log: Log;
  /** Of its log. */
  revision: number;
  pool: LbPool;
}

/** All there are now, in the order in which they are used. */
export const readSharedPools = async (store: Pick<EventStore, 'clustersBeginning'>): Promise<SharedPool[]> =>
  (await store.clustersBeginning(sharedPoolLog(''))).flatMap(({ id, name, revision, definition }) => {
    const [pool] = definition === null ? [] : ((JSON.parse(definition) as ClusterDefinition).lbPools ?? []);
    return pool === undefined ? [] : [{ log: { id, name }, revision, pool }];
  }).sort(({ pool: a }, { pool: b }) => a.priority - b.priority || (a.name < b.name ? -1 : 1));

/** Whether a shared pool serves a cluster. */
export const serves = ({ pool: { clusters = [] } }: SharedPool, cluster: string): boolean => clusters === 'all' || clusters.includes(cluster);
