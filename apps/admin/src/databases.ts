import { existsSync } from 'node:fs';
import path from 'node:path';
import { migrate, requireSchema } from '@ipledger/event-store';
import { EmbeddedPostgresError, startEmbeddedPostgres } from '@ipledger/runtime';
import type { Usage } from './usage.js';

export interface Databases {
  logUrl: string;
  viewsUrl: string;
  close(): Promise<void>;
}

/**
 * Where the log and the views are: DATABASE_URL and VIEWS_DATABASE_URL, or the embedded Postgres of the data folder, whether
 * `npm start` runs it at the moment or not.
 */
export const openDatabases = async ({ databaseUrl, viewsDatabaseUrl, dataDir }: Usage['options'], { migrated = true } = {}): Promise<Databases> => {
  if (databaseUrl !== undefined) {
    if (migrated) await requireSchema(databaseUrl);
    return { logUrl: databaseUrl, viewsUrl: viewsDatabaseUrl ?? databaseUrl, close: async () => undefined };
  }
  const embedded = await openEmbedded(path.resolve(dataDir));
  if (migrated) await migrate(embedded.url);
  return { logUrl: embedded.url, viewsUrl: viewsDatabaseUrl ?? embedded.url, close: embedded.close };
};

const openEmbedded = async (dataDir: string): Promise<{ url: string; close(): Promise<void> }> => {
  const pgdata = path.join(dataDir, 'pgdata');
  if (!existsSync(pgdata)) throw new EmbeddedPostgresError('data_dir_corrupt', `there is no database in ${dataDir}; set DATABASE_URL, or --data-dir to the folder that npm start uses`);
  const running = `postgresql://postgres@localhost:5432/ipledger?host=${encodeURIComponent(pgdata)}`;
  if (existsSync(path.join(pgdata, '.s.PGSQL.5432'))) return { url: running, close: async () => undefined };
  const postgres = await startEmbeddedPostgres({ dataDir });
  return { url: postgres.url, close: () => postgres.stop() };
};
