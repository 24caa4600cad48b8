import pg from 'pg';
import { StoreError, StoreUnavailable } from '../errors.js';
import type { LogRow, PublishedClaim } from '../event-store.js';
import { claimOf, logColumns, logRowOf } from './reads.js';
import { storeErrorOf } from './sqlstate.js';

/** A cluster with something to publish. */
export interface ClusterBehind {
  readonly clusterId: number;
  readonly cluster: string;
  /** Of the log. */
  readonly revision: number;
  readonly epoch: number;
  /** Up to where it is published; epoch null = nothing was ever. */
  readonly published: { readonly revision: number; readonly epoch: number | null };
}

export interface Checkpoint {
  readonly clusterId: number;
  readonly epoch: number;
  readonly revision: number;
}

/** What a relay does over its connection. */
export type RelayConnection = Pick<RelaySession, keyof RelaySession>;

/** Thrown when another relay has taken over since `beginTerm`. Nothing was written. */
export class TermOver extends StoreError {
  readonly retriable = false;
}

/** What only one process on a database does at a time. Any numbers will do, as long as they are the same in every process. */
const lockKeys = { relay: 7_219_004_415, verify: 7_219_004_416, assign: 7_219_004_417 } as const;
/** A holder that freezes loses its session, and with it the lock, after so long. */
const idleSessionMs = 5_000;
const heartbeatMs = 1_500;
const answerMsMax = 15_000;

/**
 * The relay's connection: lock, reads of the log and checkpoints all go over this one, so that whoever has lost the lock
 * cannot read or write anything either. It must reach Postgres directly: a lock of a session means nothing behind a pooler.
 */
export class RelaySession {
  private readonly heartbeat: NodeJS.Timeout;
  private term = -1;
  /** Why the session is gone. */
  private lost: Error | undefined;
  /** The query before: a connection has one at a time, while batches are read beside a publish and the heartbeat. */
  private turn: Promise<unknown> = Promise.resolve();

  private constructor(private readonly client: pg.Client, private readonly purpose: keyof typeof lockKeys) {
    client.on('error', (error) => { this.lost ??= error; });
    client.on('end', () => { this.lost ??= new Error('the connection was closed'); });
    // Also while a publish hangs on a broker that is away: the server must not take that for a frozen process.
    this.heartbeat = setInterval(() => void this.rows('SELECT 1', []).catch(() => undefined), heartbeatMs);
    this.heartbeat.unref();
  }

