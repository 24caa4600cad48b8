import type { EventStore } from '@ipledger/event-store';
import type { Logger } from '@ipledger/runtime';

/** A key is remembered for a day: longer than any client retries. */
const keepMs = 24 * 3600 * 1000;
const everyMs = 60_000;
/** Rows per DELETE, and deletes per round: a backlog is worked off without holding up appends. */
const rowsMax = 1_000;
const deletesMax = 20;

/** Deletes idempotency keys that are older than a day, and reservations and cool-downs that ended a day ago, in bounded deletes. A failed round is logged and tried again. */
export const purgeRequestsRegularly = (store: EventStore, logger: Logger): { stop(): Promise<void> } => {
  let round: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    round = purge(store).catch((error: unknown) => logger.warn('old rows could not be purged', { error: String(error) }));
  }, everyMs);
  timer.unref();
  return {
    stop: async () => {
      clearInterval(timer);
      await round;
    },
  };
};

const work = async (purgeSome: () => Promise<number>): Promise<void> => {
  for (let i = 0; i < deletesMax; i++) if ((await purgeSome()) < rowsMax) return;
};

const purge = async (store: EventStore): Promise<void> => {
  const before = new Date(Date.now() - keepMs);
  await work(() => store.purgeRequests(before, rowsMax));
  // Everything that has ended means nothing; a day leaves the clocks of all replicas behind.
  await work(() => store.purgeEnded(before, rowsMax));
};
