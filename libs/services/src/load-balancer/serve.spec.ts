import type { Command } from '../commands.js';
import type { ServiceObject, ServiceSpec } from '../service.js';
import { create, families, patch, ports, remove, replace, reserve, service, v4v6, v6v4, type Metadata } from '../testing/commands.js';
import { assign, attach, declareDefault, drainLbPool, lbPool, lbService, lbStatus } from '../testing/lb-commands.js';
import { given, type Scenario } from '../testing/scenario.js';

const four = '203.0.113.0/30';
const six = '2001:db8::10-2001:db8::13';
const dual = lbPool('edge', [four, six]);
const require2: Partial<ServiceSpec> = { ipFamilyPolicy: 'RequireDualStack' };
const prefer2: Partial<ServiceSpec> = { ipFamilyPolicy: 'PreferDualStack' };
const note = (annotations: Record<string, string>, more: Metadata = {}): Metadata => ({ annotations, ...more });
const asks = (ips: string): Metadata => note({ 'ipledger.io/load-balancer-ips': ips });
const shares = (key: string): Metadata => note({ 'ipledger.io/sharing-key': key });
/** Fills a range: names that nothing else uses. */
const fill = (family: 'IPv4' | 'IPv6', count = 4) => Array.from({ length: count }, (_, i) => lbService(`fill-${family.toLowerCase()}-${i}`, families(family)));
const statusOf = (scenario: Scenario, name = 'web'): string => lbStatus(scenario.stored(name));

