import type pg from 'pg';
import { BadAppend } from '../errors.js';
import type { AppendBatch, ClusterHead, LockedSession, LogRow } from '../event-store.js';
import { append } from './append.js';
import { PostgresReader } from './reads.js';
import { appendErrorOf, commitErrorOf, storeErrorOf } from './sqlstate.js';

/** Runs `work` in a transaction that holds the cluster's row. See EventStore.locked. */
export async function locked<T>(client: pg.PoolClient, clusterId: number, work: (session: LockedSession) => Promise<T>, known: number | undefined): Promise<T> {
  try {
    const session = await lock(client, clusterId, known).catch((error: unknown) => { throw storeErrorOf(error); });
    const result = await work(session);
    await session.commit();
    client.release();
    return result;
  } catch (error) {
    const lost = await client.query('ROLLBACK').then(() => undefined, (failure: Error) => failure);
    client.release(lost); // a connection that cannot roll back is thrown away
    throw error;
  }
}

/**
 * One round trip, since others wait meanwhile, but statements of their own on purpose: what comes after the lock sees what committed while that
 * waited for the row (design D4).
 */
async function lock(client: pg.PoolClient, clusterId: number, known: number | undefined): Promise<PostgresSession> {
  const reader = new PostgresSession(client, noHead, []);
  const [, { rowCount }, head, missed] = await Promise.all([
    client.query('BEGIN ISOLATION LEVEL READ COMMITTED'), // each statement must see what committed before it
    client.query({ name: 'lock', text: 'SELECT FROM cluster_revisions WHERE cluster_id = $1 FOR NO KEY UPDATE', values: [clusterId] }),
    reader.head(clusterId),
    known === undefined ? [] : reader.readLog(clusterId, known, missedMax),
  ]);
  if (rowCount !== 1 || head === undefined) throw new BadAppend(`there is no cluster ${clusterId} to lock`);
  return new PostgresSession(client, head, missed);
}

const noHead: ClusterHead = { id: 0, name: '', revision: 0, epoch: 0, definition: null };
/** Rows of the log that are read along with the lock. */
const missedMax = 1_000;

class PostgresSession extends PostgresReader implements LockedSession {
  #failure: unknown;
  #committed = false;

  constructor(protected readonly queryable: pg.PoolClient, readonly locked: ClusterHead, readonly missed: readonly LogRow[]) {
    super();
  }

  async append(batch: AppendBatch): Promise<void> {
    this.#assertMine(batch);
    if (this.#failure !== undefined) throw this.#failure;
    try {
      await append(this.queryable, batch);
    } catch (error) {
      this.#failure = appendErrorOf(error, batch.clusterId);
      throw this.#failure;
    }
  }

  async appendLast(batch: AppendBatch): Promise<void> {
    this.#assertMine(batch);
    if (this.#failure !== undefined) throw this.#failure;
    this.#committed = true;
    // COMMIT after a statement that failed rolls back; after one that found the cluster elsewhere it has nothing to commit.
    const [appended, committed] = await Promise.allSettled([append(this.queryable, batch), this.queryable.query('COMMIT')]);
    for (const outcome of [appended, committed]) {
      if (outcome.status === 'fulfilled') continue;
      this.#failure = commitErrorOf(outcome.reason, batch.clusterId);
      throw this.#failure;
    }
  }

  /** COMMIT after a failed statement rolls back without an error: the caller would take it for a success. */
  async commit(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (!this.#committed) await this.queryable.query('COMMIT').catch((error: unknown) => { throw commitErrorOf(error, this.locked.id); });
  }

  #assertMine({ clusterId }: AppendBatch): void {
    if (clusterId !== this.locked.id) throw new BadAppend(`cluster ${clusterId} is not the locked one`);
    if (this.#committed) throw new Error('the last append of this lock was sent already');
  }
}
