import { formatAddress, parseAddress } from '@ipledger/ip';
import { makePool } from '../pool/pool.js';
import { create, declare, drainCidr, externalName, families, headless, ips, ports, register, remove, replace, service, v4, v4v6, v6 } from '../testing/commands.js';
import { contentsOf, given, type Scenario } from '../testing/scenario.js';

const [A, B] = ['10.0.0.7', 'fd00::7'] as const;
const require = { ipFamilyPolicy: 'RequireDualStack' };
const failed = (list: string[], address: string, why: string): string => `spec.clusterIPs: Invalid value: ${JSON.stringify(list)}: failed to allocate IP ${address}: ${why}`;
const taken = 'provided IP is already allocated';
const elsewhere = 'the provided network does not match the current range';

/** A Service on every usable address of the ranges. */
const full = (...ranges: string[]): Scenario => {
  const scenario = given(register(ranges));
  for (const pool of ranges.map((range) => makePool(range, 'open')))
    for (let value = pool.usable.first; value <= pool.usable.last; value++)
      scenario.after(service(`s${value}`, { ...families(pool.family), ...ips(formatAddress({ family: pool.family, value })) }));
  return scenario;
};

describe('a new Service', () => {
  it('is stamped, and stored at the revision of its event', () => {
    const asked = service('web', { ...ips(A, B), ...require }, {
      labels: { a: 'b' }, uid: 'mine', creationTimestamp: '2000-01-01T00:00:00Z', deletionTimestamp: '2000-01-01T00:00:00Z', deletionGracePeriodSeconds: 3, selfLink: '/x',
    });
    const outcome = given(v4v6, service('first')).when(create({ ...asked, status: { loadBalancer: { ingress: [{ hostname: 'x.example' }] } } }));
    const { metadata, status } = outcome.answer();
    expect({ ...metadata, managedFields: undefined }).toEqual({
      name: 'web', namespace: 'shop', uid: 'uid-web', creationTimestamp: '2026-01-02T03:04:05Z', labels: { a: 'b' }, resourceVersion: '6',
    });
    expect(status).toEqual({ loadBalancer: {} });
    expect(outcome.accepted().status).toBe(201);
  });

  it('says all about its addresses in its events', () => {
    const service1 = { namespace: 'shop', name: 'web', uid: 'uid-web' };
    const { events } = given(v4v6).when(create(service('web', { ...ips(A), ...require, type: 'NodePort', ...ports('80:30001') }))).accepted();
    expect(events.slice(0, 3)).toEqual([
      { type: 'ip.allocated', data: { address: A, family: 'IPv4', cidr: '10.0.0.0/24', band: 'static', scope: 'static', service: service1 } },
      { type: 'ip.allocated', data: { address: expect.stringMatching(/^fd00::[1-9a-f][0-9a-f]$/), family: 'IPv6', cidr: 'fd00::/120', band: 'dynamic', scope: 'dynamic', service: service1 } },
      { type: 'port.allocated', data: { port: 30001, purpose: 'node-port', scope: 'static', service: service1 } },
    ]);
    expect(events[3]).toMatchObject({ type: 'service.created', data: { service: service1 } });
  });

  it('keeps an address as it was typed, and claims the canonical one', () => {
    const outcome = given(v6).when(create(service('web', ips('FD00:0::7'))));
    outcome.then('ip.allocated fd00::7 static', 'service.created shop/web');
    expect(outcome.answer().spec).toMatchObject({ clusterIP: 'FD00:0::7', clusterIPs: ['FD00:0::7'] });
    expect(outcome.accepted().warnings).toEqual(['spec.clusterIPs[0]: IPv6 address "FD00:0::7" should be in RFC 5952 canonical format ("fd00::7")']);
    given(v6, service('web', ips('FD00:0::7'))).when(create(service('db', ips('fd00::7')))).thenInvalid(failed(['fd00::7'], 'fd00::7', taken));
    given(v6, service('web', ips('FD00:0::7'))).when(remove('web')).then('ip.released fd00::7 deleted', 'service.deleted shop/web');
  });

  it('starts at another address with another seed', () => {
    const address = (word: number): string | undefined => given(v4).when(create(service('web'), { seed: [word, 2, 3, 4] })).answer().spec.clusterIP;
    expect(new Set([1, 2, 3, 4, 5, 6, 7, 8].map(address)).size).toBeGreaterThan(5);
  });
});

