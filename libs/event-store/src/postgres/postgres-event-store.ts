import pg from 'pg';
import { OutcomeUnknown } from '../errors.js';
import type { AppendBatch, ClusterHead, ClusterTip, EventStore, LbUnattached, LbWaits, LockedSession } from '../event-store.js';
import { append } from './append.js';
import { appendMany } from './append-many.js';
import { locked } from './locked.js';
import { observeQueries } from './observe-pool.js';
import { createPool } from './pool.js';
import type { PoolOptions } from './pool.js';
import { memberColumns, memberOf, PostgresReader } from './reads.js';
import { SharedAppends } from './shared-appends.js';
import { commitErrorOf, storeErrorOf } from './sqlstate.js';

/** How far a cluster's events are published, for metrics. */
export interface RelayLag {
  readonly cluster: string;
  readonly publishedRevision: number;
  readonly events: number;
  /** Time of the oldest event that is not published; null when there is none. */
  readonly oldest: Date | null;
}

/** The event store in Postgres 15 to 18. The schema must be there: see `migrate` and `requireSchema`. */
export class PostgresEventStore extends PostgresReader implements EventStore {
  protected readonly queryable: pg.Pool;
  readonly #appends = new SharedAppends(
    (batch) => this.#committing(batch.clusterId, (client) => append(client, batch)),
    (batches) => this.#committing(batches[0]?.clusterId ?? 0, (client) => appendMany(client, batches)),
  );

  /** @param database a pool made by `createPool`, or what to make one of; `close` ends it either way */
  constructor(database: PoolOptions | pg.Pool) {
    super();
    this.queryable = database instanceof pg.Pool ? database : createPool(database);
  }

  async clusters(): Promise<ClusterHead[]> {
    return this.heads('ORDER BY c.name', []);
  }

  async clusterByName(name: string): Promise<ClusterHead | undefined> {
    return (await this.heads('WHERE c.name = $1', [name]))[0];
  }

  async clustersBeginning(prefix: string): Promise<ClusterHead[]> {
    return this.heads('WHERE starts_with(c.name, $1) ORDER BY c.name', [prefix]);
  }

  async clustersDefining(text: string): Promise<ClusterHead[]> {
    return this.heads('WHERE strpos(c.definition, $1) > 0 ORDER BY c.name', [text]);
  }

  async tips(): Promise<ClusterTip[]> {
    const rows = await this.rows(`SELECT c.id, c.name, h.revision, h.epoch FROM clusters c JOIN cluster_revisions h ON h.cluster_id = c.id
      WHERE h.revision > 0 ORDER BY c.name`, []);
    return rows.map((row) => ({ id: row['id']!, name: row['name']!, revision: Number(row['revision']), epoch: row['epoch']! }));
  }

  /** Revisions and epochs only grow, so their sums change with each of them. Restoring a backup goes back, and raises the epoch. */
  async pulse(): Promise<string> {
    const rows = await this.rows("SELECT concat_ws('/', count(*), sum(revision), sum(epoch)) AS pulse FROM cluster_revisions", [], 'pulse');
    return rows[0]!['pulse']!;
  }

  /** Looks first: an id is used up even by an insert that finds the name taken. */
  async nameCluster(name: string): Promise<ClusterHead> {
    const known = await this.clusterByName(name);
    if (known !== undefined) return known;
    await this.rows(`WITH named AS (INSERT INTO clusters (name) VALUES ($1) ON CONFLICT ON CONSTRAINT clusters_name_key DO NOTHING RETURNING id)
      INSERT INTO cluster_revisions (cluster_id, revision, epoch) SELECT named.id, 0, log_epoch.epoch FROM named, log_epoch`, [name]);
    const named = await this.clusterByName(name);
    if (named === undefined) throw new Error(`cluster "${name}" was named but is not there`);
    return named;
  }

  append(batch: AppendBatch): Promise<void> {
    return this.#appends.append(batch);
  }

  /** Runs a statement that commits by itself. */
  async #committing<T>(clusterId: number, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await this.#connect();
    try {
      const result = await work(client);
      client.release();
      return result;
    } catch (error) {
      const failure = commitErrorOf(error, clusterId);
      client.release(failure instanceof OutcomeUnknown ? failure : undefined); // the pool would hand a lost one to the next
      throw failure;
    }
  }

  async locked<T>(clusterId: number, work: (session: LockedSession) => Promise<T>, known?: number): Promise<T> {
    return locked(await this.#connect(), clusterId, work, known);
  }

  async raiseEpoch(): Promise<number> {
    const rows = await this.rows(`WITH raised AS (UPDATE log_epoch SET epoch = epoch + 1 RETURNING epoch)
      UPDATE cluster_revisions SET epoch = raised.epoch FROM raised RETURNING cluster_id`, []);
    return rows.length;
  }

  async lbWaits(): Promise<LbWaits[]> {
    const rows = await this.rows(`SELECT c.id, c.name, w.reason, w.services, (SELECT "time" FROM log WHERE cluster_id = c.id AND revision >= w.oldest ORDER BY cluster_id, revision LIMIT 1) AS oldest
      FROM (SELECT cluster_id, reason, count(*) AS services, min(revision) AS oldest FROM lb_waiting GROUP BY cluster_id, reason) w JOIN clusters c ON c.id = w.cluster_id
      ORDER BY c.name, w.reason`, [], 'lb_waits');
    return rows.map((row) => ({ clusterId: row['id']!, cluster: row['name']!, reason: row['reason']!, services: Number(row['services']), oldest: row['oldest']! }));
  }

  /** One statement on purpose: it has one snapshot. */
  async lbUnattached(logPrefix: string, limit: number, after?: LbUnattached): Promise<LbUnattached[]> {
    const rows = await this.rows(`SELECT * FROM (
        SELECT p.id AS log_id, p.name AS log_name, c.id AS held_by, m.*, EXISTS (SELECT FROM lb_waiting w
          WHERE w.cluster_id = c.id AND w.namespace = m.namespace AND w.name = m.name AND w.uid = m.uid AND w.revision = m.wait) AS awaited
        FROM clusters p CROSS JOIN LATERAL (SELECT ${memberColumns} WHERE cluster_id = p.id) m LEFT JOIN clusters c ON c.name = m.holder_cluster
        WHERE starts_with(p.name, $1) AND NOT EXISTS (SELECT FROM lb_attached a WHERE a.cluster_id = c.id AND a.pool = substr(p.name, length($1) + 1)
          AND a.address = m.address::inet AND a.namespace = m.namespace AND a.name = m.name AND a.uid = m.uid)
      ) u WHERE $3::boolean IS NULL OR (awaited, log_name, holder_cluster, namespace, name, address::inet) > ($3, $4, $5, $6, $7, $8::inet)
      ORDER BY awaited, log_name, holder_cluster, namespace, name, address::inet LIMIT $2`,
    [logPrefix, limit, ...(after === undefined ? [null, null, null, null, null, null] : [after.isAwaited, after.log.name, after.cluster, after.namespace, after.name, after.address])], 'lb_unattached');
    return rows.map((row) => ({ ...memberOf(row), log: { id: row['log_id']!, name: row['log_name']! }, clusterId: row['held_by']!, isAwaited: row['awaited']! }));
  }

  async purgeRequests(before: Date, limit: number): Promise<number> {
    const rows = await this.rows(`WITH old AS (SELECT cluster_id, key FROM requests WHERE created_at < $1 ORDER BY created_at LIMIT $2)
      DELETE FROM requests USING old WHERE requests.cluster_id = old.cluster_id AND requests.key = old.key RETURNING 1`, [before, limit]);
    return rows.length;
  }

  async purgeEnded(before: Date, limit: number): Promise<number> {
    const reservations = await this.rows(`WITH old AS (SELECT cluster_id, name FROM reservations WHERE until < $1 ORDER BY until LIMIT $2)
      DELETE FROM reservations r USING old WHERE r.cluster_id = old.cluster_id AND r.name = old.name AND r.until < $1 RETURNING 1`, [before, limit]);
    const cooling = await this.rows(`WITH old AS (SELECT cluster_id, address FROM cooling WHERE until < $1 ORDER BY until LIMIT $2)
      DELETE FROM cooling c USING old WHERE c.cluster_id = old.cluster_id AND c.address = old.address AND c.until < $1 RETURNING 1`, [before, limit]);
    return reservations.length + cooling.length;
  }

  /** Connections in use, at rest, and requests that wait for one. */
  connections(): { active: number; idle: number; waiting: number } {
    const { totalCount, idleCount, waitingCount } = this.queryable;
    return { active: totalCount - idleCount, idle: idleCount, waiting: waitingCount };
  }

  /** Call it before the first statement: connections that are open already are not listened to. */
  onQuery(listener: (seconds: number) => void): void {
    observeQueries(this.queryable, listener);
  }

  /** How far the relay has come with each cluster, by name; of 1,000 at most. */
  async relayLag(): Promise<RelayLag[]> {
    const rows = await this.rows(`SELECT c.name, coalesce(k.revision, 0) AS published, h.revision - coalesce(k.revision, 0) AS events,
        (SELECT "time" FROM log WHERE cluster_id = h.cluster_id AND revision > coalesce(k.revision, 0) ORDER BY cluster_id, revision LIMIT 1) AS oldest
      FROM cluster_revisions h JOIN clusters c ON c.id = h.cluster_id LEFT JOIN relay_checkpoints k ON k.cluster_id = h.cluster_id
      WHERE h.revision > 0 ORDER BY c.name LIMIT 1000`, []);
    return rows.map((row) => ({ cluster: row['name']!, publishedRevision: Number(row['published']), events: Number(row['events']), oldest: row['oldest']! }));
  }

  /** Up to where each cluster is published, by name; without those of which nothing is. */
  async publishedRevisions(): Promise<Map<string, number>> {
    const rows = await this.rows('SELECT c.name, k.revision FROM relay_checkpoints k JOIN clusters c ON c.id = k.cluster_id', []);
    return new Map(rows.map((row) => [row['name']!, Number(row['revision'])]));
  }

  async ping(): Promise<void> {
    await this.rows('SELECT 1', []);
  }

  async close(): Promise<void> {
    if (!this.queryable.ended && !this.queryable.ending) await this.queryable.end();
  }

  async #connect(): Promise<pg.PoolClient> {
    try {
      return await this.queryable.connect();
    } catch (error) {
      throw storeErrorOf(error);
    }
  }
}
