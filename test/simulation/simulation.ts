import { InMemoryEventStore } from '@ipledger/event-store';
import { eventsOf, recordedCommand } from '@ipledger/messaging';
import { register } from '../../libs/services/src/testing/commands.js';
import { checkHistory } from '../chaos/check.js';
import type { LogEvent, Violation } from '../chaos/history.js';
import { Random } from '../chaos/random.js';
import { foldLog } from '../chaos/timeline.js';
import { withBug, type Bug } from './bugs.js';
import { Clients, orderOf } from './clients.js';
import { Faults } from './faults.js';
import { faultyStore, type FaultRates } from './faulty-store.js';
import { Relays } from './relays.js';
import { Replica, Replicas, type SimulatedCluster } from './replicas.js';
import { msPerStep, Process, Scheduler } from './scheduler.js';
import type { LoggedCluster } from './topic-laws.js';

/** Six IPv4 and seven IPv6 addresses: a /29 and a /125, small enough to be full and to be fought over. */
const cidrs = ['10.0.0.0/29', 'fd00::/125'];
const capacity = { IPv4: 6, IPv6: 7 };
const replicaCount = 3;
const startMs = Date.UTC(2026, 0, 2);
const usualRates: FaultRates = { unavailable: 0.03, unknown: 0.06 };

export interface SimulationOptions {
  seed: number;
  rates?: FaultRates;
  /** With relays, a broker, and processes that freeze and die; two clusters instead of one. */
  relays?: boolean;
  bug?: Bug;
}

/**
 * Several writers over one store, clients that send orders to any of them, faults between them and the store, relays that
 * carry the log to a broker; one seed is one schedule. Judged as the fault harness judges real processes, by the clients'
 * records against the log, and by what must hold of the topics once the faults are over.
 */
export const simulate = (options: SimulationOptions): Promise<Verdict> => withBug(options.bug, () => new Simulation(options).runInItsTime());

export interface Verdict {
  readonly violations: Violation[];
  /** How often it came to what the promises are about: what never happened was not tested. */
  readonly happened: Readonly<Record<string, number>>;
}

class Simulation {
  private readonly random: Random;
  private readonly scheduler: Scheduler;
  private readonly store = new InMemoryEventStore();

  constructor(private readonly options: SimulationOptions) {
    this.random = new Random(options.seed);
    this.scheduler = new Scheduler(this.random.fork());
  }

  /** No clock of the machine is read, or a slow one would run another schedule. */
  async runInItsTime(): Promise<Verdict> {
    const { now } = Date;
    Date.now = () => startMs + (this.options.relays === true ? this.scheduler.now * msPerStep : 0);
    try {
      return await this.run();
    } finally {
      Date.now = now;
    }
  }

  private async run(): Promise<Verdict> {
    const { random, scheduler, store } = this;
    const { rates = usualRates, bug } = this.options;
    const clusters: SimulatedCluster[] = [];
    for (const name of this.options.relays === true ? ['blue', 'green'] : ['blue']) clusters.push(await store.nameCluster(name));
    const relays = this.options.relays === true ? new Relays(store, random.fork(), rates, bug) : undefined;
    const replicas = new Replicas(replicaCount, scheduler, clusters, {
      store: (process) => faultyStore(store, process, random.fork(), rates, bug),
      ...(relays !== undefined && { relay: (process: Process) => relays.make(process) }),
    });
    await this.register(clusters);
    const clients = new Clients(clusters.map(({ name }) => name), replicas, scheduler, random);
    await scheduler.run(this.act(clients, replicas, relays));
    const logged = await Promise.all(clusters.map((cluster) => this.judge(cluster, clients)));
    const count = (kind: string): number => clients.operations.filter(({ outcome }) => outcome.kind === kind).length;
    const happened = { accepted: count('done'), refused: count('refused'), unanswered: count('unknown'), ...relays?.happened };
    // A harness in which nothing succeeds finds nothing.
    const idle = happened.accepted === 0 ? [`none of ${clients.operations.length} operations was accepted`] : [];
    return { happened, violations: [...idle, ...clients.violations, ...logged.flatMap(({ violations }) => violations), ...(relays?.violations(logged) ?? [])] };
  }

  /** Faults while the clients work; then everything is given the time to come to an end. */
  private async act(clients: Clients, replicas: Replicas, relays: Relays | undefined): Promise<void> {
    if (relays === undefined) return clients.run();
    const { broker, database } = relays;
    const faults = new Faults({ scheduler: this.scheduler, replicas, database, broker, store: this.store }, this.random.fork());
    const hurting = faults.run();
    await clients.run();
    faults.stop();
    await hurting;
    await relays.settle(replicas);
  }

  private async register(clusters: readonly SimulatedCluster[]): Promise<void> {
    const first = new Replica(new Process(this.scheduler), clusters, { store: () => this.store });
    for (const { name } of clusters) await first.submit(name, orderOf('setup', 0, register(cidrs, { name }), this.random));
  }

  private async judge({ id, name }: SimulatedCluster, clients: Clients): Promise<LoggedCluster & { violations: Violation[] }> {
    const operations = clients.operations.filter(({ cluster }) => cluster === name);
    const rows = await this.store.readLog(id, 0, 100_000);
    const events = rows.flatMap((row) => eventsOf(recordedCommand(name, row)));
    const { log, violations } = foldLog(name, events as unknown as LogEvent[]);
    const held = new Map([...log.holders].flatMap(([address, { now }]) => (now === null ? [] : [[address, now] as const])));
    return { name, events, held, violations: [...violations, ...checkHistory(operations, log, capacity), ...(await this.claimsDiffer(id, held))] };
  }

  /** Claims are derived: they must be what the log says is held. */
  private async claimsDiffer(clusterId: number, held: ReadonlyMap<string, string>): Promise<Violation[]> {
    const claims = new Map((await this.store.listClaims(clusterId, undefined, 1_000)).map(({ address, uid }) => [address, uid]));
    return [...new Set([...claims.keys(), ...held.keys()])].filter((address) => claims.get(address) !== held.get(address))
      .map((address) => `${address}: claimed by ${claims.get(address) ?? 'nobody'}, held by ${held.get(address) ?? 'nobody'} in the log`);
  }
}
