import { StoreUnavailable, type InMemoryEventStore } from '@ipledger/event-store';
import { PublishFailed } from '@ipledger/messaging';
import { createLogger } from '@ipledger/runtime';
import type { Violation } from '../chaos/history.js';
import type { Random } from '../chaos/random.js';
import { Relay } from '../../apps/allocator/src/relay/relay.js';
import { Broker } from './broker.js';
import type { Bug } from './bugs.js';
import type { FaultRates } from './faulty-store.js';
import { Link } from './link.js';
import { RelayDatabase } from './relay-database.js';
import type { Replicas } from './replicas.js';
import { msPerStep, type Process } from './scheduler.js';
import { topicViolations, type LoggedCluster } from './topic-laws.js';

const none: FaultRates = { unavailable: 0, unknown: 0 };
const silent = createLogger({ level: 'error', format: 'json', write: () => undefined });

/** The way from the log to the topics: the real relay, between a simulated Postgres and a simulated Kafka. */
export class Relays {
  readonly broker: Broker;
  readonly database: RelayDatabase;
  private rates: FaultRates;

  constructor(store: InMemoryEventStore, private readonly random: Random, rates: FaultRates, bug: Bug | undefined) {
    this.rates = rates;
    this.broker = new Broker(bug === 'no-broker-fence');
    this.database = new RelayDatabase(store, (cluster, revision) => this.broker.isPublished(cluster, revision), bug === 'no-term-fence');
  }

  make(process: Process): Relay {
    const link = (errorOf: (why: string) => Error): Link => new Link(process, this.random.fork(), () => this.rates, errorOf);
    return new Relay('simulated', () => this.broker.publisher(link((why) => new PublishFailed(why))), silent, {
      openSession: async () => {
        await process.turn();
        return this.database.open(link((why) => new StoreUnavailable(why)));
      },
      sleep: (ms, signal) => process.sleep(Math.ceil(ms / msPerStep), signal),
    });
  }

  /** The faults are over: resolves when everything is published and the relays have ended. */
  async settle({ all }: Replicas): Promise<void> {
    this.rates = none;
    const { process } = all[0]!;
    // Where the broker was replaced, everything is published only once a relay has noticed; and a stray append still makes events.
    while (process.scheduler.hasStrays || !this.broker.hasTopics || !(await this.database.isDrained())) await process.sleep(10);
    await Promise.all(all.map(async ({ relay }) => relay?.stop()));
  }

  get happened(): Record<string, number> {
    const { terms, refusedCheckpoints } = this.database;
    return { terms, 'refused checkpoints': refusedCheckpoints, ...this.broker.happened };
  }

  violations(clusters: readonly LoggedCluster[]): Violation[] {
    return [...this.database.violations, ...topicViolations(this.broker, clusters)];
  }
}