/** Spec 1.3. The rows that are refused are in validation/addresses.spec.ts. */
describe('clusterIP and clusterIPs', () => {
  it.each<[what: string, spec: object, clusterIPs: string[]]>([
    ['the singular fills the plural', { clusterIP: A }, [A]],
    ['an empty plural counts as none', { clusterIP: A, clusterIPs: [] }, [A]],
    ['both', ips(A), [A]],
    ['None fills the plural', { clusterIP: 'None' }, ['None']],
  ])('%s', (_, spec, clusterIPs) => expect(given(v4).when(create(service('web', spec))).answer().spec.clusterIPs).toEqual(clusterIPs));
});

/** Spec 1.9. */
describe('an address that cannot be had', () => {
  const busy = given(v4v6, service('web', { ...ips(A, B), ...require }));

  it.each<[what: string, spec: object, list: string[], address: string, why: string]>([
    ['held by another', ips(A), [A], A, taken],
    ['of the other family, held by another', { ...ips(B), ...families('IPv6') }, [B], B, taken],
    ['the second of a pair, held by another', { ...ips('10.0.0.9', B), ...require }, ['10.0.0.9', B], B, taken],
    ['held in another spelling', { ...ips('fd00:0:0::7') }, ['fd00:0:0::7'], 'fd00:0:0::7', taken],
    ['held, where the other family is to be chosen: a place-holder stands for it', { ...ips(A), ...require }, [A, ''], A, taken],
    ['outside every range', ips('10.1.2.3'), ['10.1.2.3'], '10.1.2.3', elsewhere],
    ['the network address', ips('10.0.0.0'), ['10.0.0.0'], '10.0.0.0', elsewhere],
    ['the broadcast address', ips('10.0.0.255'), ['10.0.0.255'], '10.0.0.255', elsewhere],
    ['the subnet-router address', ips('fd00::'), ['fd00::'], 'fd00::', elsewhere],
  ])('%s', (_, spec, list, address, why) => busy.when(create(service('db', spec))).thenInvalid(failed(list, address, why)));

  it('in a range that drains', () => {
    given(v4v6, drainCidr('10.0.0.0/24')).when(create(service('db', ips(A)))).thenInvalid(failed([A], A, elsewhere));
  });
  it('but the last IPv6 address can', () => given(v6).when(create(service('db', ips('fd00::ff')))).then('ip.allocated fd00::ff static', 'service.created shop/db'));

  it('leaves nothing behind: the first address of a failed pair is free (difference 1)', () => {
    const scenario = given(v4v6, service('web', { ...ips(B), ...families('IPv6') }));
    scenario.when(create(service('db', { ...ips(A, B), ...require }))).thenInvalid(failed([A, B], B, taken));
    scenario.when(create(service('db', ips(A)))).then(`ip.allocated ${A} static`, 'service.created shop/db');
  });
});

describe('a full pool', () => {
  it('is full in every way of asking, and another family is not', () => {
    const scenario = full('10.0.0.0/30').after(declare(['10.0.0.0/30', 'fd00::/124']));
    scenario.when(create(service('web'))).thenRejected('addresses_exhausted', { name: 'web', family: 'IPv4' });
    scenario.when(create(service('web', require))).thenRejected('addresses_exhausted', { name: 'web', family: 'IPv4' });
    scenario.when(create(service('web', families('IPv6')))).then('ip.allocated fd00::* dynamic', 'service.created shop/web');
  });
  it('of the second family keeps no address of the first', () => {
    const scenario = full('fd00::/126').after(declare(['10.0.0.0/24', 'fd00::/126']));
    scenario.when(create(service('web', { ...require, ...ips(A) }))).thenRejected('addresses_exhausted', { name: 'web', family: 'IPv6' });
    scenario.when(create(service('web', { ipFamilyPolicy: 'PreferDualStack' }))).thenRejected('addresses_exhausted', { name: 'web', family: 'IPv6' });
    expect([...scenario.state.taken.IPv4.values()]).toEqual([]);
  });
  it('has room where a Service went', () => {
    const scenario = full('10.0.0.0/28');
    const value = parseAddress('10.0.0.11')?.value ?? 0n;
    scenario.after(remove(`s${value}`)).when(create(service('web'))).then('ip.allocated 10.0.0.11 dynamic', 'service.created shop/web');
  });
  it('that drains is as full as can be', () =>
    given(v4, drainCidr('10.0.0.0/24')).when(create(service('web'))).thenRejected('addresses_exhausted', { name: 'web', family: 'IPv4' }));
  it('uses the static band last', () => {
    const scenario = given(register(['10.0.0.0/27']));
    for (let i = 0; i < 14; i++) scenario.after(create(service(`d${i}`), { seed: [i, 2, 3, 4] }));
    expect(scenario.state.useOf(scenario.state.pools[0]!)).toEqual({ static: 0, dynamic: 14 });
    scenario.after(service('web'));
    expect(scenario.log.filter(({ type }) => type === 'ip.allocated').at(-1)).toMatchObject({ data: { band: 'static', scope: 'dynamic' } });
  });
});

