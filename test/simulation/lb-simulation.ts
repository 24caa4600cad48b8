import { InMemoryEventStore, type EventStore } from '@ipledger/event-store';
import type { Command } from '@ipledger/services';
import { register } from '../../libs/services/src/testing/commands.js';
import { lbPool } from '../../libs/services/src/testing/lb-commands.js';
import { Random } from '../chaos/random.js';
import { orderOf } from './clients.js';
import { faultyStore, type FaultRates } from './faulty-store.js';
import { LbAssigner } from './lb-assigner.js';
import type { LbBug } from './lb-bugs.js';
import { LbClients, poolRanges } from './lb-clients.js';
import { atTheEnd, LbLaws } from './lb-laws.js';
import { Replica, type SimulatedCluster } from './replicas.js';
import { msPerStep, Process, Scheduler } from './scheduler.js';

const startMs = Date.UTC(2026, 0, 2);
const usualRates: FaultRates = { unavailable: 0.02, unknown: 0.04 };
const assignerCount = 3;
/** After the clients: the faults are over, and everybody has time for what is left. */
const settlingRoundsMax = 40;

export interface LbVerdict {
  readonly violations: string[];
  /** How often it came to what the laws are about: what never happened was not tested. */
  readonly happened: Readonly<Record<string, number>>;
}

/**
 * Clusters that get addresses from small shared LB pools, assigners whose steps interleave and which die at any point, clients that create,
 * change and delete Services and change the pools; one seed is one schedule. After every commit no address may be with two Services, and what is
 * attached must be claimed; once all is quiet nothing may be held for nobody, and nobody may wait for what is free.
 */
export const simulateLb = async (seed: number, bug?: LbBug): Promise<LbVerdict> => {
  const random = new Random(seed);
  const scheduler = new Scheduler(random.fork());
  const { now } = Date;
  // No clock of the machine is read, or a slow one would run another schedule.
  Date.now = () => startMs + scheduler.now * msPerStep;
  try {
    return await run(random, scheduler, bug);
  } finally {
    Date.now = now;
  }
};

const run = async (random: Random, scheduler: Scheduler, bug: LbBug | undefined): Promise<LbVerdict> => {
  const base = new InMemoryEventStore();
  const clusters: SimulatedCluster[] = [];
  for (const name of ['blue', 'green', 'red'].slice(0, random.whole(2, 3))) clusters.push(await base.nameCluster(name));
  const pools: SimulatedCluster[] = [];
  for (const name of ['lb-pool:edge', 'lb-pool:core'].slice(0, random.whole(1, 2))) pools.push(await base.nameCluster(name));
  const logs = [...clusters, ...pools];
  const laws = new LbLaws(base, clusters, pools);
  const store = watched(base, () => laws.afterCommit());
  await setUp(store, clusters, pools, random, scheduler);

  const make = (rates: FaultRates): LbAssigner => {
    const process = new Process(scheduler);
    const remote = faultyStore(store, process, random.fork(), rates);
    return new LbAssigner(new Replica(process, logs, { store: () => remote }), remote, base, random.fork(), bug);
  };
  const assigners = Array.from({ length: assignerCount }, () => make(usualRates));
  const clients = new LbClients(clusters, pools, assigners, () => make(usualRates), scheduler, random.fork());
  const settler = make({ unavailable: 0, unknown: 0 });
  await scheduler.run((async () => {
    await clients.run();
    // Whoever still sleeps between two steps wakes at any time from now on.
    await settler.settle(settlingRoundsMax);
  })());
  const happened = { ...laws.happened, ...clients.happened };
  return { violations: [...laws.violations, ...(await atTheEnd(base, clusters, pools))], happened };
};

const setUp = async (store: EventStore, clusters: readonly SimulatedCluster[], pools: readonly SimulatedCluster[], random: Random, scheduler: Scheduler): Promise<void> => {
  const replica = new Replica(new Process(scheduler), [...clusters, ...pools], { store: () => store });
  const submit = async (log: string, command: Command): Promise<void> => {
    const outcome = await replica.submit(log, orderOf('setup', 0, command, random, false));
    if (outcome.kind !== 'accepted') throw new Error(`set-up of ${log}: ${JSON.stringify(outcome)}`);
  };
  for (const { name } of clusters) await submit(name, register(['10.0.0.0/24', 'fd00::/120'], { name }));
  for (const [index, { name }] of pools.entries()) {
    const coolDownSeconds = random.pick([0, 0, 3]);
    await submit(name, lbPool(name.slice('lb-pool:'.length), poolRanges[index]!, { clusters: 'all', coolDownSeconds }));
  }
};

/** The store, with something that looks at it after every commit. */
const watched = (store: InMemoryEventStore, afterCommit: () => Promise<void>): EventStore => new Proxy(store, {
  get: (target, name) => {
    if (name === 'append' || name === 'locked') return async (...args: unknown[]) => {
      const result = await (target[name] as (...given: unknown[]) => Promise<unknown>).apply(target, args);
      await afterCommit();
      return result;
    };
    const member = target[name as keyof InMemoryEventStore] as unknown;
    return typeof member === 'function' ? (member as (...args: unknown[]) => unknown).bind(target) : member;
  },
});
