import type pg from 'pg';
import { BadAppend } from '../errors.js';
import type { AppendBatch, ClusterHead, LockedSession } from '../event-store.js';
import { append } from './append.js';
import { PostgresReader } from './reads.js';
import { appendErrorOf, commitErrorOf, storeErrorOf } from './sqlstate.js';

/** Runs `work` in a transaction that holds the cluster's row. See EventStore.locked. */
export async function locked<T>(client: pg.PoolClient, clusterId: number, work: (session: LockedSession) => Promise<T>): Promise<T> {
  try {
    const session = await lock(client, clusterId).catch((error: unknown) => { throw storeErrorOf(error); });
    const result = await work(session);
    session.assertSound();
    await client.query('COMMIT').catch((error: unknown) => { throw commitErrorOf(error, clusterId); });
    client.release();
    return result;
  } catch (error) {
    const lost = await client.query('ROLLBACK').then(() => undefined, (failure: Error) => failure);
    client.release(lost); // a connection that cannot roll back is thrown away
    throw error;
  }
}

/** Two statements on purpose: the second one sees what committed while the first one waited for the row (design D4). */
async function lock(client: pg.PoolClient, clusterId: number): Promise<PostgresSession> {
  await client.query('BEGIN ISOLATION LEVEL READ COMMITTED'); // each statement must see what committed before it
  const { rowCount } = await client.query({
    name: 'lock', text: 'SELECT FROM cluster_revisions WHERE cluster_id = $1 FOR NO KEY UPDATE', values: [clusterId],
  });
  const head = rowCount === 1 ? await new PostgresSession(client, noHead).head(clusterId) : undefined;
  if (head === undefined) throw new BadAppend(`there is no cluster ${clusterId} to lock`);
  return new PostgresSession(client, head);
}

const noHead: ClusterHead = { id: 0, name: '', revision: 0, epoch: 0, definition: null };

class PostgresSession extends PostgresReader implements LockedSession {
  #failure: unknown;
  #last: Promise<unknown> = Promise.resolve();

  constructor(protected readonly queryable: pg.PoolClient, readonly locked: ClusterHead) {
    super();
  }

  async append(batch: AppendBatch): Promise<void> {
    if (batch.clusterId !== this.locked.id) throw new BadAppend(`cluster ${batch.clusterId} is not the locked one`);
    if (this.#failure !== undefined) throw this.#failure;
    try {
      await append(this.queryable, batch);
    } catch (error) {
      this.#failure = appendErrorOf(error, batch.clusterId);
      throw this.#failure;
    }
  }

  /** One after the other, also for a caller that asks at once what it may ask a pool: a connection has one query at a time. */
  protected override rows(...query: Parameters<PostgresReader['rows']>): ReturnType<PostgresReader['rows']> {
    const answered = this.#last.then(() => super.rows(...query));
    this.#last = answered.catch(() => undefined);
    return answered;
  }

  /** COMMIT after a failed statement rolls back without an error: the caller would take it for a success. */
  assertSound(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}
