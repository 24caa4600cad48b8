import pg from 'pg';
import { BadAppend, ClaimConflict, OutcomeUnknown, StoreError, StoreUnavailable } from '../errors.js';

/** What Postgres says when it ended the statement, or the session, for reasons of its own: nothing was written. */
const unavailable = [
  /^08/, // connection exceptions
  /^53/, // insufficient resources: too many connections, disk full
  /^57/, // operator intervention: statement timeout, shutdown, starting up
  /^40/, // transaction rollback: serialization failure, deadlock
  /^25P0[34]$/, // the session was idle in a transaction, or in one at all, for too long
  /^25006$/, // read-only: a standby, or a primary that was demoted
  /^55P03$/, // lock timeout
  /^(28|3D)/, // may not log in, no such database: as good as not there, and it can be put right without us
];
/** Told in our words: its own name a file of the server. */
const diskFull = '53100';
/** The session was ended from outside (FATAL), which can strike between the commit and its answer. */
const sessionEnded = /^(08|57P0[1245]|25P0[34]$)/;
const refusedValue = /^(22|23|54)/;

/**
 * The error of a read, of a connection attempt, or of anything whose loss leaves nothing half known.
 * What is neither from Postgres nor from the network (a fault in our SQL, say) comes back as it is.
 */
export function storeErrorOf(error: unknown): unknown {
  if (error instanceof StoreError) return error;
  if (error instanceof pg.DatabaseError) {
    const code = error.code ?? '';
    if (unavailable.some((pattern) => pattern.test(code))) return new StoreUnavailable(code === diskFull ? 'the disk of the database is full' : error.message, { cause: error });
    return refusedValue.test(code) ? new BadAppend(error.message, { cause: error }) : error;
  }
  return isLoss(error) ? new StoreUnavailable(`no connection to the database: ${error.message}`, { cause: error }) : error;
}

/** The error of an append's statement, when nothing was committed for certain: a lock's transaction is still open. */
export function appendErrorOf(error: unknown, clusterId: number): unknown {
  const claimed = error instanceof pg.DatabaseError && error.code === '23505' ? claimedKey(error) : undefined;
  return claimed === undefined ? storeErrorOf(error) : new ClaimConflict(clusterId, claimed, { cause: error });
}

/**
 * The error of a statement that commits: of an append by itself, or of COMMIT. A refusal by the server means that nothing
 * was written; without one, or when the session was ended, nobody knows.
 */
export function commitErrorOf(error: unknown, clusterId: number): unknown {
  const lost = error instanceof pg.DatabaseError ? sessionEnded.test(error.code ?? '') : isLoss(error);
  return lost ? new OutcomeUnknown('the connection was lost during a commit', { cause: error }) : appendErrorOf(error, clusterId);
}

/** @returns "10.0.0.1" or "port 30000", from a detail like "Key (cluster_id, address)=(1, 10.0.0.1) already exists." */
function claimedKey({ constraint, detail }: pg.DatabaseError): string | undefined {
  const key = /\)=\(\d+, ([^)]*)\)/.exec(detail ?? '')?.[1];
  if (constraint === 'claims_pkey') return key ?? 'an address';
  if (constraint === 'port_claims_pkey') return key === undefined ? 'a port' : `port ${key}`;
  return undefined;
}

/** What Node and pg throw when a connection cannot be made, breaks, or does not answer in time. */
function isLoss(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  if (typeof (error as NodeJS.ErrnoException).code === 'string' && 'syscall' in error) return true;
  return error instanceof AggregateError // every address of a host name refused
    || /^(Connection terminated|Client has encountered|Query read timeout|timeout expired|timeout exceeded when trying to connect|Cannot use a pool after|Client was closed)/.test(error.message);
}
