import { compileDefinition } from './cluster/definition.js';
import type { Event, ServiceRef } from './events.js';
import { evolve, revert } from './evolve.js';
import type { ServiceObject } from './service.js';
import { ClusterState } from './state.js';
import { contentsOf } from './testing/scenario.js';

const web: ServiceRef = { namespace: 'shop', name: 'web', uid: 'uid-web' };
const object: ServiceObject = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'shop' }, spec: {}, status: { loadBalancer: {} } };
const previous = { revision: 40, labels: {}, type: 'ClusterIP', clusterIP: '10.0.0.7' };
const registered: Event = {
  type: 'cluster.registered',
  data: { name: 'blue', serviceCIDRs: ['10.0.0.0/27', 'fd00::/120'], nodePortRange: '30000-32767', createdAt: '2026-01-02T03:04:05.678Z' },
};
const allocated = (address: string, family: 'IPv4' | 'IPv6' = 'IPv4'): Event =>
  ({ type: 'ip.allocated', data: { address, family, cidr: null, band: null, scope: 'static', service: web } });
const released = (address: string, family: 'IPv4' | 'IPv6' = 'IPv4'): Event =>
  ({ type: 'ip.released', data: { address, family, cidr: null, band: null, reason: 'deleted', service: web } });

const after = (...events: Event[]): ClusterState => {
  const state = new ClusterState();
  events.forEach((event, i) => evolve(state, event, 41 + i));
  return state;
};
const useOf = (state: ClusterState) => state.pools.map((pool) => [pool.name, state.useOf(pool)]);

describe('evolve', () => {
  it('starts with nothing', () => {
    const state = new ClusterState();
    expect(contentsOf(state)).toEqual({ revision: 0, definition: null, taken: { IPv4: [], IPv6: [] }, ports: [], portNumbers: [], services: [], use: [], reservations: [], lb: [], attached: [] });
    expect(() => state.families).toThrow('the cluster is not registered');
  });

  it('registers a cluster: pools in order, the first family primary', () => {
    const state = after(registered);
    expect(state.definition).toEqual({ ...registered.data, draining: [] });
    expect(state.families).toEqual(['IPv4', 'IPv6']);
    expect(state.pools.map(({ name, state: how }) => `${name} ${how}`)).toEqual(['10.0.0.0/27 open', 'fd00::/120 open']);
    expect([state.poolsOf('IPv4'), state.poolsOf('IPv6')].map((pools) => pools.map(({ name }) => name))).toEqual([['10.0.0.0/27'], ['fd00::/120']]);
    expect(state.revision).toBe(41);
  });

  it.each<[what: string, events: Event[], serviceCIDRs: string[] | undefined, draining: string[] | undefined]>([
    ['declared anew', [{ type: 'cluster.cidrs-declared', data: { serviceCIDRs: ['fd00::/120'], draining: [], previous: [], keptInUse: 0 } }], ['fd00::/120'], []],
    ['one more', [{ type: 'cluster.cidr-added', data: { cidr: '10.0.1.0/24' } }], ['10.0.0.0/27', 'fd00::/120', '10.0.1.0/24'], []],
    ['one drains', [{ type: 'cluster.cidr-draining', data: { cidr: 'fd00::/120' } }], ['10.0.0.0/27', 'fd00::/120'], ['fd00::/120']],
    ['one drains, then goes', [{ type: 'cluster.cidr-draining', data: { cidr: 'fd00::/120' } }, { type: 'cluster.cidr-removed', data: { cidr: 'fd00::/120' } }], ['10.0.0.0/27'], []],
    ['removed', [{ type: 'cluster.removed', data: {} }], undefined, undefined],
    ['removed, then something that cannot be', [{ type: 'cluster.removed', data: {} }, { type: 'cluster.cidr-added', data: { cidr: '10.0.1.0/24' } }], undefined, undefined],
    ['removed, then registered again', [{ type: 'cluster.removed', data: {} }, registered], ['10.0.0.0/27', 'fd00::/120'], []],
  ])('changes the ranges: %s', (_, events, serviceCIDRs, draining) => {
    const { definition } = after(registered, ...events);
    expect([definition?.serviceCIDRs, definition?.draining]).toEqual([serviceCIDRs, draining]);
  });

  it('counts what is taken per pool and band, addresses outside every pool nowhere', () => {
    const state = after(registered, allocated('10.0.0.1'), allocated('10.0.0.16'), allocated('10.0.0.17'), allocated('fd00::11', 'IPv6'), allocated('10.9.9.9'), allocated('10.0.0.31'));
    expect(useOf(state)).toEqual([['10.0.0.0/27', { static: 2, dynamic: 1 }], ['fd00::/120', { static: 0, dynamic: 1 }]]);
    expect([...state.taken.IPv4.values()].length).toBe(5); // the claims of .31 and 10.9.9.9 are there all the same
    evolve(state, released('10.0.0.16'), 60);
    expect(useOf(state)[0]).toEqual(['10.0.0.0/27', { static: 1, dynamic: 1 }]);
  });

  it('counts anew when the ranges change around the claims (design D11)', () => {
    const state = after(registered, allocated('10.0.0.1'), allocated('10.0.0.17'), allocated('10.9.9.9'));
    evolve(state, { type: 'cluster.cidrs-declared', data: { serviceCIDRs: ['10.0.0.0/8'], draining: [], previous: [], keptInUse: 0 } }, 60);
    expect(useOf(state)).toEqual([['10.0.0.0/8', { static: 2, dynamic: 1 }]]);
  });

  it('does not count twice what it has seen already', () => {
    const state = after(registered, allocated('10.0.0.17'), allocated('10.0.0.17'));
    expect(useOf(state)[0]).toEqual(['10.0.0.0/27', { static: 0, dynamic: 1 }]);
    evolve(state, released('10.0.0.18'), 60);
    expect(useOf(state)[0]).toEqual(['10.0.0.0/27', { static: 0, dynamic: 1 }]);
  });

  it('knows each Service at the revision of its last event', () => {
    const state = after(registered, { type: 'service.created', data: { service: web, object } }, { type: 'service.updated', data: { service: web, previous, object } });
    expect([...state.services]).toEqual([['shop/web', 43]]);
    evolve(state, { type: 'service.deleted', data: { service: web, previous, object } }, 44);
    expect([...state.services]).toEqual([]);
  });

  it('knows who holds a port', () => {
    const state = after(registered, { type: 'port.allocated', data: { port: 30001, purpose: 'node-port', scope: 'static', service: web } });
    expect([[...state.ports], [...state.portNumbers.values()]]).toEqual([[[30001, 'shop/web']], [30001n]]);
    evolve(state, { type: 'port.released', data: { port: 30001, purpose: 'node-port', reason: 'dropped', service: web } }, 60);
    expect([[...state.ports], [...state.portNumbers.values()]]).toEqual([[], []]);
  });

  it.each(['10.0.0', '', 'None'])('stops at the address %j: the log is damaged', (address) =>
    expect(() => after(registered, allocated(address))).toThrow(`the log holds an event with the address ${JSON.stringify(address)}, which is none`));
});

