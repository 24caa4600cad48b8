import type { Command } from '../commands.js';
import { addCidr, declare, declareNetwork, patch, register, releaseReservation, remove, reserve, v4v6 } from '../testing/commands.js';
import { claim, declareDefault, drainLbPool, lbPool, lbRequest, lbService, removeLbPool, type PoolOptions } from '../testing/lb-commands.js';
import { given, Scenario } from '../testing/scenario.js';

const four = '203.0.113.0/30';
const inPool = (command: ReturnType<typeof reserve>, pool = 'edge') => ({ ...command, lbPool: pool });

describe('making an LB pool', () => {
  it('writes texts in their canonical form, and what is not said as it is by default', () => {
    given(v4v6).when(lbPool('edge', ['203.0.113.7', '2001:DB8::10-2001:db8:0::1f', '198.51.100.0/24'])).then('lb-pool.configured edge 203.0.113.7/32 2001:db8::10-2001:db8::1f 198.51.100.0/24');
  });

  it.each<[what: string, name: string, addresses: string[], options: PoolOptions, field: string, why: string]>([
    ['a name that is none', 'Edge', [four], {}, 'name', 'is not an RFC 1123 label'],
    ['no addresses', 'edge', [], {}, 'addresses', '1 to 16 are needed'],
    ['17 of them', 'edge', Array.from({ length: 17 }, (_, i) => `203.0.113.${i}`), {}, 'addresses', '1 to 16 are needed'],
    ['no range', 'edge', ['203.0.113.9-'], {}, 'addresses[0]', 'is no CIDR, range or address'],
    ['leading zeros', 'edge', ['203.0.113.09/24'], {}, 'addresses[0]', 'is no CIDR, range or address'],
    ['a range that is the wrong way round', 'edge', ['203.0.113.9-203.0.113.1'], {}, 'addresses[0]', 'ends before it begins; write 203.0.113.1-203.0.113.9'],
    ['two families', 'edge', ['203.0.113.9-2001:db8::1'], {}, 'addresses[0]', 'has ends of two families; write one range for each'],
    ['host bits', 'edge', ['203.0.113.9/24'], {}, 'addresses[0]', 'has bits set beyond the prefix length; write 203.0.113.0/24 for the whole network, 203.0.113.9 for the one address, or FIRST-LAST for a part'],
    ['host bits of IPv6', 'edge', [four, '2001:db8::1/64'], {}, 'addresses[1]', 'write 2001:db8::/64 for the whole network, 2001:db8::1 for the one address'],
    ['more than a /64', 'edge', ['2001:db8::/63'], {}, 'addresses[0]', 'is larger than a /64'],
    ['link-local', 'edge', [four, '169.254.1.1'], {}, 'addresses[1]', 'overlaps the link-local range'],
    ['all of IPv4', 'edge', ['0.0.0.0/0'], {}, 'addresses[0]', 'overlaps the unspecified range'],
    ['twice the same', 'edge', [four, '203.0.113.3'], {}, 'addresses[1]', `overlaps ${four}, which stands before it`],
    ['a Service CIDR', 'edge', ['10.0.0.255-10.0.1.7'], {}, 'addresses[0]', 'overlaps 10.0.0.0/24, a Service CIDR of the cluster'],
    ['another pool', 'edge', ['198.51.100.1'], {}, 'addresses[0]', 'overlaps 198.51.100.0/30, of the LB pool other'],
    ['a priority below 0', 'edge', [four], { priority: -1 }, 'priority', 'is not a whole number from 0 to 65535'],
    ['a cool-down of more than a week', 'edge', [four], { coolDownSeconds: 604_801 }, 'coolDownSeconds', 'is not a whole number from 0 to 604800'],
    ['half an address', 'edge', [four], { staticBandAddresses: 0.5 }, 'staticBandAddresses', 'is not a whole number'],
    ['a namespace that is none', 'edge', [four], { namespaces: ['a', 'A'] }, 'namespaces[1]', 'is not an RFC 1123 label'],
    ['a selector that is none', 'edge', [four], { selector: 'a in b' }, 'selector', 'is no label selector'],
  ])('refuses %s', (_, name, addresses, options, field, why) => {
    const rejection = given(v4v6, lbPool('other', ['198.51.100.0/30'])).when(lbPool(name, addresses, options)).rejection();
    expect(rejection).toMatchObject({ code: 'lb_pool_invalid', problems: [{ field, why: expect.stringContaining(why) }] });
  });

  it('has at most 64 of them in a cluster', () => {
    const pools = Array.from({ length: 64 }, (_, i) => lbPool(`p${i}`, [`203.0.113.${i}`]));
    expect(given(v4v6, ...pools).when(lbPool('edge', ['198.51.100.1'])).rejection()).toMatchObject({ code: 'lb_pool_invalid', problems: [{ field: 'name' }] });
  });

  it.each<[what: string, command: Command, rejection: object]>([
    ['a name that is taken', lbPool('edge', ['198.51.100.0/30']), { code: 'lb_pool_exists', pool: 'edge' }],
    ['a change of one that is not there', lbPool('other', ['198.51.100.0/30'], { existing: 'replace' }), { code: 'lb_pool_not_found', pool: 'other' }],
    ['a drain of one that is not there', drainLbPool('other'), { code: 'lb_pool_not_found', pool: 'other' }],
    ['a drain of a range that is not there', drainLbPool('edge', '203.0.113.0/31'), { code: 'lb_range_not_found', pool: 'edge', range: '203.0.113.0/31' }],
    ['a removal of one that is not there', removeLbPool('other'), { code: 'lb_pool_not_found', pool: 'other' }],
    ['a Service CIDR over one', addCidr('203.0.113.0/24'), { code: 'cluster_invalid', problems: [{ field: 'cidr', value: '203.0.113.0/24', why: `overlaps ${four} of the LB pool edge` }] }],
    ['Service CIDRs over one', declare(['10.0.0.0/24', '203.0.112.0/22']), { code: 'cluster_invalid', problems: [{ field: 'cidr', value: '203.0.112.0/22', why: `overlaps ${four} of the LB pool edge` }] }],
  ])('refuses %s', (_, command, rejection) => expect(given(v4v6, lbPool('edge', [four])).when(command).rejection()).toEqual(rejection));
});

