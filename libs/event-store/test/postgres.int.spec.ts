import { PostgresEventStore } from '@ipledger/event-store';
import { useFreshDatabase } from '@ipledger/testing';
import { eventStoreContract } from './event-store.contract.js';
import { heldBackContract } from './held-back.contract.js';

describe('the Postgres store', () => {
  const database = useFreshDatabase();
  eventStoreContract(async () => new PostgresEventStore({ url: database.url }));
  heldBackContract(async () => new PostgresEventStore({ url: database.url }));
});