describe('a Service of type LoadBalancer and our class', () => {
  it.each<[what: string, cluster: Command, pools: Command[], before: ServiceObject[], spec: Partial<ServiceSpec>, metadata: Metadata, expected: RegExp]>([
    ['single-stack: one address of its family', v4v6, [dual], [], {}, {}, /^203\.0\.113\.[0-3] True\/Assigned$/],
    ['single-stack IPv6', v4v6, [dual], [], families('IPv6'), {}, /^2001:db8::1[0-3] True\/Assigned$/],
    ['dual, IPv4 first', v4v6, [dual], [], require2, {}, /^203\.0\.113\.[0-3] 2001:db8::1[0-3] True\/Assigned$/],
    ['dual, IPv6 first', v4v6, [dual], [], { ...require2, ...families('IPv6', 'IPv4') }, {}, /^2001:db8::1[0-3] 203\.0\.113\.[0-3] True\/Assigned$/],
    ['dual in a cluster whose primary family is IPv6', v6v4, [dual], [], prefer2, {}, /^2001:db8::1[0-3] 203\.0\.113\.[0-3] True\/Assigned$/],
    ['dual from two pools', v4v6, [lbPool('a', [four]), lbPool('b', [six])], [], require2, {}, /^203\.0\.113\.[0-3] 2001:db8::1[0-3] True\/Assigned$/],
    ['Prefer with IPv6 full: IPv4, and it waits for the rest', v4v6, [dual], fill('IPv6'), prefer2, {}, /^203\.0\.113\.[0-3] True\/PartlyAssigned$/],
    ['Prefer with IPv4 full', v4v6, [dual], fill('IPv4'), prefer2, {}, /^2001:db8::1[0-3] True\/PartlyAssigned$/],
    ['Require with one family full: none', v4v6, [dual], fill('IPv6'), require2, {}, /^False\/PoolsExhausted$/],
    ['Require with a pool of one family: none', v4v6, [lbPool('a', [four])], [], require2, {}, /^False\/NoPool$/],
    ['full', v4v6, [dual], fill('IPv4'), {}, {}, /^False\/PoolsExhausted$/],
    ['no pool', v4v6, [], [], {}, {}, /^False\/NoPool$/],
    ['a pool that is not assigned by itself', v4v6, [lbPool('a', [four], { autoAssign: false })], [], {}, {}, /^False\/NoPool$/],
    ['such a pool by name', v4v6, [lbPool('a', [four], { autoAssign: false })], [], {}, note({ 'ipledger.io/load-balancer-pool': 'a' }), /^203\.0\.113\.[0-3] True\/Assigned$/],
    ['an address of such a pool', v4v6, [lbPool('a', [four], { autoAssign: false })], [], {}, asks('203.0.113.2'), /^203\.0\.113\.2 True\/Assigned$/],
    ['a pool by name that is not there', v4v6, [dual], [], {}, note({ 'ipledger.io/load-balancer-pool': 'b' }), /^False\/NoPool$/],
    ['a pool for another namespace', v4v6, [lbPool('a', [four], { namespaces: ['other'] })], [], {}, {}, /^False\/NoPool$/],
    ['a pool for its namespace', v4v6, [lbPool('a', [four], { namespaces: ['other', 'shop'] })], [], {}, {}, /True\/Assigned$/],
    ['a pool for other labels', v4v6, [lbPool('a', [four], { selector: 'tier in (front)' })], [], {}, {}, /^False\/NoPool$/],
    ['a pool for its labels', v4v6, [lbPool('a', [four], { selector: 'tier in (front)' })], [], {}, { labels: { tier: 'front' } }, /True\/Assigned$/],
    ['the pool of the lowest number first', v4v6, [lbPool('a', [four], { priority: 9 }), lbPool('b', ['198.51.100.0/30'], { priority: 8 })], [], {}, {}, /^198\.51/],
    ['of equal ones that of the first name', v4v6, [lbPool('b', [four]), lbPool('a', ['198.51.100.0/30'])], [], {}, {}, /^198\.51/],
    ['the next pool when the first is full', v4v6, [lbPool('a', ['198.51.100.7/32']), lbPool('b', [four])], [lbService('one')], {}, {}, /^203/],
    ['a draining pool gives nothing', v4v6, [dual, drainLbPool('edge')], [], {}, {}, /^False\/PoolsExhausted$/],
    ['a draining range gives nothing, the other of its pool does', v4v6, [dual, drainLbPool('edge', four)], [], prefer2, {}, /^2001:db8::1[0-3] True\/PartlyAssigned$/],
    ['requested by spec.loadBalancerIP', v4v6, [dual], [], { loadBalancerIP: '203.0.113.3' }, {}, /^203\.0\.113\.3 True\/Assigned$/],
    ['requested, both, in any order', v4v6, [dual], [], require2, asks(' 2001:db8::12 , 203.0.113.3'), /^203\.0\.113\.3 2001:db8::12 True\/Assigned$/],
    ['requested, one of two: the other is chosen', v4v6, [dual], [], require2, asks('2001:db8::12'), /^203\.0\.113\.[0-3] 2001:db8::12 True\/Assigned$/],
    ['requested, and held', v4v6, [dual], [lbService('one', {}, asks('203.0.113.3'))], {}, asks('203.0.113.3'), /^False\/AddressNotAvailable$/],
    ['requested, and held, Prefer: the other family', v4v6, [dual], [lbService('one', {}, asks('203.0.113.3'))], prefer2, asks('203.0.113.3'), /^2001:db8::1[0-3] True\/PartlyAssigned$/],
    ['requested, in no pool', v4v6, [dual], [], {}, asks('192.0.2.1'), /^False\/AddressNotAvailable$/],
    ['requested, a cluster IP', v4v6, [dual], [], {}, asks('10.0.0.9'), /^False\/AddressNotAvailable$/],
    ['requested, of the other family', v4v6, [dual], [], {}, asks('2001:db8::12'), /^False\/AddressNotAvailable$/],
    ['requested, two of one family', v4v6, [dual], [], require2, asks('203.0.113.1,203.0.113.2'), /^False\/AddressNotAvailable$/],
    ['requested, no address', v4v6, [dual], [], { loadBalancerIP: 'example' }, {}, /^False\/AddressNotAvailable$/],
    ['requested, in a draining range', v4v6, [dual, drainLbPool('edge')], [], {}, asks('203.0.113.1'), /^False\/AddressNotAvailable$/],
    ['requested, of a pool for others', v4v6, [lbPool('a', [four], { namespaces: ['other'] })], [], {}, asks('203.0.113.1'), /^False\/AddressNotAvailable$/],
    ['requested, reserved', v4v6, [dual, reserve('r', '203.0.113.1-203.0.113.2')].map((c) => ('wanted' in c ? { ...c, lbPool: 'edge' } : c)), [], {}, asks('203.0.113.1'), /^False\/AddressNotAvailable$/],
    ['requested, reserved for whoever names it', v4v6, [dual, { ...reserve('r', '203.0.113.1-203.0.113.2'), lbPool: 'edge' }], [], {}, note({ 'ipledger.io/load-balancer-ips': '203.0.113.1', 'ipledger/reservation': 'r' }), /^203\.0\.113\.1 True\/Assigned$/],
    ['reserved addresses are not chosen', v4v6, [lbPool('a', ['203.0.113.0/31']), { ...reserve('r', '203.0.113.0'), lbPool: 'a' }], [], {}, {}, /^203\.0\.113\.1 True/],
    ['the static band is left while others are free', v4v6, [lbPool('a', [four], { staticBandAddresses: 3 })], [], {}, {}, /^203\.0\.113\.3 True/],
  ])('%s', (_, cluster, pools, before, spec, metadata, expected) => {
    const scenario = given(cluster, ...pools, ...before);
    const created = scenario.when(create(lbService('web', spec, metadata)));
    expect(lbStatus(created.answer())).toMatch(expected);
    expect(created.answer().status.loadBalancer.ingress ?? []).toEqual((created.answer().status.loadBalancer.ingress ?? []).map(({ ip }) => ({ ip, ipMode: 'VIP' })));
  });

  it('says in events whose address it is, before the Service', () => {
    const created = given(v4v6, dual).when(create(lbService('web', {}, asks('203.0.113.3')))).accepted();
    expect(created.events.slice(1)).toMatchObject([
      { type: 'ip.allocated', data: { address: '203.0.113.3', family: 'IPv4', cidr: four, band: 'dynamic', scope: 'static', kind: 'load-balancer', lbPool: 'edge', service: { namespace: 'shop', name: 'web', uid: 'uid-web' } } },
      { type: 'lb-member.joined', data: { address: '203.0.113.3', lbPool: 'edge', sharingGroup: null, ports: [] } },
      { type: 'service.created' },
    ]);
  });

  it('ends a reservation of the one address that it names', () => {
    const scenario = given(v4v6, dual, { ...reserve('r', '203.0.113.1'), lbPool: 'edge' }, lbService('web', {}, note({ 'ipledger.io/load-balancer-ips': '203.0.113.1', 'ipledger/reservation': 'r' })));
    expect([statusOf(scenario), scenario.state.reservations.size]).toEqual(['203.0.113.1 True/Assigned', 0]);
  });

  it('never gives cluster IPs from a pool, nor takes one that is asked for', () => {
    given(v4v6, dual).when(create(service('web', { clusterIP: '203.0.113.1', clusterIPs: ['203.0.113.1'] }))).thenInvalid('spec.clusterIPs: Invalid value: ["203.0.113.1"]: failed to allocate IP 203.0.113.1: the provided network does not match the current range');
  });

  it('a dry run shows what would be and takes nothing', () => {
    const scenario = given(v4v6, dual);
    expect(lbStatus(scenario.when(create(lbService('web'), { dryRun: true })).answer())).toMatch(/True\/Assigned$/);
    expect(scenario.state.lb.addresses()).toEqual([]);
  });
});

