import { createPool, migrate } from '@ipledger/event-store';
import { makeViews } from '@ipledger/views';
import { openDatabases } from './databases.js';
import type { Usage } from './usage.js';

/** Brings the schema of the log up to date, and makes the views where there are none. */
export const runMigrate = async ({ options }: Usage): Promise<string> => {
  const databases = await openDatabases(options, { migrated: false });
  const pool = createPool({ url: databases.viewsUrl, max: 1, applicationName: 'ipledger admin' });
  try {
    const applied = await migrate(databases.logUrl);
    const set = await makeViews(pool);
    return `log: ${applied.length === 0 ? 'was up to date' : `applied ${applied.join(', ')}`}; views: ${set.schema}, format ${set.format}`;
  } finally {
    await pool.end();
    await databases.close();
  }
};
