import { setTimeout as delay } from 'node:timers/promises';
import { RelaySession, type ClusterHead, type EventStore } from '@ipledger/event-store';
import type { Logger } from '@ipledger/runtime';
import { differenceLine, verifyCluster, verifySharedPools, type Difference, type VerifiedCluster } from '@ipledger/verify';

/** Small pages, and a rest after each of several times what it took: a fifth of a core at most, and no allocation waits for more than a page. */
const pageRows = 50;
const restFactor = 4;
const restMsMin = 5;
/** Who has not got the lock asks again so often; so long after its start a process begins. */
const askMs = 30_000;
/** In so many times that, everybody scrapes. */
const scrapeTurns = 3;
/** Differences of one cluster and run that the log of the process names. */
const loggedMax = 20;

export interface VerifyObserver {
  /** From now on this process stands ready to verify so often. */
  scheduled(intervalSeconds: number): void;
  /** This will be verified. @returns whether it was news: then a scrape shall see its series at 0, or the first difference is no increase */
  awaits(cluster: string): boolean;
  verified(verified: VerifiedCluster): void;
  failed(cluster: string): void;
}

export interface RegularVerification {
  store: EventStore;
  /** Of the database, past a pooler: the lock is one of a session. */
  directUrl: string;
  intervalSeconds: number;
  observer: VerifyObserver;
  logger: Logger;
  /** Keeps what was found for statistics. May throw. */
  note?(verified: VerifiedCluster): Promise<void>;
  /** How long it waits before it asks for the lock, again and at first. */
  askEveryMs?: number;
}

/**
 * Compares the tables of all clusters with a fresh fold of the log, again and again, in the one process that has the lock; another
 * takes over when it ends. The views and Kafka are for `npm run admin -- verify`.
 */
export const verifyRegularly = (options: RegularVerification): { stop(): Promise<void> } => {
  options.observer.scheduled(options.intervalSeconds);
  const stopping = new AbortController();
  const running = run(options, stopping.signal);
  return {
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
};

const run = async (options: RegularVerification, signal: AbortSignal): Promise<void> => {
  const { directUrl, intervalSeconds, logger, askEveryMs = askMs } = options;
  let session: RelaySession | undefined;
  for (let dueMs = 0; await rest(askEveryMs, signal); ) {
    if (performance.now() < dueMs) continue;
    try {
      session ??= await RelaySession.open(directUrl, 'verify');
      if (!(await session.tryLock())) continue;
      dueMs = performance.now() + intervalSeconds * 1000;
      await verifyAll(options, signal);
    } catch (error) {
      if (!signal.aborted) logger.warn('the verification pauses', { error: error instanceof Error ? error.message : String(error) });
      await session?.close();
      session = undefined;
    }
  }
  await session?.close();
};

const verifyAll = async (options: RegularVerification, signal: AbortSignal): Promise<void> => {
  const { store, observer, askEveryMs = askMs } = options;
  const heads = (await store.clusters()).filter(({ revision }) => revision > 0);
  const news = heads.filter(({ name }) => observer.awaits(name));
  if (news.length > 0) await rest(scrapeTurns * askEveryMs, signal);
  const between = await verifySharedPools(store);
  for (const head of heads) {
    if (signal.aborted) return;
    await verifyOne(options, head, between.filter(({ cluster }) => cluster === head.name), signal);
  }
};

/** @param between what other logs say of this one, and it does not */
const verifyOne = async ({ store, observer, logger, note }: RegularVerification, head: ClusterHead, between: readonly Difference[], signal: AbortSignal): Promise<void> => {
  let sinceMs = performance.now();
  const pause = async (): Promise<void> => {
    if (!(await rest(restMsMin + restFactor * (performance.now() - sinceMs), signal))) throw new Error('the process stops');
    sinceMs = performance.now();
  };
  try {
    const own = await verifyCluster(store, head, { pace: { pageRows, pause } });
    const verified = { ...own, differences: [...own.differences, ...between] };
    observer.verified(verified);
    await note?.(verified).catch((error: unknown) => logger.warn('what the verification found is not among the annotations', { error: error instanceof Error ? error.message : String(error) }));
    for (const difference of verified.differences.slice(0, loggedMax)) logger.error('verification: a table is not what the log says', { difference: differenceLine(difference) });
    const unlogged = verified.differences.length + verified.more - loggedMax;
    if (unlogged > 0) logger.error('verification: there are more differences', { cluster: head.name, more: unlogged });
  } catch (error) {
    if (!signal.aborted) observer.failed(head.name);
    throw error;
  }
};

/** @returns false when the process stops */
const rest = async (ms: number, signal: AbortSignal): Promise<boolean> => {
  await delay(ms, undefined, { signal, ref: false }).catch(() => undefined);
  return !signal.aborted;
};

/** As the annotations keep it. */
export const findingOf = ({ cluster, revision, differences, more }: VerifiedCluster): { cluster: string; at: Date; revision: number; differences: number; example: string } => ({
  cluster, at: new Date(), revision, differences: differences.length + more, example: differences[0] === undefined ? '' : differenceLine(differences[0]),
});