describe('whose Services they are', () => {
  const bare = (name: string, spec: Partial<ServiceSpec> = {}) => lbService(name, { loadBalancerClass: undefined, ...spec });
  it.each<[what: string, before: Command[], of: ServiceObject, expected: RegExp]>([
    ['another class', [dual, declareDefault(true)], bare('web', { loadBalancerClass: 'other.io/lb' }), /^not served$/],
    ['no class', [dual], bare('web'), /^not served$/],
    ['no class where that is the default', [dual, declareDefault(true)], bare('web'), /True\/Assigned$/],
    ['no class where that was the default', [dual, declareDefault(true), declareDefault(false)], bare('web'), /^not served$/],
    ['another type', [dual, declareDefault(true)], service('web', { type: 'NodePort' }), /^not served$/],
  ])('%s', (_, before, of, expected) => expect(lbStatus(given(v4v6, ...before).when(create(of)).answer())).toMatch(expected));

  it('one that is served stays so when the default goes', () => {
    const scenario = given(v4v6, dual, declareDefault(true), bare('web'), declareDefault(false));
    const before = statusOf(scenario);
    scenario.after(patch('web', { metadata: { labels: { a: 'b' } } }));
    expect(statusOf(scenario)).toBe(before);
  });

  it('of one that is not, the status is the clients\' but for our condition', () => {
    const ingress = [{ ip: '192.0.2.7', ipMode: 'VIP' }];
    const conditions = [{ type: 'ipledger.io/LoadBalancerAddresses', status: 'False', reason: 'NoPool', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' }, { type: 'x', status: 'True', reason: 'Y', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' }];
    const scenario = given(v4v6, dual, bare('web'), patch('web', { status: { loadBalancer: { ingress }, conditions } }, { subresource: 'status' }));
    expect(scenario.stored('web').status).toMatchObject({ loadBalancer: { ingress }, conditions: [conditions[1]] });
  });
});

