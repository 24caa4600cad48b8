import { encodeService } from '../codec/encode-service.js';
import type { Command } from '../commands.js';
import { evolve, revert } from '../evolve.js';
import { create, patch, remove, replace, v4v6 } from '../testing/commands.js';
import { assign, attach, claim, declareDefault, drainLbPool, lbPool, lbRequest, lbService, lbStatus, releaseClaim } from '../testing/lb-commands.js';
import { contentsOf, given, type Outcome, type Scenario } from '../testing/scenario.js';
import type { LbClaimAnswer } from './claim.js';

const four = '203.0.113.0/30';
const six = '2001:db8::10-2001:db8::13';
const wide = lbPool('wide', [four, six], { clusters: ['blue', 'green'] });
const drained: Command = { ...drainLbPool('wide', four), name: 'lb-pool:wide' };
const answerOf = (outcome: Outcome): LbClaimAnswer => JSON.parse(outcome.accepted().answer ?? '') as LbClaimAnswer;
const both = ['IPv6', 'IPv4'] as const;
const has = (scenario: Scenario, key = 'blue/shop/web') => scenario.state.lb.addressesOf(key);

/** A shared pool, as commands are told of it. */
const open = { name: 'wide', autoAssign: true };

describe('a claim of a shared pool', () => {
  it('gives an address for each family, in their order, to a Service of a cluster', () => {
    const claimed = given(wide).when(claim('blue', lbRequest('web', both)));
    const { addresses } = answerOf(claimed);
    expect(addresses).toEqual([expect.stringMatching(/^2001:db8::1/), expect.stringMatching(/^203/)]);
    expect(claimed.accepted().events).toMatchObject([
      { type: 'ip.allocated', data: { cluster: 'blue', lbPool: 'wide', kind: 'load-balancer', service: { name: 'web' } } }, { type: 'ip.allocated' },
      { type: 'lb-member.joined', data: { cluster: 'blue', wait: 7, sharingGroup: null } }, { type: 'lb-member.joined' },
    ]);
  });

  it('answers the same to the same uid, as a new claim with the new wait', () => {
    const scenario = given(wide, claim('blue', lbRequest('web', both)));
    const before = has(scenario);
    const again = scenario.when(claim('blue', lbRequest('web', both), 9));
    expect(answerOf(again).addresses).toEqual(before);
    again.then(`lb-member.joined ${before[0]} web again`, `lb-member.joined ${before[1]} web again`);
    scenario.after(claim('blue', lbRequest('web', both), 9));
    expect(scenario.state.lb.membersOf(before[0] ?? '')).toMatchObject([{ revision: scenario.log.length - 1, wait: 9 }]);
  });

  it('answers the same again when it has two addresses of a family: the one claimed last', () => {
    const ask = (name: string, port: string) => claim('blue', lbRequest(name, ['IPv4'], { sharingKey: 'k', ports: [port] }));
    const scenario = given(wide, ask('web', 'TCP/443'), ask('api', 'TCP/80'), ask('web', 'TCP/80')); // beside api no more
    const [first, second] = has(scenario);
    expect(second).not.toBe(first);
    for (const port of ['TCP/443', 'TCP/443']) {
      const again = scenario.when(ask('web', port));
      expect(answerOf(again).addresses).toEqual([second]);
      scenario.after(ask('web', port));
    }
  });

  it('a renewal can be taken back', () => {
    const scenario = given(wide, claim('blue', lbRequest('web', both)));
    const before = structuredClone(contentsOf(scenario.state));
    const { events } = scenario.when(claim('blue', lbRequest('web', both), 9)).accepted();
    events.forEach((event, i) => evolve(scenario.state, event, before.revision + 1 + i));
    for (const [i, event] of [...events.entries()].toReversed()) expect(revert(scenario.state, event, before.revision + 1 + i)).toBe(true);
    expect(contentsOf(scenario.state)).toEqual(before);
  });

  it('takes what an earlier Service of that name has left anew: a claim is of one uid', () => {
    const scenario = given(wide, claim('blue', lbRequest('web', ['IPv4'])));
    const [address] = has(scenario);
    scenario.when(claim('blue', lbRequest('web', ['IPv4'], { service: { namespace: 'shop', name: 'web', uid: 'uid-new' } }))).then(
      `lb-member.left ${address} web not-wanted`, `ip.released ${address} not-wanted`, `ip.allocated ${address} dynamic`, `lb-member.joined ${address} web`);
  });

  it('takes nothing away from its Service: what is attached may be asked for no more, since it is there', () => {
    const scenario = given(wide, claim('blue', lbRequest('web', ['IPv6'])));
    const [six6] = has(scenario);
    scenario.after(claim('blue', lbRequest('web', ['IPv4']), 9));
    expect(has(scenario)).toEqual([six6, expect.stringContaining('203.0.113.')]);
  });

  it.each<[what: string, late: ReturnType<typeof claim>]>([
    ['of the same Service', claim('blue', lbRequest('web', both), 6)], ['of the same Service, for another family', claim('blue', lbRequest('web', ['IPv6']), 6)],
    ['of an earlier Service of that name', claim('blue', lbRequest('web', ['IPv4'], { service: { namespace: 'shop', name: 'web', uid: 'uid-old' } }), 6)],
  ])('changes nothing when it is for an earlier wait than what is held: one %s', (_, late) => {
    const outcome = given(wide, claim('blue', lbRequest('web', ['IPv4']), 7)).when(late);
    expect(outcome.accepted().events).toEqual([]);
    expect(JSON.parse(outcome.accepted().answer ?? '')).toMatchObject({ addresses: [] });
  });

  it('keeps clusters apart, in names and in groups', () => {
    const scenario = given(wide, claim('blue', lbRequest('web', ['IPv4'], { sharingKey: 'k', ports: ['TCP/80'] })), claim('green', lbRequest('web', ['IPv4'], { sharingKey: 'k', ports: ['TCP/81'] })),
      claim('green', lbRequest('db', ['IPv4'], { sharingKey: 'k', ports: ['TCP/82'] })));
    expect(has(scenario, 'green/shop/web')).toEqual(has(scenario, 'green/shop/db'));
    expect(has(scenario, 'green/shop/web')).not.toEqual(has(scenario));
    expect(scenario.log.filter(({ type }) => type === 'ip.allocated')).toMatchObject([{ data: { service: { uid: 'sharing-key:blue/shop/k' } } }, { data: { service: { uid: 'sharing-key:green/shop/k' } } }]);
  });

  it.each<[what: string, history: Command[], request: ReturnType<typeof claim>, reasons: string[]]>([
    ['to a cluster that it does not serve', [wide], claim('red', lbRequest('web', ['IPv4'])), ['NoPool']],
    ['of one family, when both are needed', [wide, drained], claim('blue', lbRequest('web', both, { needsAll: true })), ['PoolsExhausted']],
    ['of an address that is held', [wide, claim('green', lbRequest('web', ['IPv4'], { requested: ['203.0.113.1'] }))], claim('blue', lbRequest('web', ['IPv4'], { requested: ['203.0.113.1'] })), ['AddressNotAvailable']],
    ['of a pool by another name', [wide], claim('blue', lbRequest('web', ['IPv4'], { pool: 'other' })), ['NoPool']],
  ])('gives nothing %s, and leaves no trace', (_, history, request, reasons) => {
    const outcome = given(...history).when(request);
    expect(outcome.accepted().events).toEqual([]);
    expect(answerOf(outcome)).toMatchObject({ addresses: [], lacking: reasons.map((reason) => ({ reason })) });
  });

  it('gives what it can where not all is needed', () =>
    expect(answerOf(given(wide, drained).when(claim('blue', lbRequest('web', both))))).toMatchObject({ addresses: [expect.stringMatching(/^2001/)], lacking: [{ family: 'IPv4', reason: 'PoolsExhausted' }] }));

  it('is released at the revision that was seen, and not when it was renewed meanwhile', () => {
    const scenario = given(wide, claim('blue', lbRequest('web', ['IPv4'])));
    const [address = ''] = has(scenario);
    const seen = [{ address, revision: scenario.state.lb.membersOf(address)[0]?.revision ?? 0 }];
    scenario.when(releaseClaim('green', 'web', seen)).thenNothing();
    scenario.when(releaseClaim('blue', 'web', seen)).then(`lb-member.left ${address} web orphaned`, `ip.released ${address} orphaned`);
    scenario.after(claim('blue', lbRequest('web', ['IPv4']), 9));
    scenario.when(releaseClaim('blue', 'web', seen)).thenNothing();
  });

  it('cools down after a Service of a cluster, for that one', () => {
    const scenario = given(lbPool('wide', ['203.0.113.0/31'], { clusters: 'all', coolDownSeconds: 60 }), claim('blue', lbRequest('web', ['IPv4'])));
    const [address = ''] = has(scenario);
    scenario.after(releaseClaim('blue', 'web', [{ address, revision: scenario.state.lb.membersOf(address)[0]?.revision ?? 0 }]), claim('green', lbRequest('web', ['IPv4'])));
    expect(has(scenario, 'green/shop/web')).not.toEqual([address]);
    expect(answerOf(scenario.when(claim('blue', lbRequest('web', ['IPv4'], { service: { namespace: 'shop', name: 'web', uid: 'new' } })))).addresses).toEqual([address]);
  });
});

