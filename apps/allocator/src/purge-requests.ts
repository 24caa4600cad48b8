import type { EventStore } from '@ipledger/event-store';
import type { Logger } from '@ipledger/runtime';

/** A key is remembered for a day: longer than any client retries. */
const keepMs = 24 * 3600 * 1000;
const everyMs = 60_000;
/** Rows per DELETE, and deletes per round: a backlog is worked off without holding up appends. */
const rowsMax = 1_000;
const deletesMax = 20;

/** Deletes idempotency keys that are older than a day, in bounded deletes. A failed round is logged and tried again. */
export const purgeRequestsRegularly = (store: EventStore, logger: Logger): { stop(): Promise<void> } => {
  let round: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    round = purge(store).catch((error: unknown) => logger.warn('old idempotency keys could not be purged', { error: String(error) }));
  }, everyMs);
  timer.unref();
  return {
    stop: async () => {
      clearInterval(timer);
      await round;
    },
  };
};

const purge = async (store: EventStore): Promise<void> => {
  const before = new Date(Date.now() - keepMs);
  for (let i = 0; i < deletesMax; i++) if ((await store.purgeRequests(before, rowsMax)) < rowsMax) return;
};