describe('an update', () => {
  const held = given(v4v6, dual, lbService('web', require2)).state.lb.addresses();
  const [held4 = '', held6 = ''] = held;
  const other4 = '203.0.113.2' === held4 ? '203.0.113.3' : '203.0.113.2';

  it.each<[what: string, change: object, expected: string, events: string[]]>([
    ['of labels', { metadata: { labels: { tier: 'x' } } }, `${held4} ${held6} True/Assigned`, ['service.updated shop/web']],
    ['of ports', { spec: { ports: [{ port: 443 }] } }, `${held4} ${held6} True/Assigned`, ['service.updated shop/web']],
    ['of the selector', { spec: { selector: { app: 'x' } } }, `${held4} ${held6} True/Assigned`, ['service.updated shop/web']],
    ['of nothing', {}, `${held4} ${held6} True/Assigned`, []],
    ['to the addresses that it has', { metadata: { annotations: { 'ipledger.io/load-balancer-ips': `${held6},${held4}` } } }, `${held4} ${held6} True/Assigned`, ['service.updated shop/web']],
    ['to another address', { metadata: { annotations: { 'ipledger.io/load-balancer-ips': other4 } } }, `${other4} ${held6} True/Assigned`,
      [`lb-member.left ${held4} web not-wanted`, `ip.released ${held4} not-wanted`, `ip.allocated ${other4} static`, `lb-member.joined ${other4} web`, 'service.updated shop/web']],
    ['to one family', { spec: { ipFamilyPolicy: 'SingleStack' } }, `${held4} True/Assigned`,
      ['ip.released fd00::*', `lb-member.left ${held6} web downgraded`, `ip.released ${held6} downgraded`, 'service.updated shop/web']],
    ['to another pool', { metadata: { annotations: { 'ipledger.io/load-balancer-pool': 'none' } } }, 'False/NoPool',
      [`lb-member.left ${held4} web not-wanted`, `lb-member.left ${held6} web not-wanted`, `ip.released ${held4} not-wanted`, `ip.released ${held6} not-wanted`, 'service.updated shop/web']],
    ['to another type', { spec: { type: 'ClusterIP' } }, 'not served',
      [`lb-member.left ${held4} web type-changed`, `lb-member.left ${held6} web type-changed`, `ip.released ${held4} type-changed`, `ip.released ${held6} type-changed`, 'service.updated shop/web']],
    ['to ExternalName', { spec: { type: 'ExternalName', externalName: 'a.b' } }, 'not served',
      ['ip.released 10.*', 'ip.released fd00*', `lb-member.left ${held4} web type-changed`, `lb-member.left ${held6} web type-changed`, `ip.released ${held4} type-changed`, `ip.released ${held6} type-changed`, 'service.updated shop/web']],
  ])('%s', (_, change, expected, events) => {
    const scenario = given(v4v6, dual, lbService('web', require2));
    const updated = scenario.when(patch('web', change));
    expect(lbStatus(updated.answer())).toEqual(expected);
    updated.then(...events);
  });

  it('keeps what clients cannot change by /status, and lets them add their conditions', () => {
    const scenario = given(v4v6, dual, lbService('web'));
    const before = scenario.stored('web').status;
    const x = { type: 'x', status: 'True', reason: 'Y', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' };
    scenario.after(patch('web', { status: { loadBalancer: { ingress: [{ ip: '192.0.2.7' }] }, conditions: [x] } }, { subresource: 'status' }));
    expect(scenario.stored('web').status).toMatchObject({ loadBalancer: before.loadBalancer, conditions: [x, ...before.conditions ?? []] });
    scenario.after(replace({ ...scenario.stored('web'), status: { loadBalancer: {} } }, { subresource: 'status' }));
    expect(scenario.stored('web').status).toEqual(before);
  });

  it('gives a Service that becomes one its address, and one that wants a second family both', () => {
    const scenario = given(v4v6, dual, service('web'), patch('web', { spec: { type: 'LoadBalancer', loadBalancerClass: 'ipledger.io/pool' } }));
    const first = statusOf(scenario);
    expect(first).toMatch(/^203\.0\.113\.[0-3] True\/Assigned$/);
    scenario.after(patch('web', { spec: { ipFamilyPolicy: 'RequireDualStack' } }));
    expect(statusOf(scenario)).toMatch(new RegExp(`^${first.split(' ')[0]} 2001:db8::1[0-3] True/Assigned$`));
  });

  it.each<[was: string, spec: Partial<ServiceSpec>]>([['SingleStack', {}], ['PreferDualStack', prefer2]])('leaves a Service its one address that requires two, was %s, and can have one only', (_, spec) => {
    const scenario = given(v4v6, dual, ...fill('IPv6'), lbService('web', spec));
    const [had = ''] = statusOf(scenario).split(' ');
    scenario.when(patch('web', { spec: { ipFamilyPolicy: 'RequireDualStack' } })).then(...(spec === prefer2 ? [] : ['ip.allocated fd00::*']), 'service.updated shop/web');
    scenario.after(patch('web', { spec: { ipFamilyPolicy: 'RequireDualStack' } }));
    expect([statusOf(scenario), scenario.state.lb.addressesOf('shop/web')]).toEqual([`${had} False/RequirementUnmet`, [had]]);
    expect(scenario.stored('web').status.conditions?.[0]?.message).toBe('requires two families, and keeps what it has; no IPv6 address: no free IPv6 address in edge');
    scenario.after(remove('fill-ipv6-0'), assign('web'));
    expect(statusOf(scenario)).toMatch(new RegExp(`^${had} 2001:db8::1[0-3] True/Assigned$`));
    scenario.after(patch('web', { spec: { ipFamilyPolicy: 'SingleStack' } }));
    expect(statusOf(scenario)).toBe(`${had} True/Assigned`);
  });

  it('leaves a Service that requires two the one that it still asks for, when the other cannot be had', () => {
    const scenario = given(v4v6, dual, lbService('one', {}, asks('203.0.113.3')), lbService('web', require2));
    const [, six = ''] = statusOf(scenario).split(' ');
    scenario.after(patch('web', { metadata: { annotations: { 'ipledger.io/load-balancer-ips': '203.0.113.3' } } }));
    expect(statusOf(scenario)).toBe(`${six} False/RequirementUnmet`);
  });

  it.each<[what: string, change: object, why: string]>([
    ['no address', { metadata: { annotations: { 'ipledger.io/load-balancer-ips': '203.0.113.300' } } }, '"203.0.113.300" is no address'],
    ['two of one family', { metadata: { annotations: { 'ipledger.io/load-balancer-ips': '203.0.113.1,203.0.113.2' } } }, 'two addresses of one family are asked for'],
    ['one of a family that it gives up', { metadata: { annotations: { 'ipledger.io/load-balancer-ips': '2001:db8::12' } }, spec: { ipFamilyPolicy: 'SingleStack' } }, '2001:db8::12 is of IPv6, which the Service does not have'],
  ])('leaves a Service what it has that asks for %s, and says so', (_, change, why) => {
    const scenario = given(v4v6, dual, lbService('web', require2));
    const before = statusOf(scenario).split(' ');
    scenario.after(patch('web', change));
    const families = scenario.stored('web').spec.ipFamilies ?? [];
    expect(statusOf(scenario)).toBe([...before.slice(0, families.length), 'True/Assigned'].join(' '));
    expect(scenario.stored('web').status.conditions?.[0]?.message).toBe(`has all its addresses; what it asks for is not heeded: ${why}`);
    scenario.when(patch('web', { metadata: { annotations: { 'ipledger.io/load-balancer-ips': null } } })).then('service.updated shop/web');
  });

  it('leaves a Service what it has of a shared pool when it requires two, and takes nothing of its own pools beside it', () => {
    const scenario = given(v4v6, lbService('web', prefer2));
    scenario.after(attach('web', Number(scenario.stored('web').metadata.resourceVersion), ['198.51.100.1']), dual, patch('web', { spec: { ipFamilyPolicy: 'RequireDualStack' } }), assign('web'));
    expect([statusOf(scenario), scenario.state.lb.addressesOf('shop/web')]).toEqual(['198.51.100.1 False/RequirementUnmet', []]);
    scenario.after(attach('web', Number(scenario.stored('web').metadata.resourceVersion), ['2001:db8:1::1']));
    expect(statusOf(scenario)).toBe('198.51.100.1 2001:db8:1::1 True/Assigned');
  });

  it('moves the time of the condition only with its status', () => {
    const scenario = given(v4v6, lbService('web'));
    const since = scenario.stored('web').status.conditions?.[0]?.lastTransitionTime;
    const later = (command: Command): Command => ({ ...command, time: new Date('2026-02-02T00:00:00Z') });
    scenario.after(later(lbPool('edge', ['2001:db8::1/128'])), later(patch('web', { metadata: { labels: { a: 'b' } } })));
    expect(scenario.stored('web').status.conditions?.[0]).toMatchObject({ status: 'False', lastTransitionTime: since });
    scenario.after(later(lbPool('more', [four])), later(patch('web', { metadata: { labels: { a: 'c' } } })));
    expect(scenario.stored('web').status.conditions?.[0]).toMatchObject({ status: 'True', lastTransitionTime: '2026-02-02T00:00:00Z' });
  });

  it('keeps what it has of a pool that drains, and of one that is not for it any more', () => {
    const scenario = given(v4v6, dual, lbService('web'));
    const before = statusOf(scenario);
    scenario.after(drainLbPool('edge'), patch('web', { metadata: { labels: { a: 'b' } } }), lbPool('edge', [four, six], { existing: 'replace', namespaces: ['other'], autoAssign: false }), patch('web', { metadata: { labels: { a: 'c' } } }));
    expect(statusOf(scenario)).toBe(before);
  });
});

describe('a deletion', () => {
  it('releases in the same command, and not before the last finalizer is gone', () => {
    const scenario = given(v4v6, dual, lbService('web', require2, { finalizers: ['a.b/c'] }), remove('web'));
    expect(scenario.state.lb.addressesOf('shop/web')).toHaveLength(2);
    const [a, b] = scenario.state.lb.addressesOf('shop/web');
    scenario.when(patch('web', { metadata: { finalizers: null } })).then(
      'ip.released 10.*', 'ip.released fd00*', `lb-member.left ${a} web deleted`, `lb-member.left ${b} web deleted`, `ip.released ${a} deleted`, `ip.released ${b} deleted`, 'service.deleted shop/web');
  });

  it('one that is being deleted is given nothing more', () => {
    const scenario = given(v4v6, lbService('web', {}, { finalizers: ['a.b/c'] }), remove('web'), dual, patch('web', { metadata: { labels: { a: 'b' } } }));
    expect(statusOf(scenario)).toBe('False/NoPool');
  });

  it('the same Service gets its addresses back while they cool down, another one does not', () => {
    const pool = lbPool('edge', ['203.0.113.0/24', '2001:db8::/120'], { coolDownSeconds: 600 });
    const scenario = given(v4v6, pool, lbService('web', require2));
    const before = statusOf(scenario);
    const [address = ''] = before.split(' ');
    scenario.after(remove('web'));
    for (let i = 0; i < 30; i++) scenario.after(create(lbService(`other-${i}`), { seed: [i, 2, 3, 4] }));
    expect(scenario.state.lb.addresses()).not.toContain(address);
    expect(lbStatus(scenario.when(create(lbService('thief', {}, asks(address)))).answer())).toBe('False/AddressNotAvailable');
    scenario.after(create(lbService('web', require2), { seed: [9, 9, 9, 9], newUid: 'uid-new' }));
    expect(statusOf(scenario)).toBe(before);
  });
});

describe('sharing', () => {
  const shared = (name: string, port: string, metadata: Metadata = shares('k'), spec: Partial<ServiceSpec> = {}) => lbService(name, { ...ports(port), ...spec }, metadata);
  const local: Partial<ServiceSpec> = { externalTrafficPolicy: 'Local' };

  it.each<[what: string, second: ServiceObject, isSame: boolean]>([
    ['the same key, another port', shared('b', '443'), true],
    ['the same port of another protocol', shared('b', '80/UDP'), true],
    ['the same port', shared('b', '80'), false],
    ['another key', shared('b', '443', shares('l')), false],
    ['no key', shared('b', '443', {}), false],
    ['another namespace', { ...shared('b', '443'), metadata: { ...shared('b', '443').metadata, namespace: 'other' } }, false],
    ['externalTrafficPolicy Local', shared('b', '443', shares('k'), local), false],
  ])('%s', (_, second, isSame) => {
    const scenario = given(v4v6, dual, shared('a', '80'));
    const [first] = scenario.state.lb.addressesOf('shop/a');
    const answer = scenario.when({ ...create(second), namespace: second.metadata.namespace ?? 'shop' }).answer();
    expect(answer.status.loadBalancer.ingress?.[0]?.ip === first).toBe(isSame);
  });

  it.each<[what: string, selector: Record<string, string>, isSame: boolean]>([
    ['of one selector', { app: 'web' }, true], ['of two selectors', { app: 'other' }, false],
  ])('externalTrafficPolicy Local %s', (_, selector, isSame) => {
    const scenario = given(v4v6, dual, shared('a', '80', shares('k'), local), shared('b', '443', shares('k'), { ...local, selector }));
    expect(statusOf(scenario, 'b') === statusOf(scenario, 'a')).toBe(isSame);
  });

  it('the group holds the address until its last Service goes', () => {
    const scenario = given(v4v6, lbPool('one', ['203.0.113.1/32']), shared('a', '80'));
    expect(scenario.log.find(({ type }) => type === 'ip.allocated' )).toBeDefined();
    expect(scenario.log.filter(({ data }) => 'kind' in data && data.kind === 'load-balancer')).toMatchObject([{ data: { sharingGroup: 'k', service: { namespace: 'shop', name: 'sharing-key:k' } } }]);
    scenario.when(create(shared('b', '443'))).then('ip.allocated 10.*', 'lb-member.joined 203.0.113.1 b', 'service.created shop/b');
    scenario.after(shared('b', '443'));
    scenario.when(remove('a')).then('ip.released 10.*', 'lb-member.left 203.0.113.1 a deleted', 'service.deleted shop/a');
    scenario.after(remove('a'));
    scenario.when(remove('b')).then('ip.released 10.*', 'lb-member.left 203.0.113.1 b deleted', 'ip.released 203.0.113.1 deleted', 'service.deleted shop/b');
  });

  it('a Service that changes its ports stays where they do not collide, and moves where they do', () => {
    const scenario = given(v4v6, dual, shared('a', '80'), shared('b', '443'));
    const [together] = scenario.state.lb.addressesOf('shop/a');
    scenario.when(patch('b', { spec: { ports: [{ port: 444 }] } })).then(`lb-member.left ${together} b sharing-changed`, `lb-member.joined ${together} b`, 'service.updated shop/b');
    scenario.after(patch('b', { spec: { ports: [{ port: 80 }] } }));
    expect(scenario.state.lb.addressesOf('shop/b')).not.toContain(together);
    expect(statusOf(scenario, 'b')).toMatch(/True\/Assigned$/);
  });

  it('a key that is set later makes the group the holder of the same address', () => {
    const scenario = given(v4v6, dual, lbService('web'));
    const before = statusOf(scenario);
    scenario.after(patch('web', { metadata: { annotations: { 'ipledger.io/sharing-key': 'k' } } }));
    expect(statusOf(scenario)).toBe(before);
    expect(scenario.state.lb.membersOf(before.split(' ')[0] ?? '')).toMatchObject([{ sharingGroup: 'k', ports: ['TCP/80'] }]);
  });

  it('a requested address is shared within the group, and with nobody else', () => {
    const both = (key: string): Metadata => note({ 'ipledger.io/sharing-key': key, 'ipledger.io/load-balancer-ips': '203.0.113.2' });
    const scenario = given(v4v6, dual, shared('a', '80', both('k')), shared('b', '443', both('k')), shared('c', '444', both('l')), shared('d', '80', both('k')));
    expect(['a', 'b', 'c', 'd'].map((name) => statusOf(scenario, name))).toEqual(['203.0.113.2 True/Assigned', '203.0.113.2 True/Assigned', 'False/AddressNotAvailable', 'False/AddressNotAvailable']);
  });
});

describe('a sharing key', () => {
  const asking = (key: string): ServiceObject => lbService('web', {}, { annotations: { 'ipledger.io/sharing-key': key } });
  it.each(['front door', 'ü', 'x'.repeat(253)])('can be %j', (key) => expect(lbStatus(given(v4v6, lbPool('edge', ['203.0.113.1']), asking(key)).stored('web'))).toBe('203.0.113.1 True/Assigned'));
  it.each(['a\0b', 'a\nb', 'x'.repeat(254)])('that nothing can hold is told of, and nothing else comes of it: %j', (key) =>
    given(v4v6, lbPool('edge', ['203.0.113.1'])).when(create(asking(key))).then('ip.allocated 10.0.0.*', 'service.created shop/web'));
});
