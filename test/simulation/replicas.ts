import type { EventStore } from '@ipledger/event-store';
import type { Relay } from '../../apps/allocator/src/relay/relay.js';
import type { Order, Outcome } from '../../apps/allocator/src/writer/order.js';
import { Writer } from '../../apps/allocator/src/writer/writer.js';
import { Process, type Scheduler } from './scheduler.js';

const [queueLimit, batchLimit] = [100, 8];

export interface SimulatedCluster {
  readonly id: number;
  readonly name: string;
}

/** What a replica is made with: its way to the store, and its relay where the schedule has one. */
export interface ReplicaParts {
  store(process: Process): EventStore;
  relay?(process: Process): Relay;
}

/** One allocator: a process with a writer for each cluster, and a relay. */
export class Replica {
  readonly relay: Relay | undefined;
  private readonly writers: ReadonlyMap<string, Writer>;

  constructor(readonly process: Process, clusters: readonly SimulatedCluster[], parts: ReplicaParts) {
    this.relay = parts.relay?.(process);
    const observer = { committed: () => this.relay?.hint(), failed: () => undefined, settled: () => undefined, retried: () => undefined };
    const store = parts.store(process);
    this.writers = new Map(clusters.map(({ id, name }) => [name, new Writer(id, name, store, { queueLimit, batchLimit }, observer)]));
    this.relay?.start();
  }

  /** Rejects when the process dies meanwhile: its client has no answer then. */
  submit(cluster: string, order: Order): Promise<Outcome> {
    const died = this.process.died.then(() => { throw new Error('simulated: the process died'); });
    return Promise.race([this.writers.get(cluster)!.submit(order), died]);
  }
}

/** All allocators. A killed one is replaced at once, by one that remembers nothing. */
export class Replicas {
  readonly all: Replica[];

  constructor(count: number, private readonly scheduler: Scheduler, private readonly clusters: readonly SimulatedCluster[], private readonly parts: ReplicaParts) {
    this.all = Array.from({ length: count }, () => this.make());
  }

  kill(replica: Replica): void {
    replica.process.kill();
    this.all[this.all.indexOf(replica)] = this.make();
  }

  killAll(): void {
    for (const { process } of this.all) process.kill();
    this.all.forEach((_, index) => { this.all[index] = this.make(); });
  }

  private make(): Replica {
    return new Replica(new Process(this.scheduler), this.clusters, this.parts);
  }
}
