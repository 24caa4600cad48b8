import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { SchemaMismatch, UnsupportedPostgres } from '../errors.js';
import { storeErrorOf } from './sqlstate.js';

interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
}

const oldestServer = 150000; // server_version_num of Postgres 15
const migrations = readMigrations();

/** The version that this program reads and writes: the number of the last file in `migrations/`. */
export const schemaVersion = migrations.length;

/**
 * Brings the database to `schemaVersion`, one transaction per file. Any number of processes may do so at once.
 * @returns the names of the files that this call applied
 * @throws UnsupportedPostgres, SchemaMismatch (the database is newer), StoreUnavailable
 */
export async function migrate(database: string | pg.Pool): Promise<string[]> {
  return withClient(database, async (client) => {
    await requirePostgres(client);
    await makeMigrationTable(client);
    const found = await readVersion(client);
    if (found > schemaVersion) throw new SchemaMismatch(found, schemaVersion);
    const applied: string[] = [];
    for (const migration of migrations) {
      if (migration.version > found && (await apply(client, migration))) applied.push(migration.name);
    }
    return applied;
  });
}

/** @throws SchemaMismatch when the database is older or newer than this program; UnsupportedPostgres, StoreUnavailable */
export async function requireSchema(database: string | pg.Pool): Promise<void> {
  await withClient(database, async (client) => {
    await requirePostgres(client);
    const found = await readVersion(client);
    if (found !== schemaVersion) throw new SchemaMismatch(found, schemaVersion);
  });
}

async function requirePostgres(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ number: number; version: string }>(
    "SELECT current_setting('server_version_num')::int AS number, current_setting('server_version') AS version");
  const server = rows[0];
  if (server === undefined || server.number < oldestServer) throw new UnsupportedPostgres(server?.version ?? 'of unknown version');
}

/** IF NOT EXISTS does not keep two sessions from making it at once: the slower one gets one of these errors, and it exists. */
async function makeMigrationTable(client: pg.ClientBase): Promise<void> {
  const madeByAnother = ['23505', '42P07', '42710'];
  await client.query(`CREATE TABLE IF NOT EXISTS schema_migrations (
    version int CONSTRAINT schema_migrations_pkey PRIMARY KEY,
    name text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
  )`).catch((error: unknown) => {
    if (!madeByAnother.includes((error as pg.DatabaseError).code ?? '')) throw error;
  });
}

/** @returns 0 for a database that was never migrated */
async function readVersion(client: pg.ClientBase): Promise<number> {
  const { rows: [table] } = await client.query<{ exists: boolean }>("SELECT to_regclass('schema_migrations') IS NOT NULL AS exists");
  if (table?.exists !== true) return 0;
  const { rows } = await client.query<{ version: number }>('SELECT coalesce(max(version), 0) AS version FROM schema_migrations');
  return rows[0]?.version ?? 0;
}

/** The row comes first: of racing migrators the later ones wait on its key, fail on it when the first commits, and go on. */
async function apply(client: pg.ClientBase, { version, name, sql }: Migration): Promise<boolean> {
  await client.query('BEGIN');
  try {
    await client.query('INSERT INTO schema_migrations (version, name) VALUES ($1, $2)', [version, name]);
    await client.query(sql);
    await client.query('COMMIT');
    return true;
  } catch (error) {
    await client.query('ROLLBACK');
    if ((error as pg.DatabaseError).constraint === 'schema_migrations_pkey') return false;
    throw error;
  }
}

async function withClient<T>(database: string | pg.Pool, work: (client: pg.ClientBase) => Promise<T>): Promise<T> {
  // A connection of its own, without the pool's timeouts: a migration of a large table takes as long as it takes.
  const client = new pg.Client(typeof database === 'string' ? { connectionString: database } : { ...database.options, ...noTimeouts });
  client.on('error', () => undefined); // the query under way rejects as well
  try {
    await client.connect();
    return await work(client);
  } catch (error) {
    throw storeErrorOf(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

const noTimeouts = { statement_timeout: 0, query_timeout: 0, lock_timeout: 0, idle_in_transaction_session_timeout: 0 } as const;

/** From the sources and from `dist` alike: the nearest folder above that holds both a package.json and migrations. */
function readMigrations(): Migration[] {
  let folder = path.dirname(fileURLToPath(import.meta.url));
  while (!existsSync(path.join(folder, 'package.json')) || !existsSync(path.join(folder, 'migrations'))) {
    if (folder === path.dirname(folder)) throw new Error('there is no folder "migrations" beside the package.json of this program');
    folder = path.dirname(folder);
  }
  const names = readdirSync(path.join(folder, 'migrations')).filter((name) => name.endsWith('.sql')).sort();
  return names.map((name, index) => {
    const version = Number.parseInt(name, 10);
    if (version !== index + 1) throw new Error(`migrations/${name} should have the number ${index + 1}`);
    return { version, name, sql: readFileSync(path.join(folder, 'migrations', name), 'utf8') };
  });
}
