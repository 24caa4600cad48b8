import { encodeService } from '../codec/encode-service.js';
import type { Command } from '../commands.js';
import { decide, documentKey } from '../decide.js';
import type { Accepted, Decision } from '../decision.js';
import type { Event } from '../events.js';
import { evolve } from '../evolve.js';
import type { Rejection } from '../rejection.js';
import { parseDocument } from '../service/document.js';
import type { ServiceObject } from '../service.js';
import { ClusterState, serviceKey } from '../state.js';
import { create } from './commands.js';

/** A cluster with its log and documents in memory: what the writer holds, without the writer. */
export class Scenario {
  readonly state = new ClusterState();
  /** Key of a Service -> its document. */
  readonly documents = new Map<string, string>();
  readonly log: Event[] = [];
  /** Of the last command. */
  now = new Date(0);

  /** Decides without looking at anything else; for laws that run many thousand commands. */
  decide(command: Command): Decision {
    const key = documentKey(command);
    this.tell(command.time);
    return decide(command, this.state, key && this.documents.get(serviceKey(key.namespace, key.name)));
  }

  private tell(time: Date): void {
    if (time > this.now) this.now = time;
    this.state.advanceTo(this.now);
  }

  /** The commands happen, one after the other; each must be accepted. A bare Service is created. */
  after(...history: readonly (Command | ServiceObject)[]): this {
    for (const step of history) {
      const command = 'kind' in step ? create(step) : step;
      const decision = this.decide(command);
      if (decision.outcome === 'rejected') throw new Error(`history is refused: ${command.type}: ${JSON.stringify(decision.rejection)}`);
      this.happened(...decision.events);
    }
    return this;
  }

  /** Facts that no command of today would make, such as a Service of an old release. */
  happened(...events: readonly Event[]): this {
    for (const event of events) {
      this.log.push(event);
      evolve(this.state, event, this.log.length);
      if (event.type === 'service.created' || event.type === 'service.updated') this.documents.set(keyOf(event), encodeService(event.data.object));
      if (event.type === 'service.deleted') this.documents.delete(keyOf(event));
    }
    return this;
  }

  /** Decides, and checks what holds for every command: nothing is changed, the same again gives the same, events fit together. */
  when(command: Command): Outcome {
    this.tell(command.time);
    const before = structuredClone({ command, state: contentsOf(this.state) });
    const decision = this.decide(command);
    expect({ command, state: contentsOf(this.state) }, 'deciding changes neither command nor state').toEqual(before);
    expect(this.decide(command), 'deciding again gives the same').toEqual(decision);
    if (decision.outcome === 'accepted') checkAccepted(decision, command, this.state.revision);
    return new Outcome(decision);
  }

  stored(name: string, namespace = 'shop'): ServiceObject {
    const document = this.documents.get(serviceKey(namespace, name));
    if (document === undefined) throw new Error(`there is no Service ${namespace}/${name}`);
    return parseDocument(document);
  }
}

export const given = (...history: readonly (Command | ServiceObject)[]): Scenario => new Scenario().after(...history);

const keyOf = (event: Extract<Event, { type: `service.${string}` }>): string => serviceKey(event.data.service.namespace, event.data.service.name);

/** Everything a state holds, as plain data. */
export const contentsOf = (state: ClusterState) => ({
  revision: state.revision,
  definition: state.definition,
  taken: { IPv4: [...state.taken.IPv4.values()], IPv6: [...state.taken.IPv6.values()] },
  ports: [...state.ports].sort(([a], [b]) => a - b),
  portNumbers: [...state.portNumbers.values()],
  services: [...state.services].sort(([a], [b]) => (a < b ? -1 : 1)),
  use: [...state.pools, ...state.lbRanges].map((pool) => ({ pool: pool.name, ...state.useOf(pool), ...state.heldBackIn(pool, pool.usable) })),
  reservations: [...state.reservations.keys()].sort(),
  lb: [...state.lb.addresses()].sort().map((address) => ({ address, members: state.lb.membersOf(address) })),
  attached: state.attachments.all().map(({ lbPool, address, service }) => `${lbPool} ${address} ${serviceKey(service.namespace, service.name)}`).sort(),
});

/** Design D1: claims first, the Service last, and its revision is the resourceVersion that it is stored with. */
const checkAccepted = (accepted: Accepted, command: Command, revision: number): void => {
  const { events, document } = accepted;
  if (command.dryRun) expect(events, 'a dry run has no events').toEqual([]);
  const rank = (event: Event): number => (/^(ip|port|lb-member|lb-address|reservation)\./.test(event.type) ? 1 : event.type === 'cluster.registered' ? 0 : event.type.startsWith('service.') ? 2 : 3);
  if (command.type !== 'RemoveCluster') expect(events.map(rank), 'claims come before their Service').toEqual(events.map(rank).sort());
  const index = events.findIndex((event) => event.type.startsWith('service.'));
  const last = events[index];
  if (last === undefined || !('object' in last.data)) return;
  expect(last.data.object.metadata.resourceVersion, 'resourceVersion is the revision').toBe(String(revision + index + 1));
  if (document !== undefined) expect(encodeService(last.data.object), 'the event carries the document').toBe(document);
};

