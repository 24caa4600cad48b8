/**
 * - `unsupported_platform`, `no_binaries`: there is nothing to run on this machine; a DATABASE_URL is needed
 * - `data_dir_not_writable`: the data folder cannot be made, written, or handed to the user Postgres runs as
 * - `already_running`: another process has the data folder, and kept it for as long as we waited
 * - `data_dir_corrupt`: the folder holds something that Postgres does not start on; nothing was changed
 * - `data_dir_version`: the folder was written by another major version of Postgres; nothing was changed
 * - `start_failed`: initdb or postgres ended, or did not answer in time
 */
export type EmbeddedPostgresErrorCode =
  | 'unsupported_platform' | 'no_binaries' | 'data_dir_not_writable' | 'already_running' | 'data_dir_corrupt'
  | 'data_dir_version' | 'start_failed';

/** Thrown when the embedded Postgres cannot be started. The message is one sentence for the person who started it. */
export class EmbeddedPostgresError extends Error {
  constructor(readonly code: EmbeddedPostgresErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'EmbeddedPostgresError';
  }
}