/** Spec 1.1: the order of the checks decides which error a client sees. */
describe('the first failure hides the later ones', () => {
  const badPort = ports('0');
  const exists = given(v4, service('web', ips(A)));

  it('a full pool hides an invalid object', () => full('10.0.0.0/30').when(create(service('web', badPort))).thenRejected('addresses_exhausted', { name: 'web', family: 'IPv4' }));
  it('a taken address hides a taken node port, that hides the validation', () => {
    const scenario = given(v4, service('one', { type: 'NodePort', ...ips(A), ...ports('80:30001') }));
    scenario.when(create(service('two', { type: 'NodePort', ...ips(A), ...ports('0:30001') }))).thenInvalid(failed([A], A, taken));
    scenario.when(create(service('two', { type: 'NodePort', ...ports('0:30001') }))).thenInvalid('spec.ports[0].nodePort: Invalid value: 30001: provided port is already allocated');
    scenario.when(create(service('two', { type: 'NodePort', ...ports('0:30002') }))).thenInvalid(
      'spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive', 'spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive');
  });
  it('validation hides that the name exists', () =>
    exists.when(create(service('web', badPort))).thenInvalid('spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive', 'spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive'));
  it('the address of the existing Service hides that the name exists', () => exists.when(create(service('web', ips(A)))).thenInvalid(failed([A], A, taken)));
  it('a resourceVersion hides that the name exists', () =>
    exists.when(create(service('web', {}, { resourceVersion: '7' }))).thenRejected('bad_request', { message: 'metadata.resourceVersion: should not be set on objects to be created; leave it out' }));
});

describe('a name that exists', () => {
  it('is refused, and the address that was chosen is not taken', () => {
    const scenario = given(v4, service('web', ips(A)));
    const before = contentsOf(scenario.state);
    scenario.when(create(service('web'))).thenRejected('already_exists', { name: 'web', generated: false, beingDeleted: false });
    expect(contentsOf(scenario.state)).toEqual(before);
  });
  it('says when its holder is on the way out', () =>
    given(v4, service('web', {}, { finalizers: ['a.b/c'] }), remove('web')).when(create(service('web'))).thenRejected('already_exists', { name: 'web', generated: false, beingDeleted: true }));
  it('is free in another namespace', () => {
    const other = { ...create(service('web')), namespace: 'other' };
    given(v4, service('web')).when(other).then('ip.allocated * dynamic', 'service.created other/web');
  });
  it.each(['', '0', '000', 'abc', '-1', '1.5'])('a resourceVersion of %j does not count', (resourceVersion) =>
    given(v4).when(create(service('web', {}, { resourceVersion }))).then('ip.allocated * dynamic', 'service.created shop/web'));
});

