import { InMemoryEventStore } from '@ipledger/event-store';
import { eventStoreContract } from './event-store.contract.js';

describe('the in-memory store', () => {
  eventStoreContract(async () => new InMemoryEventStore());
});
