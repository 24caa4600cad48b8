import { PostgresEventStore } from '@ipledger/event-store';
import { openDatabases } from './databases.js';
import type { Usage } from './usage.js';

/**
 * After the database of the log was restored from a backup: revisions may be used again, and only the epoch tells the two lives
 * apart. Writers decide anew, projectors rebuild the views, consumers see the new epoch (design D7).
 */
export const runRestoreEpoch = async ({ options }: Usage): Promise<string> => {
  const databases = await openDatabases(options);
  const store = new PostgresEventStore({ url: databases.logUrl, max: 1 });
  try {
    const clusters = await store.raiseEpoch();
    const epoch = (await store.tips())[0]?.epoch;
    return `the log has begun a new life${epoch === undefined ? '' : `, epoch ${epoch}`} (${clusters} clusters); projectors that run rebuild the views by themselves`;
  } finally {
    await store.close();
    await databases.close();
  }
};
