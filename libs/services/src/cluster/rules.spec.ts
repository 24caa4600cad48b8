import {
  addCidr, create, declare, drainCidr, families, headless, ips, patch, range4, range6, register, remove, removeCidr, removeCluster, replace, service, v4, v4v6, v6,
} from '../testing/commands.js';
import { contentsOf, given, type Scenario } from '../testing/scenario.js';

const [A, B] = ['10.0.0.7', 'fd00::7'] as const;
const pair = { ...ips(A, B), ipFamilyPolicy: 'RequireDualStack' };
const states = (scenario: Scenario): string[] => scenario.state.pools.map(({ name, state }) => `${name} ${state}`);

describe('registering a cluster', () => {
  it('makes default/kubernetes on the first address of the primary range, as an API server does (spec 5.1)', () => {
    const outcome = given().when(register([range4, range6], { apiServerService: true }));
    outcome.then('cluster.registered 10.0.0.0/24 fd00::/120', 'ip.allocated 10.0.0.1 static', 'service.created default/kubernetes');
    expect(outcome.accepted()).toMatchObject({ status: 201 });
    expect(outcome.accepted().events[0]).toEqual({
      type: 'cluster.registered', data: { name: 'blue', serviceCIDRs: [range4, range6], nodePortRange: '30000-32767', createdAt: '2026-01-02T03:04:05.678Z' },
    });
    const scenario = given(register([range4, range6], { apiServerService: true }));
    expect(scenario.stored('kubernetes', 'default')).toMatchObject({
      metadata: { uid: 'uid-kubernetes', resourceVersion: '3', labels: { component: 'apiserver', provider: 'kubernetes' }, creationTimestamp: '2026-01-02T03:04:05Z' },
      spec: { type: 'ClusterIP', clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1'], ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack', ports: [{ name: 'https', protocol: 'TCP', port: 443 }] },
    });
    expect(scenario.stored('kubernetes', 'default').spec.selector).toBeUndefined();
  });
  it.each<[ranges: string[], address: string]>([[['fd00::/120', '10.0.0.0/24'], 'fd00::1'], [['10.0.0.0/30'], '10.0.0.1'], [['fd00::/127'], 'fd00::1'], [['FD00:0::/64'], 'fd00::1']])(
    'of %j gives it %s', (ranges, address) => expect(given(register(ranges, { apiServerService: true })).stored('kubernetes', 'default').spec.clusterIPs).toEqual([address]));
  it('makes none where none is wanted', () => given().when(register(['FD00:0::/120'])).then('cluster.registered fd00::/120'));
  it('keeps the node port range that is given', () => {
    const { nodePorts } = given(register([range4], { nodePortRange: '31000-31099' })).state;
    expect([nodePorts.first, nodePorts.last]).toEqual([31000, 31099]);
  });
  it('names every problem of the request at once', () =>
    given().when(register(['x', range4], { name: 'Blue', nodePortRange: '9-1' })).thenRejected('cluster_invalid', {
      problems: [
        { field: 'name', value: 'Blue', why: expect.stringMatching(/^is not an RFC 1123 label/) },
        { field: 'serviceCIDRs[0]', value: 'x', why: expect.stringMatching(/^is not a CIDR/) },
        { field: 'nodePortRange', value: '9-1', why: expect.stringMatching(/^is not a port range/) },
      ],
    }));
  it('of a name that exists is refused, but not before what is wrong with the request', () => {
    given(v4).when(v4).thenRejected('cluster_exists', { cluster: 'blue' });
    given(v4).when(register(['x'])).thenRejected('cluster_invalid', { problems: [{ field: 'serviceCIDRs[0]', value: 'x', why: expect.any(String) }] });
  });
  it('again, after it was removed, continues its revisions', () => {
    const scenario = given(register([range4], { apiServerService: true }), removeCluster()); // 3 events, then 3 more
    scenario.when(register([range6], { apiServerService: true })).then('cluster.registered fd00::/120', 'ip.allocated fd00::1 static', 'service.created default/kubernetes');
    expect(scenario.after(register([range6], { apiServerService: true })).stored('kubernetes', 'default').metadata.resourceVersion).toBe('9');
  });
});

