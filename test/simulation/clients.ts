import { operationPrefix } from '../chaos/check.js';
import { lbAddressesOf, type Operation, type Outcome as Seen, type ServiceObject, type Violation } from '../chaos/history.js';
import type { Random } from '../chaos/random.js';
import { create, patch, remove, service } from '../../libs/services/src/testing/commands.js';
import type { Order, Outcome } from '../../apps/allocator/src/writer/order.js';
import type { Replicas } from './replicas.js';
import type { Scheduler } from './scheduler.js';

const [clients, operationsEach, attemptsMax, copiesMax] = [4, 6, 6, 3];
const policies = ['SingleStack', 'PreferDualStack', 'RequireDualStack'];

/** Clients that each do one operation after the other, and write down what they saw. */
export class Clients {
  readonly operations: Operation[] = [];
  /** Requests with one key that were answered differently. */
  readonly violations: Violation[] = [];
  private readonly lastUid = new Map<string, string>();

  constructor(private readonly clusters: readonly string[], private readonly replicas: Replicas, private readonly scheduler: Scheduler, private readonly random: Random) {}

  /** Resolves when each has done all that it wanted. */
  async run(): Promise<void> {
    await Promise.all(Array.from({ length: clients }, (_, client) => this.session(client, this.random.fork())));
  }

  private async session(client: number, random: Random): Promise<void> {
    for (let n = 0; n < operationsEach; n++) {
      await this.scheduler.turn();
      this.operations.push(await this.operate(`${operationPrefix}${client}-${n}`, random));
    }
  }

  private async operate(id: string, random: Random): Promise<Operation> {
    const cluster = this.clusters.length > 1 ? random.pick(this.clusters) : this.clusters[0]!;
    const name = random.pick(['a', 'b', 'c']);
    const kind = random.pick(['create', 'create', 'delete', 'update'] as const);
    const words = [random.whole(1, 1e9), random.whole(1, 1e9), random.whole(1, 1e9), random.whole(1, 1e9)] as const;
    const options = { seed: words, newUid: id };
    const wanted = random.chance(0.3) ? { clusterIP: `10.0.0.${random.whole(1, 3)}` } : {};
    const onlyUid = kind === 'delete' && random.chance(0.5) ? this.lastUid.get(`${cluster}/${name}`) : undefined;
    const command = kind === 'create' ? create(service(name, { ipFamilyPolicy: random.pick(policies), ...wanted }), options)
      : kind === 'delete' ? remove(name, onlyUid === undefined ? {} : { preconditions: { uid: onlyUid } }, options) : patch(name, { spec: { ipFamilyPolicy: random.pick(policies) } }, options);
    const operation: Operation = { id, cluster, kind, service: `shop/${name}`, ...(onlyUid !== undefined && { onlyUid }), startMs: this.scheduler.now, endMs: 0, unknownAttempts: 0, outcome: { kind: 'unknown', why: 'never answered' } };
    const keyed = random.chance(0.7);
    for (let attempt = 1; attempt <= (keyed ? attemptsMax : 1) && operation.outcome.kind === 'unknown'; attempt++) {
      await this.attempt(operation, attempt, command, keyed, random);
      await this.scheduler.turn();
    }
    operation.endMs = this.scheduler.now;
    if (operation.outcome.kind === 'done' && kind !== 'delete') this.lastUid.set(`${cluster}/${name}`, operation.outcome.uid);
    return operation;
  }

  /** Now and then an impatient client, or several who share a key, send it to several replicas at once. */
  private async attempt(operation: Operation, attempt: number, command: Order['command'], keyed: boolean, random: Random): Promise<void> {
    const copies = keyed && random.chance(0.25) ? copiesMax : 1;
    const outcomes = await Promise.all(Array.from({ length: copies }, (_, copy) =>
      random.pick(this.replicas.all).submit(operation.cluster, orderOf(operation.id, (attempt - 1) * copiesMax + copy + 1, command, random, keyed)).then(seen, unanswered)));
    operation.unknownAttempts += outcomes.filter(({ kind }) => kind === 'unknown').length;
    // Of several, a refusal leaves no trace: another one may be accepted later.
    const [first, ...others] = outcomes.filter(({ kind }) => kind === 'done');
    operation.outcome = first ?? outcomes.find(({ kind }) => kind === 'refused') ?? outcomes[0]!;
    for (const other of others) if (JSON.stringify(other) !== JSON.stringify(first)) this.violations.push(`${operation.id}: one key was answered ${JSON.stringify(first)} and ${JSON.stringify(other)}`);
  }
}

/** A store that lacks what the writer calls is a fault of the simulation, in which nothing would happen at all. */
const unanswered = (error: unknown): Seen => {
  if (error instanceof TypeError) throw error;
  return { kind: 'unknown', why: String(error) };
};

export const orderOf = (id: string, attempt: number, command: Order['command'], random: Random, keyed = true): Order => {
  const hex = (digits: number): string => Array.from({ length: digits }, () => random.whole(0, 15).toString(16)).join('');
  return {
    command, commandId: `${hex(8)}-${hex(4)}-7${hex(3)}-8${hex(3)}-${hex(12)}`, requestId: `${id}.${attempt}`, actor: null, userAgent: null, traceparent: null,
    idempotency: keyed ? { key: id, fingerprint: id } : null,
  };
};

const seen = (outcome: Outcome): Seen => {
  if (outcome.kind === 'request_differs') return { kind: 'refused', status: 422, reason: 'RequestDiffers', message: '' };
  if (outcome.kind === 'accepted') {
    const object = JSON.parse(outcome.answer ?? '{}') as ServiceObject;
    return { kind: 'done', status: outcome.status, revision: outcome.revision, uid: object.metadata?.uid ?? '', addresses: object.spec?.clusterIPs ?? [], lbAddresses: lbAddressesOf(object) };
  }
  const { rejection } = outcome;
  const reason = { already_exists: 'AlreadyExists', not_found: 'NotFound', conflict: 'Conflict', precondition_failed: 'Conflict' }[rejection.code as string] ?? rejection.code;
  const message = rejection.code === 'addresses_exhausted' ? 'range is full' : rejection.code === 'invalid' ? (rejection.errors[0]?.message ?? '') : '';
  return { kind: 'refused', status: 409, reason, message };
};
