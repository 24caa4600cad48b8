import pg from 'pg';

export interface PoolOptions {
  readonly url: string;
  /** Connections at most; 10 unless told. Each cluster that appends, and each read under way, uses one. */
  readonly max?: number;
  /** Shown in pg_stat_activity; "ipledger" unless told. */
  readonly applicationName?: string;
  /** What the server may spend on one statement; 15 s unless told. */
  readonly statementTimeoutMs?: number;
  /**
   * A commit is answered before it is on disk: should the server crash, the last ones are gone, each of them whole. For what is
   * derived and comes again. False unless told.
   */
  readonly asynchronousCommit?: boolean;
  /** Called for a connection that broke while it was idle; the pool replaces it. */
  readonly onIdleError?: (error: Error) => void;
}

const connectTimeoutMs = 5_000;
const idleTimeoutMs = 30_000;
const statementTimeoutMsDefault = 15_000;
/** Waiting for a cluster's row longer than this means that a holder hangs: fail and let the caller decide again. */
const lockTimeoutMs = 5_000;
/** A transaction that sits idle holds its cluster's row, and with it all others: the server ends it. */
const idleInTransactionMs = 10_000;
/**
 * Every query of ours is a look-up by key, or reads in the order of a key from a place on. On a table that has grown since
 * its last ANALYZE the planner would rather read and sort all of it, once for every page (seen: 7 s instead of 1 s to
 * load 80,000 Services).
 */
const plannerOptions = '-c enable_sort=off -c enable_bitmapscan=off -c enable_seqscan=off';
/** Past the server's own timeout, for a server that is no longer there to apply it. */
const answerMarginMs = 3_000;

/**
 * A pool whose every wait has a bound.
 * The timeouts travel as start-up parameters: behind PgBouncer list them in `ignore_startup_parameters`, and use 1.21 or
 * later with `max_prepared_statements`.
 */
export function createPool(options: PoolOptions): pg.Pool {
  const { url, max = 10, applicationName = 'ipledger', statementTimeoutMs = statementTimeoutMsDefault, asynchronousCommit = false, onIdleError } = options;
  const pool = new pg.Pool({
    connectionString: url,
    pipeline: true, // what is asked of one connection at once is sent at once: see locked.ts
    application_name: applicationName,
    max,
    connectionTimeoutMillis: connectTimeoutMs,
    idleTimeoutMillis: idleTimeoutMs,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + answerMarginMs,
    lock_timeout: lockTimeoutMs,
    idle_in_transaction_session_timeout: idleInTransactionMs,
    options: asynchronousCommit ? `${plannerOptions} -c synchronous_commit=off` : plannerOptions,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  });
  // Without listeners an idle connection that loses its server would end the process.
  pool.on('error', (error) => {
    if (!pool.ending) onIdleError?.(error); // a server that stops right after its pool was ended is no loss
  });
  pool.on('connect', (client) => client.on('error', () => undefined)); // the query under way rejects as well
  return pool;
}