describe('a cluster that is not there', () => {
  it.each([declare([range4]), addCidr(range4), drainCidr(range4), removeCidr(range4), removeCluster()])('$type', (command) =>
    given().when(command).thenRejected('cluster_not_found', { cluster: 'blue' }));
  it.each([create(service('web')), replace(service('web')), patch('web', {}), remove('web')])('$type', (command) =>
    given().when(command).thenRejected('cluster_not_found', { cluster: '' }));
  it('any more', () => given(v4, removeCluster()).when(create(service('web'))).thenRejected('cluster_not_found', { cluster: '' }));
});

/** Design, HTTP: PUT. Spec 2.7, U10 to U13; 3. */
describe('declaring the ranges anew', () => {
  const stored = (): Scenario => given(v4v6, service('web', pair), service('db', ips('10.0.0.8')));

  it('grows', () => {
    const scenario = given(v4, service('web', ips(A)));
    const outcome = scenario.when(declare(['10.0.0.0/16', range6]));
    outcome.then('cluster.cidrs-declared 10.0.0.0/16 fd00::/120');
    expect(outcome.accepted().events[0]).toEqual({ type: 'cluster.cidrs-declared', data: { serviceCIDRs: ['10.0.0.0/16', range6], draining: [], previous: [range4], keptInUse: 0 } });
    scenario.after(declare(['10.0.0.0/16', range6])).when(create(service('db', { ipFamilyPolicy: 'RequireDualStack', ...ips('10.0.255.254') })))
      .then('ip.allocated 10.0.255.254 static', 'ip.allocated fd00::* dynamic', 'service.created shop/db');
  });
  it('never adds an address to a Service by itself', () => {
    const scenario = given(v4, service('web', { ...ips(A), ipFamilyPolicy: 'PreferDualStack' }), declare([range4, range6]));
    expect(scenario.stored('web').spec).toMatchObject({ clusterIPs: [A], ipFamilies: ['IPv4'] });
    expect([...scenario.state.taken.IPv6.values()]).toEqual([]);
  });
  it('that would leave addresses outside is refused, with their number and the first of them', () => {
    stored().when(declare([range6])).thenRejected('cidr_in_use', { cluster: 'blue', held: 2, first: ['10.0.0.7', '10.0.0.8'] });
    stored().when(declare(['10.1.0.0/24', 'fd01::/120'])).thenRejected('cidr_in_use', { cluster: 'blue', held: 3, first: ['10.0.0.7', '10.0.0.8', 'fd00::7'] });
    stored().when(declare(['10.0.0.0/29', range6])).thenRejected('cidr_in_use', { cluster: 'blue', held: 1, first: ['10.0.0.8'] });
  });
  it('names ten at most, the lowest ones, IPv4 first', () => {
    const scenario = given(v4v6, ...[12, 3, 9, 1, 7, 11, 5, 10, 2, 8, 4, 6].map((i) => service(`s${i}`, { ...families('IPv6'), ...ips(`fd00::${i.toString(16)}`) })), service('web', ips(A)));
    scenario.when(declare(['10.1.0.0/24'])).thenRejected('cidr_in_use', { cluster: 'blue', held: 13, first: [A, ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map((i) => `fd00::${i}`)] });
  });
  it('that leaves nobody outside may shrink', () => stored().when(declare(['10.0.0.0/28', 'fd00::/124'])).then('cluster.cidrs-declared 10.0.0.0/28 fd00::/124'));
  it('an address that is only the broadcast address of the new range is inside it', () => stored().when(declare(['10.0.0.0/29', range6])).thenRejected('cidr_in_use', { cluster: 'blue', held: 1, first: ['10.0.0.8'] }));

  it('with inUse=keep leaves them outside, and counts them', () => {
    const outcome = stored().when(declare([range4], { keepInUse: true }));
    expect(outcome.accepted().events).toEqual([{ type: 'cluster.cidrs-declared', data: { serviceCIDRs: [range4], draining: [], previous: [range4, range6], keptInUse: 1 } }]);
  });
  describe('with inUse=keep, afterwards', () => {
    const shrunk = (): Scenario => stored().after(declare([range4], { keepInUse: true }));

    it('the kept address is still held, and a Service that goes gives it back with no pool', () => {
      const { events } = shrunk().when(remove('web')).accepted();
      expect(events[1]).toMatchObject({ type: 'ip.released', data: { address: B, cidr: null, band: null } });
      shrunk().when(patch('web', { spec: { ipFamilyPolicy: 'SingleStack' } })).then(`ip.released ${B} downgraded`, 'service.updated shop/web');
    });
    it('nobody else can have it', () => {
      const again = shrunk().after(declare([range4, range6]));
      again.when(create(service('other', ips(B)))).thenInvalid(`spec.clusterIPs: Invalid value: ["${B}"]: failed to allocate IP ${B}: provided IP is already allocated`);
    });
    it('it does not stand in the way of a further change: it was outside before', () =>
      shrunk().when(declare(['10.0.0.0/28'])).then('cluster.cidrs-declared 10.0.0.0/28'));
    it('it counts again once a range contains it', () => shrunk().after(declare([range4, range6])).when(declare([range4])).thenRejected('cidr_in_use', { cluster: 'blue', held: 1, first: [B] }));
    it('no address of the lost family can be had', () =>
      shrunk().when(create(service('other', families('IPv6')))).thenInvalid('spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster'));
  });

  it('another order changes the primary family, and nothing that is stored', () => {
    const scenario = given(v4v6, service('web', ips(A)), service('none', headless), declare([range6, range4]));
    expect(scenario.state.families).toEqual(['IPv6', 'IPv4']);
    scenario.when(create(service('db'))).then('ip.allocated fd00::* dynamic', 'service.created shop/db');
    expect(scenario.stored('web').spec.ipFamilies).toEqual(['IPv4']);
    expect(scenario.when(replace(service('none', {}, { labels: { a: 'b' } }))).answer().spec.ipFamilies).toEqual(['IPv6']); // 2.10: silently
  });
  it('another order changes which pool is used first', () => {
    const address = (...ranges: string[]): string | undefined => given(register(['10.0.0.0/24', '10.1.0.0/24']), declare(ranges)).when(create(service('web'))).answer().spec.clusterIP;
    expect([address('10.0.0.0/24', '10.1.0.0/24')?.slice(0, 5), address('10.1.0.0/24', '10.0.0.0/24')?.slice(0, 5)]).toEqual(['10.0.', '10.1.']);
  });
  it('the same again changes nothing, in any spelling', () => {
    stored().when(declare([range4, range6])).thenNothing();
    stored().when(declare([range4, 'FD00:0::/120'])).thenNothing();
  });
  it('opens what drains', () => {
    const scenario = stored().after(drainCidr(range4));
    scenario.when(declare([range4, range6])).then('cluster.cidrs-declared 10.0.0.0/24 fd00::/120');
    expect(states(scenario.after(declare([range4, range6])))).toEqual(['10.0.0.0/24 open', 'fd00::/120 open']);
  });
  it('refuses what cannot be a list of pools, whatever is in use', () =>
    stored().when(declare([range4, 'fd00::/63'], { keepInUse: true })).thenRejected('cluster_invalid', {
      problems: [{ field: 'serviceCIDRs[1]', value: 'fd00::/63', why: 'is larger than a /64, the largest IPv6 range there can be' }],
    }));
});