describe('changing one', () => {
  const held = given(v4v6, lbPool('edge', [four]), lbService('web', { loadBalancerIP: '203.0.113.1' }), lbService('db', { loadBalancerIP: '203.0.113.3' }));

  it.each<[what: string, addresses: string[]]>([['a larger range', ['203.0.113.0/24']], ['the addresses that are held', ['203.0.113.1', '203.0.113.3']]])('to %s', (_, addresses) =>
    held.when(lbPool('edge', addresses, { existing: 'replace' })).then('lb-pool.configured edge *'));

  it('not to what would leave held addresses outside', () =>
    expect(held.when(lbPool('edge', ['203.0.113.0/31'], { existing: 'replace' })).rejection()).toEqual({ code: 'lb_pool_in_use', pool: 'edge', held: 1, first: ['203.0.113.3'] }));
  it('not away while any is held', () =>
    expect(held.when(removeLbPool('edge')).rejection()).toEqual({ code: 'lb_pool_in_use', pool: 'edge', held: 2, first: ['203.0.113.1', '203.0.113.3'] }));

  it('nothing happens when it says the same', () => {
    held.when(lbPool('edge', [four], { existing: 'replace' })).thenNothing();
    given(v4v6, declareDefault(true)).when(declareDefault(true)).thenNothing();
  });

  it('goes with its reservations once nobody holds an address', () =>
    given(v4v6, lbPool('edge', [four]), lbService('web'), remove('web'), inPool(reserve('r', '203.0.113.1'))).when(removeLbPool('edge')).then('reservation.released r 203.0.113.1 released', 'lb-pool.removed edge'));

  it('the cluster goes with its pools, and comes again without', () => {
    const scenario = given(v4v6, lbPool('edge', [four]), declareDefault(true)).after({ type: 'RemoveCluster', name: 'blue', time: new Date(), seed: [1, 2, 3, 4], dryRun: false }, v4v6);
    expect(scenario.state.definition).not.toHaveProperty('lbPools');
    expect(scenario.state.definition).not.toHaveProperty('defaultLoadBalancer');
  });

  it('a network, or Service CIDRs, change nothing of them', () => {
    const scenario = given(v4v6, lbPool('edge', [four]), declareNetwork(['10.244.0.0/16'], []), addCidr('10.9.0.0/24'));
    expect(scenario.state.lbRanges.map(({ name }) => name)).toEqual([four]);
  });

  it('a cluster is registered with the default', () => expect(given({ ...register(['10.0.0.0/24']), defaultLoadBalancer: true }).state.definition?.defaultLoadBalancer).toBe(true));
});

