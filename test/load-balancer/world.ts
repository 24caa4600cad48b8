import { randomUUID } from 'node:crypto';
import { InMemoryEventStore, type ClusterHead } from '@ipledger/event-store';
import { createLogger } from '@ipledger/runtime';
import { lbRequestOf, parseDocument, type Command } from '@ipledger/services';
import { orderTime, register } from '../../libs/services/src/testing/commands.js';
import { lbStatus } from '../../libs/services/src/testing/lb-commands.js';
import type { Order, Outcome } from '../../apps/allocator/src/writer/order.js';
import { Writer } from '../../apps/allocator/src/writer/writer.js';
import { Patience } from '../../apps/allocator/src/load-balancer/patience.js';
import { runRound, type RoundTools } from '../../apps/allocator/src/load-balancer/round.js';
import type { Step, StepResult } from '../../apps/allocator/src/load-balancer/steps.js';
import { Troubles } from '../../apps/allocator/src/load-balancer/troubles.js';
import { Wishes } from '../../apps/allocator/src/load-balancer/wishes.js';

type Submit = RoundTools['submit'];

/** Clusters and shared pools over one store in memory, and assigners that can be held up at any step. */
export class World {
  readonly store = new InMemoryEventStore();
  /** Of commands and assigners; it stands until a test moves it. */
  now = orderTime;
  private readonly writers = new Map<string, Writer>();

  /** Makes the clusters. */
  static async of(...clusters: string[]): Promise<World> {
    const world = new World();
    for (const name of clusters) await world.do(name, register(['10.0.0.0/22', 'fd00::/112'], { name }));
    return world;
  }

  /** What must be accepted. */
  async do(log: string, command: Command): Promise<void> {
    const outcome = await this.submit(0, log, orderOf({ ...command, time: this.now }));
    if (outcome.kind !== 'accepted') throw new Error(`${log}: ${JSON.stringify(outcome)}`);
  }

  submit: Submit = async (_, log, order) => {
    const { id } = await this.store.nameCluster(log);
    let writer = this.writers.get(log);
    if (writer === undefined) this.writers.set(log, (writer = new Writer(id, log, this.store, { queueLimit: 10_000, batchLimit: 256 }, observer)));
    return writer.submit(order);
  };

  /** An assigner that remembers nothing but what failed. @param submit what its steps go through */
  assigner(submit: Submit = this.submit): TestAssigner {
    return new TestAssigner(this, submit);
  }

  head = async (log: string): Promise<ClusterHead> => (await this.store.clusterByName(log))!;

  /** Addresses and condition of a Service, as `lbStatus` shows them; `gone` when there is none. */
  async status(cluster: string, name: string): Promise<string> {
    const [document] = await this.store.documents((await this.head(cluster)).id, [{ namespace: 'shop', name }]);
    return document === undefined ? 'gone' : lbStatus(parseDocument(document.document));
  }

  /** Who has what of a pool, as `address cluster/name`. */
  async held(pool: string): Promise<string[]> {
    const members = await this.store.listLbMembers((await this.head(`lb-pool:${pool}`)).id, undefined, 1_000);
    return members.map(({ address, cluster, name }) => `${address} ${cluster}/${name}`);
  }

  /** Its wait, and what it asks for. */
  async wish(cluster: string, name: string): Promise<{ wait: number; request: ReturnType<typeof lbRequestOf> }> {
    const [document] = await this.store.documents((await this.head(cluster)).id, [{ namespace: 'shop', name }]);
    return { wait: document!.revision, request: lbRequestOf(parseDocument(document!.document)) };
  }
}

const observer = { committed: () => undefined, failed: () => undefined, settled: () => undefined, retried: () => undefined };
const logger = createLogger({ level: 'error', format: 'json', write: () => undefined });

const orderOf = (command: Command): Order => ({ command, commandId: randomUUID(), requestId: null, actor: null, userAgent: null, traceparent: null, idempotency: null });

export class TestAssigner {
  /** Every step with its result, in order. */
  readonly steps: `${Step} ${StepResult}`[] = [];
  readonly patience = new Patience();
  private readonly tools: RoundTools;

  constructor(world: World, submit: Submit) {
    this.tools = {
      store: world.store, submit, logger, signal: new AbortController().signal, now: () => world.now,
      observer: { stepped: (step, result) => this.steps.push(`${step} ${result}`) },
      patience: this.patience, troubles: new Troubles(), wishes: new Wishes(world.store), cursors: new Map(), place: {},
    };
  }

  /** One round. @returns its steps */
  async round(): Promise<string[]> {
    this.steps.length = 0;
    await runRound(this.tools);
    return [...this.steps];
  }
}

/** Lets everything through but the commands of a type, which wait to be let go. */
export class Gate {
  readonly reached: Promise<void>;
  private open!: () => void;
  private arrived!: () => void;
  private readonly opened = new Promise<void>((resolve) => { this.open = resolve; });

  constructor(private readonly type: Command['type'], private readonly to: Submit) {
    this.reached = new Promise((resolve) => { this.arrived = resolve; });
  }

  submit: Submit = async (id, log, order): Promise<Outcome> => {
    if (order.command.type === this.type) {
      this.arrived();
      await this.opened;
    }
    return this.to(id, log, order);
  };

  letGo(): void {
    this.open();
  }
}
