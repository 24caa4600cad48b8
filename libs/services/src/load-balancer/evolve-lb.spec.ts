import type { Event, ServiceRef } from '../events.js';
import { evolve, revert } from '../evolve.js';
import { ClusterState } from '../state.js';
import { contentsOf } from '../testing/scenario.js';
import { sharingGroupRef } from './holdings.js';
import type { LbPool } from './lb-pool.js';

const [web, db] = (['web', 'db'] as const).map((name): ServiceRef => ({ namespace: 'shop', name, uid: `uid-${name}` })) as [ServiceRef, ServiceRef];
const registered: Event = { type: 'cluster.registered', data: { name: 'blue', serviceCIDRs: ['10.0.0.0/27'], nodePortRange: '30000-32767', createdAt: '2026-01-02T03:04:05.678Z' } };
const pool = (name: string, more: Partial<LbPool> = {}): LbPool => ({
  name, addresses: ['203.0.113.0/30', '2001:db8::10-2001:db8::1f'], draining: [], autoAssign: true, priority: 100, namespaces: [], selector: null,
  staticBandAddresses: 0, coolDownSeconds: 0, createdAt: '2026-01-02T03:04:05.678Z', ...more,
});
const configured = (of: LbPool): Event => ({ type: 'lb-pool.configured', data: { pool: of } });
const address = '203.0.113.1';
const allocated = (service: ServiceRef): Event =>
  ({ type: 'ip.allocated', data: { address, family: 'IPv4', cidr: '203.0.113.0/30', band: 'dynamic', scope: 'dynamic', service, kind: 'load-balancer', lbPool: 'edge' } });
const facts = (service: ServiceRef, sharingGroup: string | null = null, cluster?: string) =>
  ({ address, family: 'IPv4' as const, lbPool: 'edge', sharingGroup, service, ports: ['TCP/80'], backend: '', ...(cluster !== undefined && { cluster }) });
const joined = (service: ServiceRef, sharingGroup: string | null = null, cluster?: string): Event => ({ type: 'lb-member.joined', data: facts(service, sharingGroup, cluster) });
const left = (service: ServiceRef, since: number, sharingGroup: string | null = null, cluster?: string): Event =>
  ({ type: 'lb-member.left', data: { ...facts(service, sharingGroup, cluster), since, reason: 'deleted' } });
const attached = (lbPool: string): Event => ({ type: 'lb-address.attached', data: { address, family: 'IPv4', lbPool, service: web } });

const after = (...events: Event[]): ClusterState => {
  const state = new ClusterState();
  events.forEach((event, i) => evolve(state, event, 41 + i));
  return state;
};

describe('LB pools in a definition', () => {
  it('come after the Service CIDRs, and give cluster IPs to nobody', () => {
    const state = after(registered, configured(pool('edge', { draining: [{ range: '203.0.113.0/30', since: '', held: 0 }], staticBandAddresses: 2, coolDownSeconds: 60 })));
    expect(state.pools.map(({ name }) => name)).toEqual(['10.0.0.0/27']);
    expect(state.poolsOf('IPv4').map(({ name }) => name)).toEqual(['10.0.0.0/27']);
    expect(state.families).toEqual(['IPv4']);
    expect(state.lbRanges.map(({ kind, lbPool, name, family, state: how, prefixLength, coolDownSeconds, usable, staticBand }) =>
      [kind, lbPool, name, family, how, prefixLength, coolDownSeconds, usable.count, staticBand.count])).toEqual([
      ['load-balancer', 'edge', '203.0.113.0/30', 'IPv4', 'draining', 30, 60, 4n, 2n],
      ['load-balancer', 'edge', '2001:db8::10-2001:db8::1f', 'IPv6', 'open', null, 60, 16n, 2n],
    ]);
    expect(state.poolOf({ family: 'IPv4', value: 0xcb007103n })?.name).toBe('203.0.113.0/30');
  });

  it('are made, changed and removed by name, in the order in which they were made', () => {
    const state = after(registered, configured(pool('b')), configured(pool('a', { addresses: ['198.51.100.7/32'] })), configured(pool('b', { priority: 7 })));
    expect(state.definition?.lbPools?.map(({ name, priority }) => [name, priority])).toEqual([['b', 7], ['a', 100]]);
    expect(state.lbPools.map(({ pool: { name } }) => name)).toEqual(['b', 'a']);
    evolve(state, { type: 'lb-pool.removed', data: { pool: 'b' } }, 50);
    evolve(state, { type: 'lb-pool.removed', data: { pool: 'a' } }, 51);
    expect(state.definition).toEqual({ ...(registered.data as object), draining: [] });
  });

  it('a shared pool is a log of its own, which its first event begins and its removal ends', () => {
    const shared = pool('wide', { clusters: ['blue', 'green'] });
    const state = after(configured(shared));
    expect(state.definition).toMatchObject({ name: 'lb-pool:wide', serviceCIDRs: [], lbPools: [shared] });
    evolve(state, configured({ ...shared, clusters: 'all' }), 42);
    expect(state.definition?.lbPools).toEqual([{ ...shared, clusters: 'all' }]);
    evolve(state, { type: 'lb-pool.removed', data: { pool: 'wide' } }, 43);
    expect(state.definition).toBeNull();
  });

  it('counts what is held, and whether Services without a class are ours', () => {
    const state = after(registered, configured(pool('edge')), allocated(web), joined(web), { type: 'cluster.load-balancing-declared', data: { defaultLoadBalancer: true } });
    expect(state.lbRanges.map((range) => state.useOf(range))).toEqual([{ static: 0, dynamic: 1 }, { static: 0, dynamic: 0 }]);
    expect(state.definition?.defaultLoadBalancer).toBe(true);
    evolve(state, { type: 'cluster.load-balancing-declared', data: { defaultLoadBalancer: false } }, 60);
    expect(state.definition?.defaultLoadBalancer).toBeUndefined();
  });
});