describe('draining', () => {
  const pool = lbPool('edge', [four, '2001:db8::10-2001:db8::1f']);
  const drains = (scenario: Scenario) => scenario.state.definition?.lbPools?.[0]?.draining.map(({ range, held }) => `${range} ${held}`);

  it('one range or all of them, and back', () => {
    const scenario = given(v4v6, pool, lbService('web'), drainLbPool('edge', four));
    expect(drains(scenario)).toEqual([`${four} 1`]);
    scenario.after(drainLbPool('edge'));
    expect(drains(scenario)).toEqual([`${four} 1`, '2001:db8::10-2001:db8::1f 0']);
    scenario.when(drainLbPool('edge')).thenNothing();
    scenario.after(drainLbPool('edge', '203.0.113.0-203.0.113.3', false));
    expect(drains(scenario)).toEqual(['2001:db8::10-2001:db8::1f 0']);
    scenario.after(drainLbPool('edge', null, false));
    expect(drains(scenario)).toEqual([]);
  });

  it('goes on when the pool is changed, of ranges that stay', () => {
    const scenario = given(v4v6, pool, drainLbPool('edge'), lbPool('edge', [four, '198.51.100.1'], { existing: 'replace' }));
    expect(drains(scenario)).toEqual([`${four} 0`]);
  });

  it('goes on when a range is only written in another way, and ends with the range', () => {
    const rewritten = lbPool('edge', ['203.0.113.0-203.0.113.3', '2001:db8::10/124'], { existing: 'replace' });
    const scenario = given(v4v6, pool, lbService('web'), drainLbPool('edge'), rewritten);
    expect(drains(scenario)).toEqual(['203.0.113.0-203.0.113.3 1', '2001:db8::10/124 0']);
    expect(scenario.state.lbRanges.map(({ state }) => state)).toEqual(['draining', 'draining']);
    scenario.when(rewritten).thenNothing();
    scenario.after(lbPool('edge', ['203.0.113.0/29'], { existing: 'replace' }));
    expect(drains(scenario)).toEqual([]);
  });
});