const waitOf = (scenario: Scenario, name = 'web'): number => Number(scenario.stored(name).metadata.resourceVersion);
const dual = { ipFamilyPolicy: 'PreferDualStack' };

describe('attaching what a shared pool has claimed', () => {
  it('shows it in the order of the families, and the Service waits no more', () => {
    const scenario = given(v4v6, lbService('web', { ...dual, ipFamilies: ['IPv6', 'IPv4'] }));
    scenario.when(attach('web', waitOf(scenario), ['203.0.113.1', '2001:db8::11'])).then('lb-address.attached 203.0.113.1', 'lb-address.attached 2001:db8::11', 'service.updated shop/web');
    scenario.after(attach('web', waitOf(scenario), ['203.0.113.1', '2001:db8::11']));
    expect(lbStatus(scenario.stored('web'))).toBe('2001:db8::11 203.0.113.1 True/Assigned');
  });

  it.each<[what: string, spec: object, more: Parameters<typeof attach>[3], wait: number, addresses: string[]]>([
    ['another uid', {}, { uid: 'other' }, 0, ['203.0.113.1']],
    ['another wait', {}, {}, -1, ['203.0.113.1']],
    ['a family that it does not want', {}, {}, 0, ['2001:db8::11']],
    ['two of one family', dual, {}, 0, ['203.0.113.1', '203.0.113.2']],
    ['one of two that it needs', { ipFamilyPolicy: 'RequireDualStack' }, {}, 0, ['203.0.113.1']],
    ['nothing', {}, {}, 0, []],
    ['an address that it does not ask for', { loadBalancerIP: '203.0.113.2' }, {}, 0, ['203.0.113.1']],
  ])('does nothing for %s', (_, spec, more, wait, addresses) => {
    const scenario = given(v4v6, lbService('web', spec));
    scenario.when(attach('web', waitOf(scenario) + wait, addresses, more)).thenNothing();
  });

  it('does nothing once the Service has addresses of its own cluster, or waits no more', () => {
    const partly = given(v4v6, lbPool('edge', [four]), lbService('web', dual));
    partly.when(attach('web', waitOf(partly), ['2001:db8::11'])).thenNothing();
    const assigned = given(v4v6, lbPool('edge', [four]), lbService('web'));
    assigned.when(attach('web', waitOf(assigned), ['203.0.113.1'])).thenNothing();
  });

  it('comes to a second family later, from the shared pool only', () => {
    const scenario = given(v4v6, lbService('web', dual));
    scenario.after(attach('web', waitOf(scenario), ['203.0.113.1']));
    expect(lbStatus(scenario.stored('web'))).toBe('203.0.113.1 True/PartlyAssigned');
    scenario.after(lbPool('edge', ['2001:db8:1::/120', '198.51.100.0/24']));
    scenario.when(assign('web')).thenNothing();
    scenario.after(attach('web', waitOf(scenario), ['2001:db8::11']));
    expect(lbStatus(scenario.stored('web'))).toBe('203.0.113.1 2001:db8::11 True/Assigned');
  });

  const attached = (): Scenario => {
    const scenario = given(v4v6, lbService('web', { ...dual }, { annotations: { 'ipledger.io/sharing-key': 'k' } }));
    return scenario.after(attach('web', waitOf(scenario), ['203.0.113.1', '2001:db8::11']));
  };
  it.each<[what: string, change: object, detached: string[]]>([
    ['labels', { metadata: { labels: { a: 'b' } } }, []],
    ['the type', { spec: { type: 'ClusterIP' } }, ['203.0.113.1 type-changed', '2001:db8::11 type-changed']],
    ['the families', { spec: { ipFamilyPolicy: 'SingleStack' } }, ['2001:db8::11 downgraded']],
    ['the ports that it shares', { spec: { ports: [{ port: 81 }] } }, ['203.0.113.1 sharing-changed', '2001:db8::11 sharing-changed']],
    ['the key', { metadata: { annotations: null } }, ['203.0.113.1 sharing-changed', '2001:db8::11 sharing-changed']],
    ['the address that it asks for', { metadata: { annotations: { 'ipledger.io/load-balancer-ips': '203.0.113.2' } } }, ['203.0.113.1 not-wanted']],
    ['the pool that it asks for', { metadata: { annotations: { 'ipledger.io/load-balancer-pool': 'edge' } } }, ['203.0.113.1 not-wanted', '2001:db8::11 not-wanted']],
  ])('is detached where the Service changes %s, if it has to be', (_, change, detached) => {
    const { events } = attached().when(patch('web', change)).accepted();
    expect(events.flatMap((event) => (event.type === 'lb-address.detached' ? [`${event.data.address} ${event.data.reason}`] : []))).toEqual(detached);
  });

  it('is detached with the Service', () => attached().when(remove('web')).then('ip.released 10.*', 'ip.released fd00*', 'lb-address.detached 203.0.113.1 deleted', 'lb-address.detached 2001:db8::11 deleted', 'service.deleted shop/web'));
});

