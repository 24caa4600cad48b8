import type { AppendBatch, ClusterReader, Document, NewLogRow, RecordedRequest, ServiceKey } from '@ipledger/event-store';
import {
  claimChanges, decide, documentExists, documentKey, encodeEvents, encodeService, evolve, isDefining, revert, serviceKey,
  type Accepted, type ClusterState, type DatedEvent, type Decision,
} from '@ipledger/services';
import type { Order, Outcome, UnitOutcome } from './order.js';
import { replayRecorded } from './recorded-answer.js';

/** What the decisions of a batch need from the store, read at the revision they are decided at. */
interface Looked {
  /** Key -> document, for the Services that the commands name. Kept current while the batch is decided. */
  documents: Map<string, string>;
  requests: Map<string, RecordedRequest>;
}

/**
 * One batch: commands decided one after the other on the state in memory, and what has to be appended for them. Until the
 * append has committed, `undo` takes everything back out of the state.
 */
export class Batch {
  /** By index of the order; an Error where deciding itself broke, so that one poisoned command fails alone. */
  readonly outcomes: UnitOutcome[] = [];
  /** The revision that the batch is decided at. */
  readonly at: number;
  private readonly rows: NewLogRow[] = [];
  private readonly dated: DatedEvent[] = [];
  private readonly written = new Map<string, Document>();
  private readonly removed = new Map<string, ServiceKey>();
  private readonly recorded: RecordedRequest[] = [];
  private readonly byKey = new Map<string, { fingerprint: string; outcome: Outcome }>();
  private redefined = false;

  private constructor(readonly state: ClusterState, private readonly clusterId: number, private readonly epoch: number) {
    this.at = state.revision;
  }

  /** A batch to which orders are added one by one, as long as they need nothing from the store. */
  static ahead(state: ClusterState, clusterId: number, epoch: number): Batch {
    return new Batch(state, clusterId, epoch);
  }

  /** Reads what the orders need with one round trip each for documents and keys, then decides them in order. */
  static async decide(orders: readonly Order[], state: ClusterState, clusterId: number, epoch: number, reader: ClusterReader): Promise<Batch> {
    const looked = await lookUp(orders, state, clusterId, reader);
    const replays = await replayRecorded(orders, looked.requests, clusterId, state, reader);
    const batch = new Batch(state, clusterId, epoch);
    for (const order of orders) batch.outcomes.push(replays.get(order) ?? batch.decideOne(order, looked));
    return batch;
  }

  /** Decides an order on memory alone. @returns false when it needs a document or an earlier request: nothing was done then */
  addWithoutReading(order: Order): boolean {
    const key = documentKey(order.command);
    if (order.idempotency !== null || (key !== undefined && documentExists(this.state, key))) return false;
    this.outcomes.push(this.decideOne(order, nothingLooked()));
    return true;
  }

  /** Takes everything back when an order was not accepted, for orders that are to happen together or not at all. */
  abandonUnlessAllAccepted(): void {
    const culprit = this.outcomes.findIndex((outcome) => outcome instanceof Error || outcome.kind !== 'accepted');
    if (culprit < 0) return;
    if (!this.undo()) throw new Error('a unit holds an event that cannot be taken back');
    this.outcomes.forEach((_, index) => index === culprit || (this.outcomes[index] = { kind: 'abandoned' }));
    for (const list of [this.rows, this.dated, this.recorded]) list.length = 0;
    for (const map of [this.written, this.removed, this.byKey]) map.clear();
  }

  /** Nothing to append: every order was refused, changes nothing, or was answered before. */
  get isEmpty(): boolean {
    return this.rows.length === 0 && this.recorded.length === 0;
  }
  get rowCount(): number {
    return this.rows.length;
  }
  get commandIds(): string[] {
    return this.rows.map(({ command }) => command.id);
  }
  get events(): readonly DatedEvent[] {
    return this.dated;
  }

  append(): AppendBatch {
    const { addresses, ports, reservations, cooling, lb } = claimChanges(this.dated);
    const { definition } = this.state;
    return {
      clusterId: this.clusterId,
      at: this.at,
      epoch: this.epoch,
      rows: this.rows,
      claims: addresses,
      portClaims: ports,
      reservations,
      cooling,
      lb,
      documents: { written: [...this.written.values()], removed: [...this.removed.values()] },
      ...(this.redefined && { definition: definition === null ? null : JSON.stringify(definition) }),
      requests: this.recorded,
    };
  }

  /** @returns false when the state cannot be brought back and must be loaded again */
  undo(): boolean {
    for (const { event, revision } of this.dated.toReversed()) if (!revert(this.state, event, revision)) return false;
    return true;
  }