  /** @throws StoreUnavailable */
  static async open(url: string, purpose: keyof typeof lockKeys = 'relay'): Promise<RelaySession> {
    const client = new pg.Client({
      connectionString: url, application_name: `ipledger ${purpose}`, connectionTimeoutMillis: 5_000, query_timeout: answerMsMax, statement_timeout: answerMsMax,
      keepAlive: true,
      // The defaults mean hours. tcp_user_timeout is for a holder that froze with an answer half received: that is not idle.
      options: `-c idle_session_timeout=${idleSessionMs} -c tcp_keepalives_idle=2 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=2 -c tcp_user_timeout=6000`,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
    } catch (error) {
      await client.end().catch(() => undefined);
      throw storeErrorOf(error);
    }
    return new RelaySession(client, purpose);
  }

  /** Whether this session is the one that relays (or verifies), from now to its end. Asked again and again, since waiting would hold a snapshot. */
  async tryLock(): Promise<boolean> {
    return (await this.rows<{ locked: boolean }>('SELECT pg_try_advisory_lock($1) AS locked', [lockKeys[this.purpose]]))[0]?.locked === true;
  }

  /** Ends the term of whoever relayed before. To be called with the lock. */
  async beginTerm(): Promise<void> {
    this.term = Number((await this.rows<{ term: string }>('UPDATE relay_term SET term = term + 1 RETURNING term', []))[0]?.term);
  }

  /** At most `limit` clusters that have something to publish: those after `afterId` first, then from the beginning, so that each gets its turn. */
  async behind(afterId: number, limit: number): Promise<ClusterBehind[]> {
    const rows = await this.rows<{ id: number; name: string; revision: string; epoch: number; published: string; published_epoch: number | null }>(
      `SELECT c.id, c.name, h.revision, h.epoch, coalesce(k.revision, 0) AS published, k.epoch AS published_epoch
       FROM cluster_revisions h JOIN clusters c ON c.id = h.cluster_id LEFT JOIN relay_checkpoints k ON k.cluster_id = h.cluster_id
       WHERE h.revision > coalesce(k.revision, 0) OR h.epoch > k.epoch ORDER BY c.id <= $1, c.id LIMIT $2`, [afterId, limit]);
    return rows.map(({ id, name, revision, epoch, published, published_epoch }) =>
      ({ clusterId: id, cluster: name, revision: Number(revision), epoch, published: { revision: Number(published), epoch: published_epoch } }));
  }

  /**
   * Log rows after a revision, at most `limit` of each cluster and at most `bytesMax` together (at least one), in order within a
   * cluster. What does not fit is cut evenly: each cluster's first row comes before any second one.
   * @param bytesPerEvent what the reader adds to each event
   */
  async read(parts: readonly { readonly clusterId: number; readonly after: number; readonly limit: number }[], bytesMax: number, bytesPerEvent = 0): Promise<LogRow[]> {
    const values = [parts.map(({ clusterId }) => clusterId), parts.map(({ after }) => after), parts.map(({ limit }) => limit), bytesMax, bytesPerEvent];
    const rows = await this.rows(
      `SELECT * FROM (
         SELECT l.*, part.place, sum(l.bytes) OVER (ORDER BY l.nth, part.place) - l.bytes AS bytes_before
         FROM unnest($1::int[], $2::bigint[], $3::int[]) WITH ORDINALITY AS part (id, after, limit_rows, place)
         CROSS JOIN LATERAL (
           SELECT ${logColumns}, octet_length(events) + $5::int * event_count AS bytes, row_number() OVER (ORDER BY cluster_id, revision) AS nth FROM log
           WHERE cluster_id = part.id AND revision > part.after ORDER BY cluster_id, revision LIMIT part.limit_rows) l
       ) r WHERE bytes_before < $4 ORDER BY place, revision`, values, 'relay_read');
    return rows.map(logRowOf);
  }

  /** Claims of a cluster in order of address, after an address. */
  async claims(clusterId: number, after: string | undefined, limit: number): Promise<PublishedClaim[]> {
    const rows = await this.rows<never>(
      `SELECT host(address) AS address, revision, since, namespace, name, uid,
         (SELECT min(m.holder_cluster) FROM lb_members m WHERE m.cluster_id = c.cluster_id AND m.address = c.address) AS lb_cluster
       FROM claims c WHERE cluster_id = $1 AND ($2::inet IS NULL OR address > $2::inet) ORDER BY cluster_id, address LIMIT $3`, [clusterId, after ?? null, limit]);
    return rows.map((row) => ({ ...claimOf(row), ...(row['lb_cluster'] !== null && { lbCluster: row['lb_cluster'] }) }));
  }

  /** @throws TermOver */
  async checkpoint(checkpoints: readonly Checkpoint[]): Promise<void> {
    const values = [this.term, checkpoints.map(({ clusterId }) => clusterId), checkpoints.map(({ epoch }) => epoch), checkpoints.map(({ revision }) => revision)];
    const rows = await this.rows(
      `INSERT INTO relay_checkpoints (cluster_id, epoch, revision)
       SELECT c.* FROM unnest($2::int[], $3::int[], $4::bigint[]) AS c, relay_term WHERE term = $1
       ON CONFLICT ON CONSTRAINT relay_checkpoints_pkey DO UPDATE SET epoch = excluded.epoch, revision = excluded.revision RETURNING 1`, values, 'relay_checkpoint');
    if (rows.length !== checkpoints.length) throw new TermOver('another relay has taken over');
  }

  /** Everything is to be published again, from the first event on. @throws TermOver */
  async forget(): Promise<void> {
    const rows = await this.rows(`WITH mine AS (SELECT term FROM relay_term WHERE term = $1),
      forgotten AS (DELETE FROM relay_checkpoints WHERE EXISTS (SELECT 1 FROM mine)) SELECT 1 FROM mine`, [this.term]);
    if (rows.length !== 1) throw new TermOver('another relay has taken over');
  }

  async close(): Promise<void> {
    clearInterval(this.heartbeat);
    await this.client.end().catch(() => undefined);
  }

  private rows<Row extends pg.QueryResultRow = Record<string, never>>(text: string, values: unknown[], name?: string): Promise<Row[]> {
    const mine = this.turn.then(() => this.query<Row>(text, values, name));
    this.turn = mine.catch(() => undefined);
    return mine;
  }

  private async query<Row extends pg.QueryResultRow>(text: string, values: unknown[], name?: string): Promise<Row[]> {
    if (this.lost !== undefined) throw new StoreUnavailable(`the relay's connection is lost: ${this.lost.message}`, { cause: this.lost });
    try {
      return (await this.client.query<Row>({ ...(name !== undefined && { name }), text, values })).rows;
    } catch (error) {
      throw storeErrorOf(error);
    }
  }
}
