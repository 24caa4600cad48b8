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

/** How old what is known of shared pools may be, for the words of a condition. */
const ageMaxMs = 1_000;

/**
 * The shared pools that a Service may hope for, whom its cluster's cannot serve. It is for what the Service says of itself only, so what
 * is known is used while it is read anew, and a database that does not answer is no reason to refuse anything.
 */
export class Hope {
  private pools: readonly SharedPool[] = [];
  private readMs = -Infinity;
  private reading: Promise<void> | undefined;

  constructor(private readonly store: Pick<EventStore, 'clustersBeginning'>) {}

  /** The next one who asks waits for what is so now. */
  forget(): void {
    this.readMs = -Infinity;
    this.reading = undefined;
  }

  /** A promise only when nothing is known. */
  of(cluster: string): LbPool[] | Promise<LbPool[]> {
    const ofCluster = (): LbPool[] => this.pools.filter((pool) => serves(pool, cluster)).map(({ pool }) => pool);
    if (Date.now() - this.readMs >= ageMaxMs) this.reading ??= this.read();
    return this.readMs === -Infinity && this.reading !== undefined ? this.reading.then(ofCluster) : ofCluster();
  }

  private async read(): Promise<void> {
    this.pools = await readSharedPools(this.store).catch(() => this.pools);
    this.readMs = Date.now();
    this.reading = undefined;
  }
}