describe('reservations in an LB pool', () => {
  const scenario = given(v4v6, lbPool('edge', [four]));
  it('are of its ranges', () => {
    scenario.when(inPool(reserve('r', '203.0.113.0-203.0.113.3'))).then('reservation.made r 203.0.113.0-203.0.113.3');
    scenario.when(inPool(reserve('r', 'IPv4'))).then('reservation.made r 203.0.113.*');
    expect(scenario.when(inPool(reserve('r', 'IPv6'))).rejection()).toMatchObject({ code: 'pools_exhausted' });
  });
  it('are not of the Service CIDRs, nor the other way round', () => {
    expect(scenario.when(inPool(reserve('r', '10.0.0.7'))).rejection()).toMatchObject({ code: 'cluster_invalid', problems: [{ why: 'does not lie in one range of the LB pool edge' }] });
    expect(scenario.when(reserve('r', '203.0.113.1')).rejection()).toMatchObject({ code: 'cluster_invalid', problems: [{ why: 'does not lie in one CIDR of the cluster' }] });
    expect(scenario.when(inPool(reserve('r', '10.0.0.7'), 'other')).rejection()).toEqual({ code: 'lb_pool_not_found', pool: 'other' });
  });
  it('stay in a range that grows, and end with the one that they lie in', () => {
    const reserved = given(v4v6, lbPool('edge', [four, '198.51.100.8/30']), inPool(reserve('r', '203.0.113.1')), inPool(reserve('s', '198.51.100.8-198.51.100.9')));
    const change = (addresses: string[]) => lbPool('edge', addresses, { existing: 'replace' });
    reserved.when(change(['203.0.113.0/24', '198.51.100.8/31'])).then('lb-pool.configured edge *');
    reserved.when(change([four, '198.51.100.9'])).then('reservation.released s 198.51.100.8-198.51.100.9 released', 'lb-pool.configured edge *');
    reserved.after(change(['203.0.113.0/24'])).when(removeLbPool('edge')).then('reservation.released r 203.0.113.1 released', 'lb-pool.removed edge');
  });
  it('end by name', () => given(v4v6, lbPool('edge', [four]), inPool(reserve('r', '203.0.113.1'))).when(releaseReservation('r')).then('reservation.released r 203.0.113.1 released'));
});

describe('a shared pool', () => {
  it('is a log of its own', () => {
    const shared = lbPool('wide', [four], { clusters: ['blue'] });
    const scenario = given(shared);
    expect(scenario.state.definition?.name).toBe('lb-pool:wide');
    expect(scenario.when(shared).rejection()).toEqual({ code: 'lb_pool_exists', pool: 'wide' });
    scenario.after(lbPool('wide', [four], { clusters: 'all', existing: 'replace' }));
    scenario.after({ ...removeLbPool('wide'), name: 'lb-pool:wide' });
    expect(scenario.state.definition).toBeNull();
  });
  it('is not made in the log of a cluster, nor one of a cluster in a log of its own', () => {
    expect(given(v4v6).when({ ...lbPool('wide', [four], { clusters: 'all' }), name: 'blue' }).rejection()).toMatchObject({ code: 'lb_pool_invalid', problems: [{ field: 'clusters' }] });
    expect(new Scenario().when({ ...lbPool('wide', [four]), name: 'lb-pool:wide' }).rejection()).toMatchObject({ code: 'cluster_not_found' });
  });
  it('says which clusters it serves, and one of a cluster does not', () => {
    const { clusters: _, ...settings } = lbPool('wide', [four], { clusters: 'all' }).settings;
    expect(given(lbPool('wide', [four], { clusters: 'all' })).when({ ...lbPool('wide', [four], { clusters: 'all', existing: 'replace' }), settings }).rejection())
      .toMatchObject({ problems: [{ field: 'clusters', value: null, why: 'is needed: the pool is shared, and says which clusters it serves, ["a", "b"] or "all"' }] });
    expect(given(v4v6, lbPool('edge', [four])).when({ ...lbPool('edge', [four], { clusters: 'all', existing: 'replace' }), name: 'blue' }).rejection())
      .toMatchObject({ problems: [{ field: 'clusters', value: 'all', why: 'cannot be said of a pool that belongs to one cluster; leave it out, or make a shared pool under another name' }] });
  });
  it('is asked in its own log only', () => {
    expect(given(v4v6).when(claim('blue', lbRequest('web', ['IPv4']))).rejection()).toEqual({ code: 'lb_pool_not_found', pool: 'lb-pool:wide' });
    expect(given(v4v6).when(patch('web', {})).rejection()).toMatchObject({ code: 'not_found' });
  });
});