describe('adding a CIDR', () => {
  const refused = (why: string, cidr: string) => ({ problems: [{ field: 'cidr', value: cidr, why }] });

  it('puts it last, so that running Services see no other order', () => {
    const scenario = given(v4);
    scenario.when(addCidr('10.1.0.0/24')).then('cluster.cidr-added 10.1.0.0/24');
    expect(states(scenario.after(addCidr('10.1.0.0/24'), addCidr('FD00:0::/120')))).toEqual(['10.0.0.0/24 open', '10.1.0.0/24 open', 'fd00::/120 open']);
    expect(scenario.state.families).toEqual(['IPv4', 'IPv6']);
  });
  it('that is there already changes nothing, in any spelling', () => given(v4v6).when(addCidr('FD00:0::/120')).thenNothing());
  it.each<[cidr: string, why: string]>([
    ['10.0.0.0/25', 'overlaps 10.0.0.0/24, which the cluster has; the CIDRs of one cluster must not overlap'],
    ['10.0.0.0/16', 'contains 10.0.0.0/24, which the cluster has; to replace it by the larger range, PUT the whole list of serviceCIDRs'],
    ['10.1.0.1/24', 'has bits set beyond the prefix length; write the first address of the range'],
  ])('%s is refused', (cidr, why) => given(v4v6).when(addCidr(cidr)).thenRejected('cluster_invalid', refused(why, cidr)));
  it('beyond sixteen is refused', () => {
    const scenario = given(register(Array.from({ length: 16 }, (_, i) => `10.0.${i}.0/24`)));
    scenario.when(addCidr('10.0.16.0/24')).thenRejected('cluster_invalid', refused('the cluster has 16 CIDRs already; remove one, or replace several by the range around them', '10.0.16.0/24'));
    scenario.when(addCidr('10.0.15.0/24')).thenNothing();
  });
  it('gives room to a full family', () => {
    const scenario = given(register(['10.0.0.0/30']), service('a'), service('b'));
    scenario.when(create(service('c'))).thenRejected('addresses_exhausted', { name: 'c', family: 'IPv4' });
    scenario.after(addCidr('10.1.0.0/30')).when(create(service('c'))).then('ip.allocated 10.1.0.* dynamic', 'service.created shop/c');
  });
  it('takes in claims that were left outside', () => {
    const scenario = given(v4v6, service('web', pair), declare([range4], { keepInUse: true }), addCidr(range6));
    expect(scenario.state.useOf(scenario.state.pools[1]!)).toEqual({ static: 1, dynamic: 0 });
  });
});

