import { claimChanges, type DatedEvent } from './claim-changes.js';
import type { Event, ServiceRef } from './events.js';

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
    expect(changesOf(...events)).toEqual({ addresses: { taken, moved, released }, ports: { taken: [], moved: [], released: [] } });
  });
});

it('nets ports in the same way, with their purpose', () => {
  const port = (service: ServiceRef, number: number, purpose: string, revision: number) => ({ ...service, port: number, purpose, revision });
  expect(changesOf(takesPort(web, 30001), givesPort(web, 30002), takesPort(db, 30002, 'health-check'), givesPort(web, 30003), takesPort(web, 30004), givesPort(web, 30004)))
    .toEqual({
      addresses: { taken: [], moved: [], released: [] },
      ports: { taken: [port(web, 30001, 'node-port', 101)], moved: [port(db, 30002, 'health-check', 103)], released: [30003] },
    });
});

it('does not care about other events', () => {
  expect(changesOf({ type: 'cluster.cidr-added', data: { cidr: '10.0.1.0/24' } }, { type: 'cluster.removed', data: {} }))
    .toEqual({ addresses: { taken: [], moved: [], released: [] }, ports: { taken: [], moved: [], released: [] } });
});
