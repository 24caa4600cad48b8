import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { SchemaMismatch, UnsupportedPostgres } from '../errors.js';
import { storeErrorOf } from './sqlstate.js';

export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
  /** Programs built for this version or a newer one work with the schema that this migration makes. */
  readonly minProgramVersion: number;
}

const oldestServer = 150000; // server_version_num of Postgres 15
const migrations: readonly Migration[] = readMigrations(migrationsFolder());

/** The version that this program reads and writes: the number of the last file in `migrations/`. */
export const schemaVersion = migrations.length;

/**
 * Brings the database to `schemaVersion`, one transaction per file. Any number of processes may do so at once. A newer
 * schema that serves this program is left as it is.
 * @param known the migrations of the program; those of this one unless a test stands in for another
 * @returns the names of the files that this call applied
 * @throws UnsupportedPostgres, SchemaMismatch (the database is newer, and does not serve this program), StoreUnavailable
 */
export async function migrate(database: string | pg.Pool, known: readonly Migration[] = migrations): Promise<string[]> {
  return withClient(database, async (client) => {
    await requirePostgres(client);
    await makeMigrationTable(client);
    const found = await readSchema(client);
    if (found.version > known.length) requireServed(found, known.length);
    const applied: string[] = [];
    for (const migration of known) {
      if (migration.version > found.version && (await apply(client, migration))) applied.push(migration.name);
    }
    return applied;
  });
}

/**
 * @param version what the program was built for; this one's unless a test stands in for another
 * @throws SchemaMismatch when the database is older than the program, or newer and does not serve it (docs/adr/0003);
 *   UnsupportedPostgres, StoreUnavailable
 */
export async function requireSchema(database: string | pg.Pool, version = schemaVersion): Promise<void> {
  await withClient(database, async (client) => {
    await requirePostgres(client);
    requireServed(await readSchema(client), version);
  });
}

/** What is in the database, and the oldest program that it serves. */
interface Schema {
  readonly version: number;
  readonly minProgramVersion: number;
}

const requireServed = ({ version, minProgramVersion }: Schema, program: number): void => {
  if (version < program || minProgramVersion > program) throw new SchemaMismatch(version, program, minProgramVersion);
};

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
    applied_at timestamptz NOT NULL DEFAULT now(),
    min_program_version int
  )`).catch((error: unknown) => {
    if (!madeByAnother.includes((error as pg.DatabaseError).code ?? '')) throw error;
  });
  // A table from before the column. Only then: ALTER would wait for a migration under way, and everybody who starts for it.
  const { rows } = await client.query("SELECT 1 FROM pg_attribute WHERE attrelid = 'schema_migrations'::regclass AND attname = 'min_program_version'");
  if (rows.length === 0) await client.query('ALTER TABLE schema_migrations ADD COLUMN IF NOT EXISTS min_program_version int');
}

/**
 * Version 0 for a database that was never migrated. A row without the column, or without a value in it, serves nobody older
 * than itself. Through JSON, since an older table has no such column to name.
 */
async function readSchema(client: pg.ClientBase): Promise<Schema> {
  const none = { version: 0, minProgramVersion: 0 };
  const { rows: [table] } = await client.query<{ exists: boolean }>("SELECT to_regclass('schema_migrations') IS NOT NULL AS exists");
  if (table?.exists !== true) return none;
  const { rows } = await client.query<Schema>(`SELECT coalesce(max(version), 0) AS version,
    coalesce(max(coalesce((to_jsonb(m) ->> 'min_program_version')::int, version)), 0) AS "minProgramVersion" FROM schema_migrations m`);
  return rows[0] ?? none;
}

/** The row comes first: of racing migrators the later ones wait on its key, fail on it when the first commits, and go on. */
async function apply(client: pg.ClientBase, { version, name, sql, minProgramVersion }: Migration): Promise<boolean> {
  await client.query('BEGIN');
  try {
    await client.query('INSERT INTO schema_migrations (version, name, min_program_version) VALUES ($1, $2, $3)', [version, name, minProgramVersion]);
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
function migrationsFolder(): string {
  let folder = path.dirname(fileURLToPath(import.meta.url));
  while (!existsSync(path.join(folder, 'package.json')) || !existsSync(path.join(folder, 'migrations'))) {
    if (folder === path.dirname(folder)) throw new Error('there is no folder "migrations" beside the package.json of this program');
    folder = path.dirname(folder);
  }
  return path.join(folder, 'migrations');
}

/** A file that older programs can live with says so in a line `-- min-program-version: 6`; without it, they cannot. */
export function readMigrations(folder: string): Migration[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.sql')).sort();
  return names.map((name, index) => {
    const version = Number.parseInt(name, 10);
    if (version !== index + 1) throw new Error(`migrations/${name} should have the number ${index + 1}`);
    const sql = readFileSync(path.join(folder, name), 'utf8');
    const marked = /^-- *min-program-version\b(.*)$/m.exec(sql)?.[1];
    const minProgramVersion = marked === undefined ? version : Number(/^: ([1-9]\d{0,8})$/.exec(marked)?.[1]);
    if (!(minProgramVersion <= version)) throw new Error(`migrations/${name} should say "-- min-program-version: N" with N from 1 to ${version}`);
    return { version, name, sql, minProgramVersion };
  });
}