describe('assigning to a Service that waits', () => {
  it('gives it what there is now, once', () => {
    const scenario = given(v4v6, lbService('web', dual));
    scenario.when(assign('web')).thenNothing();
    scenario.after(lbPool('edge', [four]), assign('web'));
    expect(lbStatus(scenario.stored('web'))).toMatch(/^203\S+ True\/PartlyAssigned$/);
    scenario.when(assign('web')).thenNothing();
    scenario.after(lbPool('more', [six]), assign('web'));
    expect(lbStatus(scenario.stored('web'))).toMatch(/^203\S+ 2001\S+ True\/Assigned$/);
  });

  it('serves a Service that is the cluster\'s only since it was written, and tells it so', () => {
    const bare = lbService('web', { loadBalancerClass: undefined });
    const scenario = given(v4v6, bare);
    scenario.when(assign('web')).thenNothing();
    scenario.after(declareDefault(true), assign('web'));
    expect(lbStatus(scenario.stored('web'))).toBe('False/NoPool');
    scenario.when(assign('web')).thenNothing();
  });

  it('takes over the addresses that another controller has given, where a pool has them', () => {
    const bare = lbService('web', { loadBalancerClass: undefined });
    const scenario = given(v4v6, bare, patch('web', { status: { loadBalancer: { ingress: [{ ip: '203.0.113.2' }] } } }, { subresource: 'status' }), declareDefault(true), lbPool('edge', ['203.0.113.0/24']), assign('web'));
    expect(lbStatus(scenario.stored('web'))).toBe('203.0.113.2 True/Assigned');
  });

  it.each<[annotations: Record<string, string>, autoAssign: boolean, expected: string]>([
    [{}, true, 'AwaitingSharedPool'], [{}, false, 'NoPool'], [{ 'ipledger.io/load-balancer-pool': 'wide' }, false, 'AwaitingSharedPool'],
    [{ 'ipledger.io/load-balancer-pool': 'other' }, true, 'NoPool'], [{ 'ipledger.io/load-balancer-ips': '198.51.100.1' }, false, 'AwaitingSharedPool'],
  ])('of %j waits for a shared pool only if that may serve it (autoAssign: %s): %s', (annotations, autoAssign, expected) => {
    const { answer } = given(v4v6).when({ ...create(lbService('web', {}, { annotations })), sharedPools: [{ name: 'wide', autoAssign }] }).accepted();
    expect(answer).toContain(`"reason":"${expected}"`);
  });

  it('says that it waits for a shared pool where there is one', () => {
    const scenario = given(v4v6, { ...create(lbService('web')), sharedPools: [open] });
    expect(lbStatus(scenario.stored('web'))).toBe('False/AwaitingSharedPool');
    expect(encodeService(scenario.stored('web'))).toContain('waits for a shared LB pool');
  });

  it('does not unsay what shared pools answered, by a write that changes nothing', () => {
    const scenario = given(v4v6, { ...create(lbService('web')), sharedPools: [open] });
    const wait = Number(scenario.stored('web').metadata.resourceVersion);
    scenario.after({ ...assign('web'), shared: { wait, lacking: [{ family: 'IPv4', reason: 'PoolsExhausted', why: 'no free IPv4 address in wide' }] }, sharedPools: [open] });
    expect(lbStatus(scenario.stored('web'))).toBe('False/PoolsExhausted');
    scenario.when({ ...replace(scenario.stored('web')), sharedPools: [open] }).thenNothing();
    scenario.after({ ...patch('web', { metadata: { annotations: { 'ipledger.io/load-balancer-pool': 'wide' } } }), sharedPools: [open] });
    expect(lbStatus(scenario.stored('web'))).toBe('False/AwaitingSharedPool');
  });
});
