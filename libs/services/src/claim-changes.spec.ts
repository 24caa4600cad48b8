import { claimChanges, type DatedEvent } from './claim-changes.js';
import type { Event, Reservation, ServiceRef } from './events.js';
import type { ServiceObject } from './service.js';

const ref = (name: string): ServiceRef => ({ namespace: 'shop', name, uid: `uid-${name}` });
const [web, db] = [ref('web'), ref('db')];
const takes = (service: ServiceRef, address: string): Event =>
  ({ type: 'ip.allocated', data: { address, family: 'IPv4', cidr: '10.0.0.0/24', band: 'dynamic', scope: 'dynamic', service } });
const gives = (service: ServiceRef, address: string): Event =>
  ({ type: 'ip.released', data: { address, family: 'IPv4', cidr: '10.0.0.0/24', band: 'dynamic', reason: 'deleted', service } });
const takesPort = (service: ServiceRef, port: number, purpose: 'node-port' | 'health-check' = 'node-port'): Event =>
  ({ type: 'port.allocated', data: { port, purpose, scope: 'static', service } });
const givesPort = (service: ServiceRef, port: number): Event => ({ type: 'port.released', data: { port, purpose: 'node-port', reason: 'dropped', service } });

/** Revisions from 101 on, a second apart, so that neither can be taken for an index. */
const timeOf = (revision: number): Date => new Date(Date.UTC(2026, 0, 1) + (revision - 100) * 1000);
const dated = (events: readonly Event[]): DatedEvent[] => events.map((event, i) => ({ event, revision: 101 + i, time: timeOf(101 + i) }));
const changesOf = (...events: Event[]) => claimChanges(dated(events));
const held = (service: ServiceRef, address: string, revision: number) => ({ ...service, address, since: timeOf(revision), revision });

const nothing = {
  addresses: { taken: [], moved: [], released: [] }, ports: { taken: [], moved: [], released: [] },
  reservations: { made: [], ended: [] }, cooling: { started: [], cleared: false },
  lb: { members: { held: [], left: [] }, waiting: { held: [], left: [] }, attached: { held: [], left: [] } },
};
const a = '10.0.0.7';
const b = '10.0.0.8';

describe('what a run of events does to the claims of addresses', () => {
  it.each<[what: string, events: Event[], taken: unknown[], moved: unknown[], released: string[]]>([
    ['nothing', [], [], [], []],
    ['one is taken', [takes(web, a)], [held(web, a, 101)], [], []],
    ['one is given back', [gives(web, a)], [], [], [a]],
    ['a pair', [takes(web, a), takes(web, b)], [held(web, a, 101), held(web, b, 102)], [], []],
    ['taken and given back: nothing was ever there', [takes(web, a), gives(web, a)], [], [], []],
    ['given back and taken by another: the row changes its holder', [gives(web, a), takes(db, a)], [], [held(db, a, 102)], []],
    ['given back and taken by the same: since and revision are new', [gives(web, a), takes(web, a)], [], [held(web, a, 102)], []],
    ['given back, taken, given back', [gives(web, a), takes(db, a), gives(db, a)], [], [], [a]],
    ['taken, given back, taken by another', [takes(web, a), gives(web, a), takes(db, a)], [held(db, a, 103)], [], []],
    ['given back, taken, given back, taken', [gives(web, a), takes(db, a), gives(db, a), takes(web, a)], [], [held(web, a, 104)], []],
    ['different addresses do not meet', [gives(web, a), takes(db, b)], [held(db, b, 102)], [], [a]],
  ])('%s', (_, events, taken, moved, released) => {
    expect(changesOf(...events)).toEqual({ ...nothing, addresses: { taken, moved, released } });
  });
});

it('nets ports in the same way, with their purpose', () => {
  const port = (service: ServiceRef, number: number, purpose: string, revision: number) => ({ ...service, port: number, purpose, revision });
  expect(changesOf(takesPort(web, 30001), givesPort(web, 30002), takesPort(db, 30002, 'health-check'), givesPort(web, 30003), takesPort(web, 30004), givesPort(web, 30004)))
    .toEqual({
      ...nothing,
      ports: { taken: [port(web, 30001, 'node-port', 101)], moved: [port(db, 30002, 'health-check', 103)], released: [30003] },
    });
});

