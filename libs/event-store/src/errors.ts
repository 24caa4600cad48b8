/** Why an append or a read did not happen. SQLSTATE is read in `postgres/` only; everything above branches on these. */
export abstract class StoreError extends Error {
  /** Whether the same call can succeed later without anybody changing anything. */
  abstract readonly retriable: boolean;
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** Thrown when the cluster's counter row has moved on (another replica appended) or its epoch changed. Nothing was written. */
export class RevisionConflict extends StoreError {
  readonly retriable = true;
  constructor(readonly clusterId: number, readonly at: number) {
    super(`cluster ${clusterId} is no longer at revision ${at}`);
  }
}

/** Thrown when the database holds a claim that the writer's memory did not know. Nothing was written; memory must be loaded again. */
export class ClaimConflict extends StoreError {
  readonly retriable = true;
  constructor(readonly clusterId: number, readonly claimed: string, options?: ErrorOptions) {
    super(`cluster ${clusterId}: ${claimed} is already claimed in the database, but not in memory`, options);
  }
}

/** Thrown when the database refuses a value in the batch (SQLSTATE 22xxx, 23xxx, 54xxx). Nothing was written; retry the rows one by one. */
export class BadAppend extends StoreError {
  readonly retriable = false;
}

/** Thrown when the connection was lost after the statement was sent: the commit may or may not have happened. */
export class OutcomeUnknown extends StoreError {
  readonly retriable = false;
}

/** Thrown when the database cannot be reached, is shutting down, or took too long. Nothing was written. */
export class StoreUnavailable extends StoreError {
  readonly retriable = true;
}

/** Thrown when the database has an older schema than this program was written for, or a newer one that does not serve it. Nothing was written. */
export class SchemaMismatch extends StoreError {
  readonly retriable = false;
  constructor(readonly found: number, readonly needed: number, readonly minProgramVersion: number) {
    super(found < needed
      ? `The database schema is at version ${found}, but this program needs ${needed}: run "npm run admin -- migrate".`
      : `The database schema is at version ${found}, which is newer than this program (${needed}) and serves programs from ${minProgramVersion} on: run a newer program.`);
  }
}

/** Thrown when the server is a Postgres older than we support. */
export class UnsupportedPostgres extends StoreError {
  readonly retriable = false;
  constructor(readonly version: string) {
    super(`The database server is Postgres ${version}, but 15 or newer is needed.`);
  }
}