describe('draining a CIDR', () => {
  it('takes nothing new from it, and keeps what is held', () => {
    const scenario = given(register(['10.0.0.0/24', '10.1.0.0/24']), service('web', ips(A)));
    scenario.when(drainCidr('10.0.0.0/24')).then('cluster.cidr-draining 10.0.0.0/24');
    scenario.after(drainCidr('10.0.0.0/24'));
    expect(states(scenario)).toEqual(['10.0.0.0/24 draining', '10.1.0.0/24 open']);
    scenario.when(create(service('db'))).then('ip.allocated 10.1.0.* dynamic', 'service.created shop/db');
    scenario.when(patch('web', { spec: { type: 'NodePort' } })).then('port.allocated * dynamic', 'service.updated shop/web');
    scenario.when(remove('web')).then(`ip.released ${A} deleted`, 'service.deleted shop/web');
    scenario.when(drainCidr('10.0.0.0/24')).thenNothing();
  });
  it('keeps its family configured', () =>
    given(v4v6, drainCidr(range6)).when(create(service('web', { ipFamilyPolicy: 'RequireDualStack' }))).thenRejected('addresses_exhausted', { name: 'web', family: 'IPv6' }));
});

describe('removing a CIDR', () => {
  it('that is empty', () => {
    const scenario = given(v4v6, service('web', ips(A)), drainCidr(range6));
    scenario.when(removeCidr('FD00:0::/120')).then('cluster.cidr-removed fd00::/120');
    expect(states(scenario.after(removeCidr(range6), addCidr(range6)))).toEqual(['10.0.0.0/24 open', 'fd00::/120 open']); // it does not come back draining
  });
  it('with claims is refused', () => given(v4v6, service('web', pair)).when(removeCidr(range6)).thenRejected('cidr_in_use', { cluster: 'blue', held: 1, first: [B] }));
  it('that is the last one is refused, empty or not', () => {
    given(v4).when(removeCidr(range4)).thenRejected('cidr_last', { cluster: 'blue', cidr: range4 });
    given(v4, service('web', ips(A))).when(removeCidr(range4)).thenRejected('cidr_last', { cluster: 'blue', cidr: range4 });
  });
});