  private decideOne(order: Order, looked: Looked): Outcome | Error {
    const { idempotency } = order;
    const earlier = idempotency && this.byKey.get(idempotency.key);
    if (earlier) return earlier.fingerprint === idempotency.fingerprint ? replayOf(earlier.outcome) : { kind: 'request_differs', key: idempotency.key };
    const decision = this.tryDecide(order, looked);
    if (decision instanceof Error) return decision;
    if (decision.outcome === 'rejected') return { kind: 'rejected', rejection: decision.rejection, warnings: decision.warnings };
    if (decision.events.length > 0) this.accept(order, decision, looked);
    // Of a Service that was so already it is that of the Service, by which the answer is found again when it is asked for under the same key.
    const revision = decision.events.length > 0 ? this.state.revision : (revisionIn(decision.answer) ?? this.state.revision);
    const outcome: Outcome = { kind: 'accepted', status: decision.status, answer: decision.answer, warnings: decision.warnings, revision, changed: decision.events.length > 0, replayed: false };
    if (idempotency && !order.command.dryRun) this.record(order, outcome);
    return outcome;
  }

  private tryDecide(order: Order, looked: Looked): Decision | Error {
    const key = documentKey(order.command);
    this.state.advanceTo(order.command.time);
    try {
      return decide(order.command, this.state, key && looked.documents.get(serviceKey(key.namespace, key.name)));
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  private accept(order: Order, decision: Accepted, looked: Looked): void {
    const { command } = order;
    this.rows.push({
      time: command.time,
      command: { id: order.commandId, kind: command.type, requestId: order.requestId, actor: order.actor, userAgent: order.userAgent, traceparent: order.traceparent },
      eventCount: decision.events.length,
      events: encodeEvents(decision.events, decision.document),
    });
    for (const event of decision.events) {
      const revision = this.state.revision + 1;
      evolve(this.state, event, revision);
      this.dated.push({ event, revision, time: command.time });
      if (isDefining(event.type)) this.redefined = true;
      if (event.type === 'service.deleted') this.forget(event.data.service, looked);
      if (event.type === 'service.created' || event.type === 'service.updated')
        this.write({ ...event.data.service, revision, document: decision.document ?? encodeService(event.data.object) }, looked);
    }
  }

  private write(document: Document, looked: Looked): void {
    const key = serviceKey(document.namespace, document.name);
    this.removed.delete(key);
    this.written.set(key, document);
    looked.documents.set(key, document.document);
  }

  private forget(service: ServiceKey, looked: Looked): void {
    const key = serviceKey(service.namespace, service.name);
    this.written.delete(key);
    this.removed.set(key, { namespace: service.namespace, name: service.name });
    looked.documents.delete(key);
  }

  private record(order: Order, outcome: Outcome): void {
    if (order.idempotency === null || outcome.kind !== 'accepted') return;
    const { key, fingerprint } = order.idempotency;
    this.recorded.push({ key, fingerprint, commandId: order.commandId, revision: outcome.revision, status: outcome.status, createdAt: order.command.time });
    this.byKey.set(key, { fingerprint, outcome });
  }
}

const nothingLooked = (): Looked => ({ documents: new Map(), requests: new Map() });

const replayOf = (outcome: Outcome): Outcome => (outcome.kind === 'accepted' ? { ...outcome, changed: false, replayed: true } : outcome);

const lookUp = async (orders: readonly Order[], state: ClusterState, clusterId: number, reader: ClusterReader): Promise<Looked> => {
  const wanted = new Map<string, ServiceKey>();
  const keys: string[] = [];
  for (const order of orders) {
    const key = documentKey(order.command);
    if (key !== undefined && documentExists(state, key)) wanted.set(serviceKey(key.namespace, key.name), key);
    if (order.idempotency !== null) keys.push(order.idempotency.key);
  }
  const [documents, requests] = await Promise.all([
    wanted.size === 0 ? [] : reader.documents(clusterId, [...wanted.values()]),
    keys.length === 0 ? [] : reader.requests(clusterId, keys),
  ]);
  return {
    documents: new Map(documents.map((found) => [serviceKey(found.namespace, found.name), found.document])),
    requests: new Map(requests.map((found) => [found.key, found])),
  };
};

/** The resourceVersion in an encoded Service: what an order that changed nothing saw. */
const revisionIn = (answer: string | undefined): number | undefined => {
  const match = answer === undefined ? null : /"resourceVersion":"(\d+)"/.exec(answer);
  return match === null ? undefined : Number(match[1]);
};
