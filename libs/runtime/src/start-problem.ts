import { EmbeddedPostgresError } from './embedded-postgres-error.js';
import type { Lifecycle } from './lifecycle.js';
import type { Logger } from './logger.js';

/** A start that cannot go on, in one sentence for the person who started it. */
export class StartProblem extends Error {}

/** @throws StartProblem where the port or the host cannot be had */
export const listenAt = async (listen: (port: number, host: string) => Promise<number>, port: number, host: string): Promise<number> => {
  try {
    return await listen(port, host);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EADDRINUSE') throw new StartProblem(`port ${port} on ${host} is in use by another program; stop it, or start with --port and another number`);
    if (code === 'EACCES') throw new StartProblem(`port ${port} may not be used by this user; start with --port and a number from 1024 on`);
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') throw new StartProblem(`${host} is no address of this machine; start with --host and one that is, such as 127.0.0.1`);
    throw error;
  }
};

/** Why a start failed, for the person who started it; undefined when nobody foresaw it. What a store throws says whether it is `retriable`. */
export const startProblemOf = (error: unknown): string | undefined => {
  if (error instanceof StartProblem || error instanceof EmbeddedPostgresError) return error.message;
  if (!(error instanceof Error) || !('retriable' in error)) return undefined;
  return error.retriable === true ? `the database cannot be used: ${error.message}; check DATABASE_URL, and that Postgres runs and lets this user in` : error.message;
};

/** Ends a start that failed: one sentence, exit code 1; the stack of what nobody foresaw. */
export const failStart = async (error: unknown, lifecycle: Lifecycle, logger: Logger): Promise<void> => {
  const foreseen = startProblemOf(error);
  if (foreseen !== undefined) logger.error(`cannot start: ${foreseen}`);
  else logger.error('cannot start', { error: error instanceof Error ? error : new Error(String(error)) });
  await lifecycle.shutdown(1);
};