/** What came of one command; each `then` is the last word of a spec. */
export class Outcome {
  constructor(readonly decision: Decision) {}

  /** These events and no others, in the words of `shownEvent`; `*` stands for any run of characters. */
  then(...expected: readonly string[]): void {
    const shown = this.accepted().events.map(shownEvent);
    expect(shown, 'events').toHaveLength(expected.length);
    expect(shown).toEqual(expected.map((text) => (text.includes('*') ? expect.stringMatching(wildcard(text)) : text)));
  }

  /** Accepted, and nothing happens. */
  thenNothing(): void {
    expect(this.accepted().events).toEqual([]);
  }

  /** Refused with this code and exactly these fields. */
  thenRejected(code: Rejection['code'], fields: Record<string, unknown> = {}): void {
    expect(this.rejection()).toEqual({ code, ...fields });
  }

  /** Refused with 422 and exactly these causes, `FIELD: BODY` each; `*` as above. */
  thenInvalid(...causes: readonly string[]): void {
    const rejection = this.rejection();
    if (rejection?.code !== 'invalid') throw new Error(`not refused as invalid, but: ${JSON.stringify(rejection)}`);
    const shown = rejection.errors.map(({ field, message }) => `${field}: ${message}`);
    expect(shown).toEqual(causes.map((text) => (text.includes('*') ? expect.stringMatching(wildcard(text)) : text)));
  }

  accepted(): Accepted {
    if (this.decision.outcome === 'rejected') throw new Error(`refused: ${JSON.stringify(this.decision.rejection)}`);
    return this.decision;
  }

  rejection(): Rejection | undefined {
    return this.decision.outcome === 'rejected' ? this.decision.rejection : undefined;
  }

  /** The Service that the caller is shown. */
  answer(): ServiceObject {
    return parseDocument(this.accepted().answer ?? 'none');
  }
}

const wildcard = (text: string): RegExp => new RegExp(`^${text.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*')}$`);

/** `ip.allocated 10.0.0.7 static`, `port.released 30080 dropped`, `service.created shop/web`, `cluster.cidr-added fd00::/120`. */
export const shownEvent = (event: Event): string => {
  switch (event.type) {
    case 'ip.allocated':
      return `${event.type} ${event.data.address} ${event.data.scope}`;
    case 'ip.released':
      return `${event.type} ${event.data.address} ${event.data.reason}`;
    case 'port.allocated':
      return `${event.type} ${event.data.port} ${event.data.scope}${event.data.purpose === 'health-check' ? ' health-check' : ''}`;
    case 'port.released':
      return `${event.type} ${event.data.port} ${event.data.reason}${event.data.purpose === 'health-check' ? ' health-check' : ''}`;
    case 'service.created':
    case 'service.updated':
    case 'service.deleted':
      return `${event.type} ${keyOf(event)}`;
    case 'cluster.registered':
    case 'cluster.cidrs-declared':
      return `${event.type} ${event.data.serviceCIDRs.join(' ')}`;
    case 'cluster.removed':
    case 'cluster.network-declared':
      return event.type;
    case 'reservation.made':
    case 'reservation.released': {
      const { name, first, last } = event.data.reservation;
      return `${event.type} ${name} ${first === last ? first : `${first}-${last}`}${'reason' in event.data ? ` ${event.data.reason}` : ''}`;
    }
    case 'lb-pool.configured':
      return `${event.type} ${event.data.pool.name} ${event.data.pool.addresses.join(' ')}`;
    case 'lb-pool.removed':
      return `${event.type} ${event.data.pool}`;
    case 'cluster.load-balancing-declared':
      return `${event.type} ${event.data.defaultLoadBalancer}`;
    case 'lb-member.joined':
      return `${event.type} ${event.data.address} ${event.data.service.name}${event.data.renews === undefined ? '' : ' again'}`;
    case 'lb-member.left':
      return `${event.type} ${event.data.address} ${event.data.service.name} ${event.data.reason}`;
    case 'lb-address.attached':
      return `${event.type} ${event.data.address}`;
    case 'lb-address.detached':
      return `${event.type} ${event.data.address} ${event.data.reason}`;
    default:
      return `${event.type} ${event.data.cidr}`;
  }
};