/** Spec 7.3. */
describe('a generated name', () => {
  const generated = (generateName: string) => service('', {}, { generateName });

  it('is the prefix and five characters', () => {
    const outcome = given(v4).when(create(generated('web-')));
    outcome.then('ip.allocated * dynamic', 'service.created shop/web-*');
    expect(outcome.answer().metadata.name).toMatch(/^web-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  });
  it('cuts the prefix to 58 bytes', () => {
    const name = given(v4).when(create(generated('a'.repeat(60)))).answer().metadata.name ?? '';
    expect([name.length, name.slice(0, 58)]).toEqual([63, 'a'.repeat(58)]);
  });
  it('does not cut a character in two: 57 bytes and half of an é are 57 bytes', () =>
    given(v4).when(create(generated(`${'a'.repeat(57)}é`))).thenInvalid('metadata.generateName: *')); // and no cause about the name
  it('is another one when the first exists', () => {
    const first = given(v4).when(create(generated('web-'))).answer().metadata.name ?? '';
    const second = given(v4, service(first)).when(create(generated('web-'))).answer().metadata.name ?? '';
    expect(second).toMatch(/^web-.{5}$/);
    expect(second).not.toBe(first);
  });
  it('gives up after eight tries', () => {
    const scenario = given(register(['10.0.0.0/24']));
    for (let tries = 1; tries <= 8; tries++) {
      const outcome = scenario.when(create(generated('web-')));
      scenario.after(service(outcome.answer().metadata.name ?? ''));
    }
    scenario.when(create(generated('web-'))).thenRejected('already_exists', { name: [...scenario.state.services.keys()].at(-1)?.slice(5), generated: true, beingDeleted: false });
  });
  it('does not matter when there is a name', () => {
    const scenario = given(v4, service('web'));
    scenario.when(create(service('web', {}, { generateName: 'web-' }))).thenRejected('already_exists', { name: 'web', generated: true, beingDeleted: false });
  });
  it('missing altogether is for validation to say (difference 7)', () =>
    given(v4).when(create(service(''))).thenInvalid('metadata.name: Required value: name or generateName is required'));
});

/** Spec 1.8. */
describe('types without an address of their own', () => {
  it('ExternalName takes nothing, not even a node port', () => {
    const outcome = given(v4v6).when(create(service('web', { ...externalName, ...ports('80:29999') })));
    outcome.then('service.created shop/web');
    expect(outcome.answer().spec).toMatchObject({ ports: [{ port: 80, nodePort: 29999 }] });
    expect(Object.keys(outcome.answer().spec)).not.toEqual(expect.arrayContaining(['ipFamilies']));
  });
  it('ExternalName says no to all that speaks of addresses at once', () =>
    given(v4).when(create(service('web', { ...externalName, ...headless, ipFamilyPolicy: 'SingleStack', ...families('IPv6') }))).thenInvalid(
      'spec.clusterIPs: Forbidden: may not be set for ExternalName services', 'spec.ipFamilies: Forbidden: may not be set for ExternalName services',
      'spec.ipFamilyPolicy: Forbidden: may not be set for ExternalName services'));
  it.each(['NodePort', 'LoadBalancer'])('%s cannot be headless, and its node port is not kept', (type) =>
    given(v4).when(create(service('web', { ...headless, type }))).thenInvalid(`spec.clusterIPs[0]: Invalid value: "None": may not be set to 'None' for ${type} services`));
  it('an unknown type counts as headful until validation', () => {
    given(v4, service('web', ips(A))).when(create(service('db', { type: 'X', ...ips(A) }))).thenInvalid(failed([A], A, taken));
    given(v4).when(create(service('db', { type: 'X' }))).thenInvalid('spec.type: Unsupported value: "X": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"');
  });
});

/** Spec 2.1 step 1. */
describe('a PUT to a missing name', () => {
  it('creates, whatever resourceVersion it has', () => {
    const outcome = given(v4).when(replace(service('web', ips(A), { resourceVersion: '7' })));
    outcome.then(`ip.allocated ${A} static`, 'service.created shop/web');
    expect(outcome.accepted().status).toBe(201);
    expect(outcome.answer().metadata).toMatchObject({ resourceVersion: '3', uid: 'uid-web' });
  });
  it('with a uid cannot', () =>
    given(v4).when(replace(service('web', {}, { uid: 'mine' }))).thenRejected('uid_mismatch', { namespace: 'shop', name: 'web', given: 'mine', stored: '', dryRun: false }));
  it('through /status does not create (difference 8)', () => given(v4).when(replace(service('web'), { subresource: 'status' })).thenRejected('not_found', { name: 'web' }));
});
