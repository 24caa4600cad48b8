import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { migrate, requireSchema, SchemaMismatch, schemaVersion, StoreUnavailable, UnsupportedPostgres } from '@ipledger/event-store';
import { freshDatabase } from '@ipledger/testing';
import type { TestDatabase } from '@ipledger/testing';
import pg from 'pg';
import { readMigrations } from '../src/postgres/migrate.js';

let database: TestDatabase;
let client: pg.Client;

beforeEach(async () => {
  database = await freshDatabase({ migrated: false });
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
});
afterEach(async () => {
  await client.end();
  await database.drop();
});

const versions = async (): Promise<number[]> => (await client.query<{ version: number }>('SELECT version FROM schema_migrations ORDER BY version')).rows.map(({ version }) => version);
const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

describe('migrating', () => {
  it('applies every file once, and nothing the second time', async () => {
    expect(await migrate(database.url)).toHaveLength(schemaVersion);
    expect(await migrate(database.url)).toEqual([]);
    expect(await versions()).toEqual(upTo(schemaVersion));
    await requireSchema(database.url);
  });

  it('applies every file once although 20 migrate at the same time', async () => {
    const applied = await Promise.all(Array.from({ length: 20 }, () => migrate(database.url)));
    expect(applied.flat().sort()).toEqual([...new Set(applied.flat())].sort());
    expect(applied.flat()).toHaveLength(schemaVersion);
    expect(await versions()).toEqual(upTo(schemaVersion));
  });

  it('goes on where an earlier program stopped', async () => {
    const folder = fileURLToPath(new URL('../../../migrations/', import.meta.url));
    const files = readdirSync(folder).filter((name) => name.endsWith('.sql')).sort();
    await client.query('CREATE TABLE schema_migrations (version int CONSTRAINT schema_migrations_pkey PRIMARY KEY, name text NOT NULL)');
    for (const [index, name] of files.slice(0, 3).entries())
      await client.query(`${readFileSync(folder + name, 'utf8')}; INSERT INTO schema_migrations VALUES (${index + 1}, '${name}')`);
    await expect(requireSchema(database.url)).rejects.toEqual(new SchemaMismatch(3, schemaVersion, 3));
    expect(await migrate(database.url)).toEqual(files.slice(3));
    await requireSchema(database.url);
  });

  it('leaves nothing of a file that fails half-way', async () => {
    await client.query('CREATE TABLE port_claims (mine int)');
    await expect(migrate(database.url)).rejects.toThrow('relation "port_claims" already exists');
    expect(await versions()).toEqual([1]);
    expect((await client.query("SELECT to_regclass('claims') AS claims")).rows).toEqual([{ claims: null }]);
  });

  it('refuses to work with a schema that is missing or newer, and says what to do', async () => {
    await expect(requireSchema(database.url)).rejects.toThrow(
      `The database schema is at version 0, but this program needs ${schemaVersion}: run "npm run admin -- migrate".`);
    await migrate(database.url);
    await client.query("INSERT INTO schema_migrations (version, name) VALUES ($1, 'from the future')", [schemaVersion + 1]);
    await expect(requireSchema(database.url)).rejects.toThrow(`is at version ${schemaVersion + 1}, which is newer than this program (${schemaVersion})`);
    await expect(migrate(database.url)).rejects.toBeInstanceOf(SchemaMismatch);
  });

  it('refuses a Postgres older than 15', async () => {
    const query = pg.Client.prototype.query;
    const old = vi.spyOn(pg.Client.prototype, 'query').mockImplementation(function (this: pg.Client, ...args: unknown[]) {
      if (typeof args[0] === 'string' && args[0].includes('server_version_num')) return Promise.resolve({ rows: [{ number: 140022, version: '14.22' }] });
      return Reflect.apply(query, this, args) as unknown;
    } as never);
    const outcome = await migrate(database.url).catch((error: unknown) => error);
    old.mockRestore();
    expect(outcome).toEqual(new UnsupportedPostgres('14.22'));
    expect((await client.query("SELECT to_regclass('schema_migrations') AS made")).rows).toEqual([{ made: null }]);
  });

  it('is unavailable when there is no server', async () => {
    await expect(migrate('postgresql://nobody@127.0.0.1:1/none')).rejects.toBeInstanceOf(StoreUnavailable);
  });

  it('makes the schema of migrations/schema.txt', async () => {
    await migrate(database.url);
    await expect(await describeSchema()).toMatchFileSnapshot(fileURLToPath(new URL('../../../migrations/schema.txt', import.meta.url)));
  });
});

