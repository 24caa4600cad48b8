import { InMemoryEventStore } from '@ipledger/event-store';
import { createLogger } from '@ipledger/runtime';
import { createAllocator } from '../../apps/allocator/src/index.js';

/** The allocator on an in-memory event store, listening on a free port of this machine. */
export const startAllocator = async (): Promise<{ url: string; close(): Promise<void> }> => {
  const allocator = await createAllocator({
    store: new InMemoryEventStore(),
    logger: createLogger({ level: 'warn', format: 'pretty' }),
    settings: { queueLimit: 2048, batchLimit: 256, clusterIdleSeconds: 600 },
    version: 'test',
    isStopping: () => false,
  });
  const port = await allocator.listen(0, '127.0.0.1');
  return { url: `http://127.0.0.1:${port}`, close: () => allocator.close() };
};
