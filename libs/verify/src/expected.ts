import { createHash } from 'node:crypto';
import type { Claim, CoolingAddress, Document, LogRow, PortClaim, StoredReservation } from '@ipledger/event-store';
import { parseAddress } from '@ipledger/ip';
import { claimChanges, compileDefinition, isDefining, poolOf, serviceKey, type ClusterDefinition, type DatedEvent, type Event, ClusterState, evolve } from '@ipledger/services';
import type { Difference } from './difference.js';
import { rowsInMemory, type Pace } from './pace.js';

const forgetRows = 10_000;

/** What the tables must say of a Service: its document as a digest, so that a million of them fit in memory. */
export interface ExpectedDocument {
  uid: string;
  revision: number;
  digest: string;
}

/**
 * The log of one cluster, folded afresh and independently of the writers: what claims, port claims, documents and the definition must be at its
 * last revision. Memory grows with what is live, not with the length of the history. On the way it judges the log itself.
 */
export class Expected {
  revision = 0;
  definition: ClusterDefinition | null = null;
  readonly claims = new Map<string, Claim>();
  readonly ports = new Map<number, PortClaim>();
  readonly documents = new Map<string, ExpectedDocument>();
  readonly reservations = new Map<string, StoredReservation>();
  readonly cooling = new Map<string, CoolingAddress>();
  private epoch = 0;
  private readonly cluster = new ClusterState();
  private forgetAt = forgetRows;

  /** @param now what has ended before it is forgotten, or memory would grow with all addresses that ever cooled down */
  constructor(private readonly name: string, private readonly now: Date) {}

  /** Folds the next row. @returns what in it cannot be: the log itself is damaged */
  take(row: LogRow): Difference[] {
    const events = parse(row.events);
    if (events === undefined) {
      this.revision = row.revision;
      return [this.broken(row.revision, 'the row holds no list of events')];
    }
    const found = this.judge(row, events);
    const first = row.revision - row.eventCount + 1;
    const dated = events.map((event, index): DatedEvent => ({ event, revision: first + index, time: row.time }));
    for (const one of dated) found.push(...this.takeEvent(one));
    // Per event, not per row: a command may release an address and take it again.
    for (const one of dated) this.applyClaims(one);
    this.revision = row.revision;
    this.epoch = row.epoch;
    return found;
  }

  private judge(row: LogRow, events: readonly Event[]): Difference[] {
    const found: Difference[] = [];
    const first = row.revision - row.eventCount + 1;
    if (first !== this.revision + 1) found.push(this.broken(first, `revision ${first} follows ${this.revision}`));
    if (events.length !== row.eventCount) found.push(this.broken(row.revision, `the row says ${row.eventCount} events and holds ${events.length}`));
    if (row.epoch < this.epoch) found.push(this.broken(row.revision, `epoch ${row.epoch} follows ${this.epoch}`));
    return found;
  }

  private takeEvent({ event, revision }: DatedEvent): Difference[] {
    if (isDefining(event.type)) {
      evolve(this.cluster, event, revision);
      this.definition = this.cluster.definition;
      return [];
    }
    if (event.type === 'service.deleted') this.documents.delete(keyOf(event));
    else if (event.type === 'service.created' || event.type === 'service.updated')
      this.documents.set(keyOf(event), { uid: event.data.service.uid, revision, digest: digestOf(event.data.object) });
    return event.type === 'ip.allocated' || event.type === 'ip.released' ? this.judgeHolder(event, revision) : [];
  }

  private judgeHolder({ type, data: { address, service } }: Extract<Event, { type: 'ip.allocated' | 'ip.released' }>, revision: number): Difference[] {
    const holder = this.claims.get(address)?.uid;
    if (type === 'ip.allocated' ? holder === undefined : holder === service.uid) return [];
    const what = type === 'ip.allocated'
      ? `is given to ${service.namespace}/${service.name} (${service.uid}) while ${holder} holds it`
      : `is released by ${service.namespace}/${service.name} (${service.uid}), but ${holder ?? 'nobody'} holds it`;
    return [{ cluster: this.name, where: 'log', type: 'duplicate', key: address, revision, what }];
  }

  private applyClaims(dated: DatedEvent): void {
    const { addresses, ports, reservations, cooling } = claimChanges([dated]);
    for (const address of addresses.released) this.claims.delete(address);
    for (const claim of [...addresses.taken, ...addresses.moved]) this.claims.set(claim.address, claim);
    for (const port of ports.released) this.ports.delete(port);
    for (const claim of [...ports.taken, ...ports.moved]) this.ports.set(claim.port, claim);
    for (const name of reservations.ended) this.reservations.delete(name);
    for (const made of reservations.made) this.reservations.set(made.name, made);
    if (cooling.cleared) this.cooling.clear();
    for (const address of cooling.started) this.cooling.set(address.address, address);
    if (this.cooling.size + this.reservations.size > this.forgetAt) this.forgetEnded();
  }

  private forgetEnded(): void {
    for (const [address, { until }] of this.cooling) if (until <= this.now) this.cooling.delete(address);
    for (const [name, { until }] of this.reservations) if (until !== null && new Date(until) <= this.now) this.reservations.delete(name);
    this.forgetAt = forgetRows + 2 * (this.cooling.size + this.reservations.size);
  }

  /** Held addresses that lie in no range, and ranges in which every address is held: a state of the cluster, nothing wrong in its tables. */
  async occupancy({ pageRows, pause }: Pace): Promise<{ outOfRange: number; full: number }> {
    const pools = this.definition === null ? [] : compileDefinition(this.definition).pools;
    const left = new Map(pools.map((pool) => [pool, pool.usable.count]));
    let [outOfRange, looked] = [0, 0];
    for (const text of this.claims.keys()) {
      const address = parseAddress(text);
      const pool = address && poolOf(pools, address);
      if (pool === undefined) outOfRange++;
      else left.set(pool, (left.get(pool) ?? 0n) - 1n);
      if (++looked % (pageRows * rowsInMemory) === 0) await pause();
    }
    return { outOfRange, full: [...left.values()].filter((count) => count <= 0n).length };
  }

  private broken(revision: number, what: string): Difference {
    return { cluster: this.name, where: 'log', type: 'broken', key: `revision ${revision}`, revision, what };
  }
}

const parse = (text: string): Event[] | undefined => {
  try {
    const events = JSON.parse(text) as unknown;
    return Array.isArray(events) ? (events as Event[]) : undefined;
  } catch {
    return undefined;
  }
};

const keyOf = ({ data: { service } }: Extract<Event, { type: `service.${string}` }>): string => serviceKey(service.namespace, service.name);

/** Of the parsed object written again, so that the same JSON in another spelling has the same digest. */
const digestOf = (object: unknown): string => createHash('sha1').update(JSON.stringify(object)).digest('base64url');

/** The same of a row of the table. A document that is no JSON has a digest of its own, which no event has. */
export const documentOf = ({ uid, revision, document }: Document): ExpectedDocument => {
  try {
    return { uid, revision, digest: digestOf(JSON.parse(document)) };
  } catch {
    return { uid, revision, digest: 'not JSON' };
  }
};