/** What the writer needs when an append fails. That it is the inverse for all histories is a law (decide.laws.spec.ts). */
describe('revert', () => {
  const start: Event[] = [registered, allocated('10.0.0.7'), { type: 'port.allocated', data: { port: 30001, purpose: 'node-port', scope: 'static', service: web } }, { type: 'service.created', data: { service: web, object } }];
  const lastOne = { ...previous, revision: 44 };

  it.each<Event>([
    allocated('10.0.0.8'), released('10.0.0.7'), allocated('fd00::1', 'IPv6'),
    { type: 'port.allocated', data: { port: 30002, purpose: 'health-check', scope: 'dynamic', service: web } },
    { type: 'port.released', data: { port: 30001, purpose: 'node-port', reason: 'dropped', service: web } },
    { type: 'service.created', data: { service: { ...web, name: 'db' }, object } },
    { type: 'service.updated', data: { service: web, previous: lastOne, object } },
    { type: 'service.deleted', data: { service: web, previous: lastOne, object } },
  ])('takes back $type', (event) => {
    const state = after(...start);
    evolve(state, event, 45);
    expect(contentsOf(state)).not.toEqual(contentsOf(after(...start)));
    expect(revert(state, event, 45)).toBe(true);
    expect(contentsOf(state)).toEqual(contentsOf(after(...start)));
  });

  it.each<Event>([
    registered, { type: 'cluster.cidrs-declared', data: { serviceCIDRs: [], draining: [], previous: [], keptInUse: 0 } },
    { type: 'cluster.cidr-added', data: { cidr: '10.0.1.0/24' } }, { type: 'cluster.cidr-draining', data: { cidr: 'fd00::/120' } },
    { type: 'cluster.cidr-removed', data: { cidr: 'fd00::/120' } }, { type: 'cluster.removed', data: {} },
  ])('cannot take back $type, and says so', (event) => {
    const state = after(...start);
    evolve(state, event, 45);
    const evolved = contentsOf(state);
    expect(revert(state, event, 45)).toBe(false);
    expect(contentsOf(state)).toEqual(evolved);
  });
});

it('compiles a definition that repeats nothing', () => {
  const definition = { name: 'blue', serviceCIDRs: ['fd00::/120', '10.0.0.0/27', 'fd01::/120'], draining: ['fd01::/120'], nodePortRange: '30000-30099', createdAt: '' };
  const { families, pools, nodePorts } = compileDefinition(definition);
  expect(families).toEqual(['IPv6', 'IPv4']);
  expect(pools.map(({ name, state }) => `${name} ${state}`)).toEqual(['fd00::/120 open', '10.0.0.0/27 open', 'fd01::/120 draining']);
  expect([nodePorts.first, nodePorts.last]).toEqual([30000, 30099]);
});
