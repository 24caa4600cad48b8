import { InMemoryEventStore } from '@ipledger/event-store';
import { eventStoreContract } from './event-store.contract.js';
import { heldBackContract } from './held-back.contract.js';
import { loadBalancersContract } from './load-balancers.contract.js';
import { lockContract } from './lock.contract.js';

describe('the in-memory store', () => {
  eventStoreContract(async () => new InMemoryEventStore());
  heldBackContract(async () => new InMemoryEventStore());
  loadBalancersContract(async () => new InMemoryEventStore());
  lockContract(async () => new InMemoryEventStore());
});