/** Programs of three versions, told by the migrations that each has: a table, a column for it (expand), and what only the second one knows (contract). */
describe('a rolling upgrade', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'ipledger-migrations-'))));
  afterEach(() => rmSync(folder, { recursive: true }));
  const files = { '0001_a.sql': 'CREATE TABLE a (x int);', '0002_expand.sql': '-- Why.\n-- min-program-version: 1\nALTER TABLE a ADD COLUMN y int;', '0003_contract.sql': '-- min-program-version: 2\nALTER TABLE a DROP COLUMN x;' };
  const write = (names: Record<string, string>): void => {
    for (const [name, sql] of Object.entries(names)) writeFileSync(join(folder, name), sql);
  };
  const program = (version: number): ReturnType<typeof readMigrations> => readMigrations(folder).slice(0, version);
  const newerThan = (version: number, found: number, from: number): string =>
    `The database schema is at version ${found}, which is newer than this program (${version}) and serves programs from ${from} on: run a newer program.`;

  it.each([
    { schema: 1, serves: [1], refusals: { 2: 'The database schema is at version 1, but this program needs 2: run "npm run admin -- migrate".' } },
    { schema: 2, serves: [1, 2], refusals: { 3: 'The database schema is at version 2, but this program needs 3: run "npm run admin -- migrate".' } },
    { schema: 3, serves: [2, 3], refusals: { 1: newerThan(1, 3, 2) } },
  ])('of schema $schema serves the programs $serves', async ({ schema, serves, refusals }) => {
    write(files);
    await migrate(database.url, program(schema));
    for (const version of serves) {
      await requireSchema(database.url, version);
      expect(await migrate(database.url, program(version))).toEqual([]);
    }
    for (const [version, why] of Object.entries(refusals)) await expect(requireSchema(database.url, Number(version))).rejects.toThrow(why);
    expect(await versions()).toEqual(upTo(schema));
  });

  it('with a migration that says nothing refuses every older program, to start and to migrate', async () => {
    write({ ...files, '0003_contract.sql': 'ALTER TABLE a DROP COLUMN x;' });
    await migrate(database.url, program(3));
    for (const version of [1, 2]) {
      await expect(requireSchema(database.url, version)).rejects.toThrow(newerThan(version, 3, 3));
      await expect(migrate(database.url, program(version))).rejects.toEqual(new SchemaMismatch(3, version, 3));
    }
  });

  it('begins with a database from before programs said so, which serves its own version only', async () => {
    write(files);
    await client.query('CREATE TABLE schema_migrations (version int CONSTRAINT schema_migrations_pkey PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())');
    await client.query("CREATE TABLE a (x int); INSERT INTO schema_migrations (version, name) VALUES (1, '0001_a.sql')");
    await requireSchema(database.url, 1);
    await expect(requireSchema(database.url, 0)).rejects.toEqual(new SchemaMismatch(1, 0, 1));
    expect(await Promise.all([migrate(database.url, program(2)), migrate(database.url, program(2))]).then((applied) => applied.flat())).toEqual(['0002_expand.sql']);
    for (const version of [1, 2]) await requireSchema(database.url, version);
  });

  it.each(['3', '0', 'two', '', '1 or so'])('takes no file that serves programs from %j on', (marker) => {
    write({ '0001_a.sql': '', '0002_b.sql': `-- min-program-version: ${marker}\nSELECT 1` });
    expect(() => readMigrations(folder)).toThrow('migrations/0002_b.sql should say "-- min-program-version: N" with N from 1 to 2');
  });
});

/** Tables with columns, constraints, indexes, triggers and storage settings, as text that a review can read. */
async function describeSchema(): Promise<string> {
  const { rows } = await client.query<{ line: string }>(`
    SELECT line FROM (
      SELECT c.relname AS relation, 1 AS kind, a.attnum::int AS place,
        format('%s.%s %s%s%s%s%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
          CASE WHEN co.collname <> 'default' THEN format(' COLLATE "%s"', co.collname) ELSE '' END,
          CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END, ' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid),
          CASE a.attidentity WHEN 'a' THEN ' GENERATED ALWAYS AS IDENTITY' ELSE '' END) AS line
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum LEFT JOIN pg_collation co ON co.oid = a.attcollation
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
      UNION ALL
      SELECT c.relname, 2, 0, format('%s with %s', c.relname, array_to_string(c.reloptions, ', ')) FROM pg_class c
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.reloptions IS NOT NULL
      UNION ALL
      SELECT conrelid::regclass::text, 3, 0, format('%s: constraint %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint
      WHERE connamespace = 'public'::regnamespace AND contype <> 'n' -- Postgres 18 lists NOT NULL here, 15 does not
      UNION ALL
      SELECT tablename, 4, 0, indexdef FROM pg_indexes WHERE schemaname = 'public'
      UNION ALL
      SELECT tgrelid::regclass::text, 5, 0, format('%s (%s)', pg_get_triggerdef(oid), tgenabled) FROM pg_trigger WHERE NOT tgisinternal
    ) schema ORDER BY relation COLLATE "C", kind, place, line COLLATE "C"`);
  return `${rows.map(({ line }) => line).join('\n')}\n`;
}
