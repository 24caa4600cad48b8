import type { LogRow, PortClaim, StoredReservation } from '@ipledger/event-store';
import { claimChanges, isDefining, serviceKey, type ClusterDefinition, type DatedEvent, type Event, ClusterState, evolve } from '@ipledger/services';
import { CompactRows, hashOf, type CompactRow } from './compact-rows.js';
import type { Difference } from './difference.js';
import { ExpectedLb } from './expected-lb.js';

const forgetRows = 10_000;

/**
 * The log of one cluster, folded afresh and independently of the writers: what claims, port claims, documents and the definition must be at its
 * last revision. Memory grows with what is live, 50 to 100 bytes a row, not with the length of the history: of most rows it keeps where in the log
 * they stand. On the way it judges the log itself.
 */
export class Expected {
  revision = 0;
  definition: ClusterDefinition | null = null;
  /** By address. */
  readonly claims = new CompactRows();
  /** There are 65,535 at most. */
  readonly ports = new Map<number, PortClaim>();
  /** By `namespace/name`. */
  readonly documents = new CompactRows();
  /** A cluster has few. */
  readonly reservations = new Map<string, StoredReservation>();
  /** By address. */
  readonly cooling = new CompactRows();
  readonly lb = new ExpectedLb();
  private epoch = 0;
  private readonly cluster = new ClusterState();
  private forgetAt = forgetRows;

  /** @param now what has ended before it is forgotten, or memory would grow with all addresses that ever cooled down */
  constructor(private readonly name: string, private readonly now: Date) {}

  /** Folds the next row. @returns what in it cannot be: the log itself is damaged */
  take(row: LogRow): Difference[] {
    const events = eventsIn(row);
    if (events === undefined) {
      this.revision = row.revision;
      return [this.broken(row.revision, 'the row holds no list of events')];
    }
    const found = this.judge(row, events);
    const first = row.revision - row.eventCount + 1;
    for (const [index, event] of events.entries()) {
      found.push(...this.takeEvent({ event, revision: first + index, time: row.time }));
    }
    this.revision = row.revision;
    this.epoch = row.epoch;
    return found;
  }

  /** @param head what the cluster's row says of its log, read before the log was. @returns what the log lacks at its end */
  end(head: { revision: number }): Difference[] {
    return head.revision <= this.revision ? [] : [this.broken(head.revision, `is where the log must end, and it ends at ${this.revision}`)];
  }

  private judge(row: LogRow, events: readonly Event[]): Difference[] {
    const found: Difference[] = [];
    const first = row.revision - row.eventCount + 1;
    if (first !== this.revision + 1) found.push(this.broken(first, `revision ${first} follows ${this.revision}`));
    if (events.length !== row.eventCount) found.push(this.broken(row.revision, `the row says ${row.eventCount} events and holds ${events.length}`));
    if (row.epoch < this.epoch) found.push(this.broken(row.revision, `epoch ${row.epoch} follows ${this.epoch}`));
    return found;
  }

  /** One at a time, not per row: a command may release an address and take it again. */
  private takeEvent(dated: DatedEvent): Difference[] {
    const { event, revision, time } = dated;
    switch (event.type) {
      case 'service.deleted':
        this.documents.delete(keyOf(event));
        if (event.data.previous.type === 'LoadBalancer') this.lb.take(dated);
        return [];
      case 'service.created':
      case 'service.updated':
        this.documents.set(keyOf(event), { revision, ms: 0, uid: hashOf(event.data.service.uid), rest: 0 });
        if (event.data.object.spec.type === 'LoadBalancer' || ('previous' in event.data && event.data.previous.type === 'LoadBalancer')) this.lb.take(dated);
        return [];
      case 'ip.allocated': {
        const found = this.judgeTaken(event.data, revision);
        this.claims.set(event.data.address, compactClaim({ ...event.data.service, since: time, revision }));
        return found;
      }
      case 'ip.released': {
        const found = this.judgeReleased(event.data, revision);
        this.claims.delete(event.data.address);
        if (event.data.coolsUntil !== undefined) this.applyRare(dated);
        return found;
      }
      default:
        if (isDefining(event.type)) {
          evolve(this.cluster, event, revision);
          this.definition = this.cluster.definition;
        }
        this.applyRare(dated);
        if (event.type.startsWith('lb-')) this.lb.take(dated);
        return [];
    }
  }

  private judgeTaken({ address, service }: HoldingData, revision: number): Difference[] {
    const holder = this.claims.get(address);
    return holder === undefined ? [] : [this.duplicate(address, revision, `is given to ${holderName(service)}, and has a holder since revision ${holder.revision}`)];
  }

  private judgeReleased({ address, service }: HoldingData, revision: number): Difference[] {
    const holder = this.claims.get(address);
    if (holder?.uid === hashOf(service.uid)) return [];
    return [this.duplicate(address, revision, `is released by ${holderName(service)}, but ${holder === undefined ? 'nobody holds it' : `another holds it since revision ${holder.revision}`}`)];
  }

  private applyRare(dated: DatedEvent): void {
    const { ports, reservations, cooling } = claimChanges([dated]);
    for (const port of ports.released) this.ports.delete(port);
    for (const claim of [...ports.taken, ...ports.moved]) this.ports.set(claim.port, claim);
    for (const name of reservations.ended) this.reservations.delete(name);
    for (const made of reservations.made) this.reservations.set(made.name, made);
    if (cooling.cleared) this.cooling.clear();
    for (const { address, ...row } of cooling.started) this.cooling.set(address, compactCooling(row));
    if (cooling.started.length + reservations.made.length > 0 && this.cooling.size + this.reservations.size > this.forgetAt) this.forgetEnded();
  }

  private forgetEnded(): void {
    this.cooling.deleteWhere(({ ms }) => ms <= this.now.getTime());
    for (const [name, { until }] of this.reservations) if (until !== null && new Date(until) <= this.now) this.reservations.delete(name);
    this.forgetAt = forgetRows + 2 * (this.cooling.size + this.reservations.size);
  }

  private duplicate(key: string, revision: number, what: string): Difference {
    return { cluster: this.name, where: 'log', type: 'duplicate', key, revision, what };
  }
  private broken(revision: number, what: string): Difference {
    return { cluster: this.name, where: 'log', type: 'broken', key: `revision ${revision}`, revision, what };
  }
}

type Holder = { namespace: string; name: string; uid: string };
type HoldingData = { address: string; service: Holder };

export const holderName = ({ namespace, name, uid }: Holder): string => `${namespace}/${name} (${uid})`;

export const compactClaim = ({ namespace, name, uid, since, revision }: Holder & { since: Date; revision: number }): CompactRow =>
  ({ revision, ms: since.getTime(), uid: hashOf(uid), rest: hashOf(serviceKey(namespace, name)) });
export const compactCooling = ({ cluster = '', namespace, name, uid, until, revision }: Holder & { cluster?: string; until: Date; revision: number }): CompactRow =>
  ({ revision, ms: until.getTime(), uid: hashOf(uid), rest: hashOf(`${cluster} ${serviceKey(namespace, name)}`) });

/** @returns undefined when the row holds no list */
export const eventsIn = ({ events: text }: LogRow): Event[] | undefined => {
  try {
    const events = JSON.parse(text) as unknown;
    return Array.isArray(events) ? (events as Event[]) : undefined;
  } catch {
    return undefined;
  }
};

const keyOf = ({ data: { service } }: Extract<Event, { type: `service.${string}` }>): string => serviceKey(service.namespace, service.name);