describe.each([['drain', drainCidr], ['remove', removeCidr]] as const)('to %s', (_, command) => {
  it.each(['10.1.0.0/24', '10.0.0.0/25', '10.0.0.0/16', 'fd00::/112'])('%s, which the cluster does not have', (cidr) => given(v4v6).when(command(cidr)).thenRejected('cidr_not_found', { cluster: 'blue', cidr }));
  it.each(['x', '10.0.0.1/24', '010.0.0.0/24'])('%j, which is no CIDR', (cidr) =>
    given(v4v6).when(command(cidr)).thenRejected('cluster_invalid', { problems: [{ field: 'cidr', value: cidr, why: expect.any(String) }] }));
});

describe('removing a cluster', () => {
  const kubernetes = register([range4, range6], { apiServerService: true });

  it('takes default/kubernetes with it, and leaves nothing', () => {
    const scenario = given(kubernetes);
    scenario.when(removeCluster()).then('ip.released 10.0.0.1 deleted', 'service.deleted default/kubernetes', 'cluster.removed');
    expect(contentsOf(scenario.after(removeCluster()).state)).toEqual({ ...contentsOf(given().state), revision: 6 });
  });
  it('that never had it', () => given(v6).when(removeCluster()).then('cluster.removed'));
  it('that has other Services is refused, with the first of them by name: every replica names the same', () => {
    given(kubernetes, service('web'), service('db', headless)).when(removeCluster()).thenRejected('cluster_not_empty', { cluster: 'blue', services: 2, first: ['shop/db', 'shop/web'] });
    const many = Array.from({ length: 12 }, (_, i) => service(`s${i}`));
    given(kubernetes, ...many).when(removeCluster()).thenRejected('cluster_not_empty', { cluster: 'blue', services: 12, first: many.map(({ metadata }) => `shop/${metadata.name}`).sort().slice(0, 10) });
  });
  it('counts a Service called kubernetes elsewhere', () =>
    given(kubernetes, service('kubernetes')).when(removeCluster()).thenRejected('cluster_not_empty', { cluster: 'blue', services: 1, first: ['shop/kubernetes'] }));
});

describe('a dry run of a cluster command', () => {
  const scenario = given(v4v6, service('web', pair));
  const dryRun = true;
  it.each([declare([range4, range6, '10.1.0.0/24'], { dryRun }), addCidr('10.1.0.0/24', { dryRun }), drainCidr(range4, { dryRun })])('$type changes nothing', (command) => scenario.when(command).thenNothing());
  it('registers nothing', () => given().when(register([range4], { dryRun, apiServerService: true })).thenNothing());
  it('refuses what the real one refuses', () => {
    scenario.when(declare([range4], { dryRun })).thenRejected('cidr_in_use', { cluster: 'blue', held: 1, first: [B] });
    scenario.when(removeCidr(range6, { dryRun })).thenRejected('cidr_in_use', { cluster: 'blue', held: 1, first: [B] });
    scenario.when(removeCluster({ dryRun })).thenRejected('cluster_not_empty', { cluster: 'blue', services: 1, first: ['shop/web'] });
  });
});