it('does not care about other events', () => {
  expect(changesOf({ type: 'cluster.cidr-added', data: { cidr: '10.0.1.0/24' } }, { type: 'cluster.cidr-removed', data: { cidr: '10.0.1.0/24' } })).toEqual(nothing);
});

describe('what a run of events holds back', () => {
  const record = (name: string, until: string | null = null): Reservation =>
    ({ name, family: 'IPv4', cidr: '10.0.0.0/24', first: a, last: b, reason: 'later', owner: 'ann', until });
  const made = (name: string, until?: string): Event => ({ type: 'reservation.made', data: { reservation: record(name, until) } });
  const released = (name: string): Event => ({ type: 'reservation.released', data: { reservation: record(name), reason: 'released', service: null } });
  const cools = (service: ServiceRef, address: string): Event =>
    ({ type: 'ip.released', data: { address, family: 'IPv4', cidr: '10.0.0.0/24', band: 'dynamic', reason: 'deleted', service, coolsUntil: '2026-01-02T00:00:00.500Z' } });
  const dated = (name: string, revision: number, until?: string) => ({ ...record(name, until), createdAt: timeOf(revision), revision });
  const cooling = (service: ServiceRef, address: string, revision: number) => ({ ...service, address, until: new Date('2026-01-02T00:00:00.500Z'), revision });

  it.each<[what: string, events: Event[], made: unknown[], ended: string[]]>([
    ['one is made', [made('r', '2026-02-01T00:00:00.000Z')], [dated('r', 101, '2026-02-01T00:00:00.000Z')], []],
    ['one ends', [released('r')], [], ['r']],
    ['made and ended: the row may be one that had ended by itself', [made('r'), released('r')], [], ['r']],
    ['ended and made anew', [released('r'), made('r')], [dated('r', 102)], []],
  ])('%s', (_, events, all, ended) => expect(changesOf(...events).reservations).toEqual({ made: all, ended }));

  it.each<[what: string, events: Event[], started: unknown[], cleared: boolean]>([
    ['a release without cool-down', [gives(web, a)], [], false],
    ['a release with one', [cools(web, a)], [cooling(web, a, 101)], false],
    ['the last release counts', [cools(web, a), takes(db, a), cools(db, a)], [cooling(db, a, 103)], false],
    ['the end of the cluster', [cools(web, a), { type: 'cluster.removed', data: {} }, cools(web, b)], [cooling(web, b, 103)], true],
  ])('%s', (_, events, started, cleared) => expect(changesOf(...events).cooling).toEqual({ started, cleared }));
});