describe('who has an address', () => {
  it('knows members by address, Service and group', () => {
    const state = after(registered, configured(pool('edge')), joined(web, 'k'), joined(db, 'k'));
    expect(state.lb.membersOf(address).map(({ service, revision }) => [service.name, revision])).toEqual([['web', 43], ['db', 44]]);
    expect(state.lb.addressesOf('shop/db')).toEqual([address]);
    expect(state.lb.addressesOfGroup(sharingGroupRef(undefined, 'shop', 'k'))).toEqual([address]);
    evolve(state, left(web, 43, 'k'), 45);
    expect(state.lb.addressesOfGroup(sharingGroupRef(undefined, 'shop', 'k'))).toEqual([address]);
    evolve(state, left(db, 44, 'k'), 46);
    expect([state.lb.addresses(), state.lb.addressesOf('shop/db'), state.lb.addressesOfGroup(sharingGroupRef(undefined, 'shop', 'k'))]).toEqual([[], [], []]);
  });

  it('keeps clusters apart in the log of a shared pool', () => {
    const state = after(configured(pool('wide', { clusters: 'all' })), joined(web, 'k', 'blue'));
    expect([state.lb.addressesOf('blue/shop/web'), state.lb.addressesOf('shop/web')]).toEqual([[address], []]);
    expect([state.lb.addressesOfGroup(sharingGroupRef('blue', 'shop', 'k')), state.lb.addressesOfGroup(sharingGroupRef('green', 'shop', 'k'))]).toEqual([[address], []]);
    evolve(state, left(web, 42, 'k', 'green'), 43);
    expect(state.lb.addresses()).toEqual([address]);
  });

  it('ends in the same however often it has seen an event', () => {
    const events = [joined(web, 'k'), left(web, 41, 'k'), joined(web)];
    expect(contentsOf(after(...events, ...events)).lb).toEqual([{ address, members: [{ service: web, sharingGroup: null, ports: ['TCP/80'], backend: '', revision: 46 }] }]);
    expect(after(...events, ...events).lb.addressesOfGroup(sharingGroupRef(undefined, 'shop', 'k'))).toEqual([]);
  });
});

describe('revert', () => {
  const start: Event[] = [registered, configured(pool('edge')), allocated(web), joined(web), attached('wide')];
  it.each<Event>([
    joined(db), { type: 'lb-member.joined', data: { ...facts(web), renews: 44 } }, left(web, 44), attached('other'),
    { type: 'lb-address.detached', data: { address, family: 'IPv4', lbPool: 'wide', service: web, reason: 'deleted' } },
  ])('takes back $type', (event) => {
    const state = after(...start);
    evolve(state, event, 46);
    expect(contentsOf(state)).not.toEqual(contentsOf(after(...start)));
    expect(revert(state, event, 46)).toBe(true);
    expect(contentsOf(state)).toEqual(contentsOf(after(...start)));
  });

  it.each<Event>([configured(pool('edge')), { type: 'lb-pool.removed', data: { pool: 'edge' } }, { type: 'cluster.load-balancing-declared', data: { defaultLoadBalancer: true } }])('cannot take back $type', (event) => {
    const state = after(...start);
    evolve(state, event, 46);
    expect(revert(state, event, 46)).toBe(false);
  });
});
