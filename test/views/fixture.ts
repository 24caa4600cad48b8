import pg from 'pg';
import type { RecordedCommand } from '@ipledger/messaging';
import { useFreshDatabase } from '@ipledger/testing';
import { applyBatch, comparedTables, makeSet, putLive, type Applied } from '@ipledger/views';

/** Sets of views of their own, on the database of the spec file. */
export const useSets = () => {
  const database = useFreshDatabase();
  let client: pg.Client;
  beforeAll(async () => {
    client = new pg.Client({ connectionString: database.url });
    await client.connect();
  });
  afterAll(() => client.end());
  return {
    get client() { return client; },
    get url() { return database.url; },
    make: async (): Promise<string> => {
      await client.query('BEGIN');
      const schema = await makeSet(client);
      await client.query('COMMIT');
      return schema;
    },
    /** Behind the stable names of the schema `views`. */
    putLive: (schema: string): Promise<void> => putLive(client, schema),
    clear: async (schema: string): Promise<void> => {
      await client.query(`TRUNCATE ${[...Object.keys(comparedTables), 'checkpoints'].map((table) => `${schema}.${table}`).join(', ')}`);
    },
    apply: async (schema: string, commands: readonly RecordedCommand[], epoch = 1): Promise<Applied> =>
      applyBatch(client, { schema }, { cluster: commands[0]?.cluster ?? 'blue', epoch, commands }),
    /** Everything that the tables of a set hold, rows in order. */
    contents: (schema: string) => contentsOf(client, schema),
  };
};

export const contentsOf = async (client: pg.Client | pg.Pool, schema: string): Promise<Record<string, unknown[]>> => {
  const contents: Record<string, unknown[]> = {};
  for (const [table, condition] of Object.entries({ ...comparedTables, checkpoints: 'true' }))
    contents[table] = (await client.query(`SELECT to_jsonb(t) AS row FROM ${schema}.${table} t WHERE ${condition} ORDER BY to_jsonb(t)::text`)).rows.map(({ row }) => row as unknown);
  return contents;
};

/** The log cut into batches of a size; every batch is delivered twice in a row, and once more after the next one. */
export const deliveries = <T>(log: readonly T[], size: number): T[][] => {
  const batches: T[][] = [];
  for (let at = 0; at < log.length; at += size) {
    const batch = log.slice(at, at + size);
    batches.push(batch, batch, ...(at > 0 ? [log.slice(at - size, at)] : []));
  }
  return batches;
};