describe('what a run of events does to LB pools', () => {
  const facts = (service: ServiceRef, more: object = {}) => ({ address: a, family: 'IPv4' as const, lbPool: 'edge', sharingGroup: null, service, ports: ['TCP/80'], backend: '', ...more });
  const joins = (service: ServiceRef, more: object = {}): Event => ({ type: 'lb-member.joined', data: facts(service, more) });
  const leaves = (service: ServiceRef, more: object = {}): Event => ({ type: 'lb-member.left', data: { ...facts(service, more), since: 1, reason: 'deleted' } });
  const member = (service: ServiceRef, revision: number, more: object = {}) => ({ ...service, address: a, cluster: '', sharingKey: null, ports: ['TCP/80'], backend: '', wait: null, revision, ...more });
  const { uid: _, ...webKey } = { ...web, address: a, cluster: '' };

  it.each<[what: string, events: Event[], held: unknown[], left: unknown[]]>([
    ['one joins', [joins(web)], [member(web, 101)], []],
    ['one of a shared pool, for a wait', [joins(web, { cluster: 'x', wait: 9 })], [member(web, 101, { cluster: 'x', wait: 9 })], []],
    ['one leaves', [leaves(web)], [], [webKey]],
    ['two share', [joins(web, { sharingGroup: 'k' }), joins(db, { sharingGroup: 'k' })], [member(web, 101, { sharingKey: 'k' }), member(db, 102, { sharingKey: 'k' })], []],
    ['one asks again', [joins(web), joins(web, { renews: 101 })], [member(web, 102)], []],
    ['one leaves and joins with other ports', [leaves(web), joins(web, { ports: [] })], [member(web, 102, { ports: [] })], []],
    ['joined and left', [joins(web), leaves(web)], [], [webKey]],
    ['Services of one name in two clusters are two', [joins(web, { cluster: 'x' }), leaves(web, { cluster: 'y' })], [member(web, 101, { cluster: 'x' })], [{ ...webKey, cluster: 'y' }]],
  ])('members: %s', (__, events, held, left) => expect(changesOf(...events).lb.members).toEqual({ held, left }));

  const attached: Event = { type: 'lb-address.attached', data: { address: a, family: 'IPv4', lbPool: 'wide', service: web } };
  const detached: Event = { type: 'lb-address.detached', data: { address: a, family: 'IPv4', lbPool: 'wide', service: web, reason: 'deleted' } };
  it.each<[what: string, events: Event[], held: unknown[], left: unknown[]]>([
    ['attached', [attached], [{ ...web, pool: 'wide', address: a, revision: 101 }], []],
    ['detached', [attached, detached], [], [{ namespace: 'shop', name: 'web', pool: 'wide', address: a }]],
    ['detached and attached again', [detached, attached], [{ ...web, pool: 'wide', address: a, revision: 102 }], []],
  ])('attachments: %s', (__, events, held, left) => expect(changesOf(...events).lb.attached).toEqual({ held, left }));

  const object = (reason: string | undefined, has: string[] = [], metadata: object = {}): ServiceObject => ({
    apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'shop', ...metadata }, spec: { type: 'LoadBalancer', ipFamilies: ['IPv6', 'IPv4'] },
    status: {
      loadBalancer: { ingress: has.map((ip) => ({ ip })) },
      conditions: reason === undefined ? [] : [{ type: 'ipledger.io/LoadBalancerAddresses', status: 'False', lastTransitionTime: null, reason, message: '' }],
    },
  });
  const classed = (loadBalancerClass: string): ServiceObject => ({ ...object(undefined), spec: { ...object(undefined).spec, loadBalancerClass } });
  const created = (of: ServiceObject): Event => ({ type: 'service.created', data: { service: web, object: of } });
  const updated = (of: ServiceObject, was = 'LoadBalancer'): Event =>
    ({ type: 'service.updated', data: { service: web, object: of, previous: { revision: 1, labels: {}, type: was, clusterIP: '' } } });
  const removed = (was: string): Event => ({ type: 'service.deleted', data: { service: web, object: object('NoPool'), previous: { revision: 1, labels: {}, type: was, clusterIP: '' } } });
  const waits = (reason: string, families: string[], revision = 101) => ({ ...web, families, reason, revision });
  const key = { namespace: 'shop', name: 'web' };

  it.each<[what: string, events: Event[], held: unknown[], left: unknown[]]>([
    ['a Service without pool waits for all its families, in its order', [created(object('NoPool'))], [waits('NoPool', ['IPv6', 'IPv4'])], []],
    ['one that has a part waits for the rest', [created(object('PartlyAssigned', ['10.0.0.7']))], [waits('PartlyAssigned', ['IPv6'])], []],
    ['one that has all does not wait', [created(object('Assigned', ['10.0.0.7', 'fd00::1']))], [], []],
    ['one of another class does not wait', [created(classed('other.io/lb'))], [], []],
    ['one without a class may come to wait', [created(object(undefined, ['192.0.2.7']))], [waits('NotServed', ['IPv6', 'IPv4'])], []],
    ['one without a class that is being deleted may not', [updated(object(undefined, [], { deletionTimestamp: '2026-01-02T03:04:05Z' }))], [], [key]],
    ['it has a class now', [created(object(undefined)), updated(classed('other.io/lb'))], [], [key]],
    ['any change renews the wait', [created(object('NoPool')), updated(object('NoPool'))], [waits('NoPool', ['IPv6', 'IPv4'], 102)], []],
    ['it waits no more', [updated(object('Assigned'))], [], [key]],
    ['of another type now', [updated({ ...object('NoPool'), spec: { type: 'ClusterIP' } })], [], [key]],
    ['being deleted', [updated(object('NoPool', [], { deletionTimestamp: '2026-01-02T03:04:05Z' }))], [], [key]],
    ['deleted', [removed('LoadBalancer')], [], [key]],
    ['a Service of another type touches no row', [updated({ ...object(undefined), spec: { type: 'ClusterIP' } }, 'ClusterIP'), removed('ClusterIP')], [], []],
  ])('waiting: %s', (__, events, held, left) => expect(changesOf(...events).lb.waiting).toEqual({ held, left }));
});
