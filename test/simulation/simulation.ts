import { InMemoryEventStore } from '@ipledger/event-store';
import { Random } from '../chaos/random.js';
import { checkHistory, operationPrefix } from '../chaos/check.js';
import type { LogEvent, Operation, Outcome as Seen, Violation } from '../chaos/history.js';
import { foldLog } from '../chaos/timeline.js';
import { eventsOf, recordedCommand } from '@ipledger/messaging';
import { create, patch, register, remove, service } from '../../libs/services/src/testing/commands.js';
import type { Order, Outcome } from '../../apps/allocator/src/writer/order.js';
import { Writer } from '../../apps/allocator/src/writer/writer.js';
import { faultyStore, type FaultRates, type Sabotage } from './faulty-store.js';
import { Scheduler } from './scheduler.js';

/** Four IPv4 and seven IPv6 addresses: a /29 and a /125, small enough to be full and to be fought over. */
const cidrs = ['10.0.0.0/29', 'fd00::/125'];
const capacity = { IPv4: 6, IPv6: 7 };
const cluster = 'blue';
const [replicas, clients, operationsEach, attempts] = [3, 4, 6, 6];
const policies = ['SingleStack', 'PreferDualStack', 'RequireDualStack'];

export interface SimulationOptions {
  seed: number;
  rates: FaultRates;
  sabotage?: Sabotage;
}

/**
 * Several writers over one store, clients that send orders to any of them, faults between them and the store; one seed is
 * one schedule. Judged as the fault harness judges real processes: by the clients' records against the log.
 */
export const simulate = async ({ seed, rates, sabotage }: SimulationOptions): Promise<Violation[]> => {
  const random = new Random(seed);
  const store = new InMemoryEventStore();
  const scheduler = new Scheduler(random.fork());
  const { id: clusterId } = await store.nameCluster(cluster);
  const observer = { committed: () => undefined, failed: () => undefined, settled: () => undefined, retried: () => undefined };
  const writers = Array.from({ length: replicas }, () =>
    new Writer(clusterId, cluster, faultyStore(store, scheduler, random.fork(), rates, sabotage), { queueLimit: 100, batchLimit: 8 }, observer));
  const registering = new Writer(clusterId, cluster, store, { queueLimit: 1, batchLimit: 1 }, observer);
  await registering.submit(orderOf('setup', 0, register(cidrs, { name: cluster }), random));

  const operations: Operation[] = [];
  const session = async (client: number, own: Random): Promise<void> => {
    for (let n = 0; n < operationsEach; n++) {
      await scheduler.turn();
      operations.push(await operate(`${operationPrefix}${client}-${n}`, writers, scheduler, own));
    }
  };
  await scheduler.run(Promise.all(Array.from({ length: clients }, (_, client) => session(client, random.fork()))));
  const rows = await store.readLog(clusterId, 0, 100_000);
  const events = rows.flatMap((row) => eventsOf(recordedCommand(cluster, row))) as unknown as LogEvent[];
  const { log, violations } = foldLog(cluster, events);
  // A harness in which nothing succeeds finds nothing: without faults every operation has an answer, and some are accepted.
  const done = operations.filter(({ outcome }) => outcome.kind === 'done').length;
  const idle = done === 0 ? [`none of ${operations.length} operations was accepted`] : [];
  return [...idle, ...violations, ...checkHistory(operations, log, capacity), ...(await claimsDiffer(store, clusterId, log))];
};

const operate = async (id: string, writers: readonly Writer[], scheduler: Scheduler, random: Random): Promise<Operation> => {
  const name = random.pick(['a', 'b', 'c']);
  const kind = random.pick(['create', 'create', 'delete', 'update'] as const);
  const words = [random.whole(1, 1e9), random.whole(1, 1e9), random.whole(1, 1e9), random.whole(1, 1e9)] as const;
  const options = { seed: words, newUid: id };
  const wanted = random.chance(0.3) ? { clusterIP: `10.0.0.${random.whole(1, 3)}` } : {};
  const command = kind === 'create' ? create(service(name, { ipFamilyPolicy: random.pick(policies), ...wanted }), options)
    : kind === 'delete' ? remove(name, {}, options) : patch(name, { spec: { ipFamilyPolicy: random.pick(policies) } }, options);
  const operation: Operation = { id, cluster, kind, service: `shop/${name}`, startMs: scheduler.now, endMs: 0, unknownAttempts: 0, outcome: { kind: 'unknown', why: 'never answered' } };
  const keyed = random.chance(0.7);
  for (let attempt = 1; attempt <= (keyed ? attempts : 1); attempt++) {
    operation.outcome = await random.pick(writers).submit(orderOf(id, attempt, command, random, keyed)).then(seen, unanswered);
    await scheduler.turn();
    if (operation.outcome.kind !== 'unknown') break;
    operation.unknownAttempts++;
  }
  operation.endMs = scheduler.now;
  return operation;
};

/** A store that lacks what the writer calls is a fault of the simulation, in which nothing would happen at all. */
const unanswered = (error: unknown): Seen => {
  if (error instanceof TypeError) throw error;
  return { kind: 'unknown', why: String(error) };
};

const orderOf = (id: string, attempt: number, command: Order['command'], random: Random, keyed = true): Order => {
  const hex = (digits: number): string => Array.from({ length: digits }, () => random.whole(0, 15).toString(16)).join('');
  return {
    command, commandId: `${hex(8)}-${hex(4)}-7${hex(3)}-8${hex(3)}-${hex(12)}`, requestId: `${id}.${attempt}`, actor: null, userAgent: null, traceparent: null,
    idempotency: keyed ? { key: id, fingerprint: id } : null,
  };
};

const seen = (outcome: Outcome): Seen => {
  if (outcome.kind === 'request_differs') return { kind: 'refused', status: 422, reason: 'RequestDiffers', message: '' };
  if (outcome.kind === 'accepted') {
    const object = JSON.parse(outcome.answer ?? '{}') as { metadata?: { uid: string }; spec?: { clusterIPs?: string[] } };
    return { kind: 'done', status: outcome.status, revision: outcome.revision, uid: object.metadata?.uid ?? '', addresses: object.spec?.clusterIPs ?? [] };
  }
  const { rejection } = outcome;
  const reason = { already_exists: 'AlreadyExists', not_found: 'NotFound', conflict: 'Conflict' }[rejection.code as string] ?? rejection.code;
  const message = rejection.code === 'addresses_exhausted' ? 'range is full' : rejection.code === 'invalid' ? (rejection.errors[0]?.message ?? '') : '';
  return { kind: 'refused', status: 409, reason, message };
};

/** Claims are derived: they must be what the log says is held. */
const claimsDiffer = async (store: InMemoryEventStore, clusterId: number, log: ReturnType<typeof foldLog>['log']): Promise<Violation[]> => {
  const claims = new Map((await store.listClaims(clusterId, undefined, 1_000)).map(({ address, uid }) => [address, uid]));
  const held = new Map([...log.holders].flatMap(([address, { now }]) => (now === null ? [] : [[address, now] as const])));
  return [...new Set([...claims.keys(), ...held.keys()])].filter((address) => claims.get(address) !== held.get(address))
    .map((address) => `${address}: claimed by ${claims.get(address) ?? 'nobody'}, held by ${held.get(address) ?? 'nobody'} in the log`);
};
