import { createPool, PostgresEventStore } from '@ipledger/event-store';
import { useFreshDatabase } from '@ipledger/testing';
import { eventStoreContract } from './event-store.contract.js';
import { heldBackContract } from './held-back.contract.js';
import { loadBalancersContract } from './load-balancers.contract.js';
import { lockContract } from './lock.contract.js';

describe('the Postgres store', () => {
  const database = useFreshDatabase();
  eventStoreContract(async () => new PostgresEventStore({ url: database.url }));
  heldBackContract(async () => new PostgresEventStore({ url: database.url }));
  loadBalancersContract(async () => new PostgresEventStore({ url: database.url }));
  lockContract(async () => new PostgresEventStore({ url: database.url }));
});

/** What a migration may add while programs from before it still serve (docs/adr/0003): they read and write past it. */
describe('the Postgres store, on the schema of a newer program', () => {
  const database = useFreshDatabase();
  beforeAll(async () => {
    const pool = createPool({ url: database.url, max: 1 });
    const { rows } = await pool.query<{ name: string }>("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'");
    expect(rows.length).toBeGreaterThan(8);
    for (const { name } of rows) await pool.query(`ALTER TABLE ${name} ADD COLUMN added text, ADD COLUMN filled int NOT NULL DEFAULT 7; CREATE INDEX ON ${name} (filled)`);
    await pool.query('CREATE TABLE added (x int)');
    await pool.end();
  });
  eventStoreContract(async () => new PostgresEventStore({ url: database.url }));
  heldBackContract(async () => new PostgresEventStore({ url: database.url }));
  loadBalancersContract(async () => new PostgresEventStore({ url: database.url }));
  lockContract(async () => new PostgresEventStore({ url: database.url }));
});
