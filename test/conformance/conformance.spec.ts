import { startAllocator } from './allocator.js';
import { judge } from './exceptions.js';
import { scenariosOf, topics } from './recordings.js';
import type { Failure } from './replay.js';
import { describeFailure, replayAll, Server } from './server.js';

const concurrency = 16;
const clustersPerStore = 500;
const topicTimeoutMs = 300_000;
const failuresShown = 20;
// For local speed only: CONFORMANCE_SKIP=update,reconfigure
const skipped = new Set((process.env['CONFORMANCE_SKIP'] ?? '').split(','));

describe('answers every recorded scenario as kube-apiserver 1.37.2 did', () => {
  // Each recording fits in one second, which orders managedFields. Here all of them do, however slow the machine.
  beforeAll(() => { vi.useFakeTimers({ toFake: ['Date'] }); });
  afterAll(() => { vi.useRealTimers(); });

  for (const topic of topics) {
    it.skipIf(skipped.has(topic))(topic, { timeout: topicTimeoutMs }, async () => {
      const scenarios = scenariosOf(topic);
      const failures: Failure[] = [];
      // A store for some at a time: thousands of clusters need not stay in memory, where they are also slow to find.
      for (let from = 0; from < scenarios.length; from += clustersPerStore) {
        const allocator = await startAllocator();
        const server = new Server(allocator.url);
        failures.push(...(await replayAll(server, scenarios.slice(from, from + clustersPerStore), concurrency)));
        server.close();
        await allocator.close();
      }

      const { unexpected, excused, outdated } = judge(scenarios, failures);
      const reasons = [...excused].map(([reason, count]) => `; ${count} excused: ${reason}`).join('');
      console.log(`${topic}: ${scenarios.length - failures.length} of ${scenarios.length}${reasons}`);
      expect(unexpected.slice(0, failuresShown).map(describeFailure).join('\n'), `${unexpected.length} failed`).toBe('');
      expect(outdated, 'exceptions to take off the list').toEqual([]);
    });
  }
});
