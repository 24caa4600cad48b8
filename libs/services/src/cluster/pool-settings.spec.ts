import fc from 'fast-check';
import { addCidr, configurePool, create, declare, drainCidr, ips, orderTime, patch, range4, range6, register, remove, removeCidr, removeCluster, service, v4, v4v6 } from '../testing/commands.js';
import { given, type Scenario } from '../testing/scenario.js';

const at = (seconds: number): Date => new Date(orderTime.getTime() + seconds * 1000);
const A = '10.0.0.7';

describe('the settings of a pool', () => {
  it('say how large its static band is, which dynamic requests leave while they can', () => {
    const scenario = given(register(['10.0.0.0/28']), configurePool('10.0.0.0/28', { staticBandAddresses: 13 }));
    expect(scenario.state.pools[0]).toMatchObject({ staticBand: { first: 0x0a000001n, last: 0x0a00000dn, count: 13n }, dynamicBand: { count: 1n } });
    scenario.when(create(service('web'))).then('ip.allocated 10.0.0.14 dynamic', 'service.created shop/web');
    const none = given(v4, configurePool(range4, { staticBandAddresses: 0 }));
    expect(none.state.pools[0]?.staticBand.count).toBe(0n);
  });
  it('are as upstream again when they are left out', () => {
    const scenario = given(v4).after(configurePool(range4, { staticBandAddresses: 3, coolDownSeconds: 9 }), configurePool(range4));
    expect(scenario.state.definition).toEqual(given(v4).state.definition);
    expect(scenario.state.pools[0]).toMatchObject({ staticBand: { count: 16n }, coolDownSeconds: 0 });
  });
  it('happen once', () => given(v4, configurePool(range4, { coolDownSeconds: 9 })).when(configurePool(range4, { coolDownSeconds: 9 })).thenNothing());
  it('stay when other ranges are declared around it, and go with it', () => {
    const scenario = given(v4v6, configurePool(range4, { coolDownSeconds: 9 }), declare([range6, range4]), addCidr('10.1.0.0/24'));
    expect(scenario.state.definition?.pools).toEqual({ [range4]: { coolDownSeconds: 9 } });
    expect(scenario.after(removeCidr(range4), addCidr(range4)).state.definition).not.toHaveProperty('pools');
  });
  it.each<[settings: object, field: string, why: RegExp]>([
    [{ staticBandAddresses: 255 }, 'staticBandAddresses', /from 0 to 254, the usable addresses of 10\.0\.0\.0\/24/],
    [{ staticBandAddresses: -1 }, 'staticBandAddresses', /whole number/], [{ staticBandAddresses: 1.5 }, 'staticBandAddresses', /whole number/],
    [{ coolDownSeconds: 604801 }, 'coolDownSeconds', /from 0 to 604800, a week/], [{ coolDownSeconds: 0.5 }, 'coolDownSeconds', /whole number/],
  ])('%j are refused', (settings, field, why) =>
    expect(given(v4).when(configurePool(range4, settings)).rejection()).toMatchObject({ code: 'cluster_invalid', problems: [{ field, why: expect.stringMatching(why) }] }));
  it('of a CIDR that the cluster lacks are refused', () => given(v4).when(configurePool(range6)).thenRejected('cidr_not_found', { cluster: 'blue', cidr: range6 }));
  it('count what is held anew by band', () => {
    const scenario = given(v4, service('web', ips('10.0.0.20')));
    expect(scenario.state.useOf(scenario.state.pools[0] as never)).toEqual({ static: 0, dynamic: 1 });
    scenario.after(configurePool(range4, { staticBandAddresses: 20 }));
    expect(scenario.state.useOf(scenario.state.pools[0] as never)).toEqual({ static: 1, dynamic: 0 });
  });
});

describe('a drain', () => {
  it('remembers when it began and what was held then', () => {
    const scenario = given(v4v6, service('web', ips(A)), addCidr('10.1.0.0/24'), drainCidr(range4));
    expect(scenario.state.definition?.drains).toEqual({ [range4]: { since: orderTime.toISOString(), held: 1 } });
    expect(scenario.after(remove('web'), removeCidr(range4)).state.definition).not.toHaveProperty('drains');
    expect(given(v4v6, drainCidr(range4), declare([range4, range6])).state.definition).not.toHaveProperty('drains');
  });
  it('of an old log reads without', () => expect(given(v4v6).happened({ type: 'cluster.cidr-draining', data: { cidr: range4 } }).state.definition).toMatchObject({ draining: [range4] }));
});

/** web held A in a pool with a minute of cool-down, and was deleted. */
const cooling = (): Scenario => given(v4, configurePool(range4, { coolDownSeconds: 60 }), service('web', ips(A)), remove('web'));
const refusal = (until: number): string =>
  `spec.clusterIPs: Invalid value: ["${A}"]: failed to allocate IP ${A}: provided IP cools down until ${at(until).toISOString()} after shop/web released it; the annotation ipledger/break-cool-down: "true" takes it all the same`;

describe('an address that cools down', () => {
  it('says so when it is released, and only where there is a cool-down', () => {
    expect(given(v4, configurePool(range4, { coolDownSeconds: 60 }), service('web', ips(A))).when(remove('web')).accepted().events[0]?.data).toMatchObject({ address: A, coolsUntil: at(60).toISOString() });
    expect(given(v4, service('web', ips(A))).when(remove('web')).accepted().events[0]?.data).not.toHaveProperty('coolsUntil');
  });
  it('is refused to others until its time has come', () => {
    cooling().when({ ...create(service('db', ips(A))), time: at(59.999) }).thenInvalid(refusal(60));
    cooling().when({ ...create(service('db', ips(A))), time: at(60) }).then(`ip.allocated ${A} static`, 'service.created shop/db');
  });
  it('goes back at once to the name that had it', () => cooling().when(create(service('web', ips(A)))).then(`ip.allocated ${A} static`, 'service.created shop/web'));
  it('is not the same name in another namespace', () =>
    cooling().when({ ...create(service('web', ips(A))), namespace: 'other' }).thenInvalid(refusal(60)));
  it('goes to who breaks the cool-down', () =>
    cooling().when(create(service('db', ips(A), { annotations: { 'ipledger/break-cool-down': 'true' } }))).then(`ip.allocated ${A} static`, 'service.created shop/db'));
  it('cools anew after who had it in between, from then on', () => {
    const scenario = cooling().after(create(service('web', ips(A))), { ...remove('web'), time: at(50) });
    scenario.when({ ...create(service('db', ips(A))), time: at(109) }).thenInvalid(refusal(110));
  });
  it('can be had when its pool has no cool-down any more, and not when it has one again', () => {
    const scenario = cooling().after(configurePool(range4));
    scenario.when(create(service('db', ips(A)))).then(`ip.allocated ${A} static`, 'service.created shop/db');
    scenario.after(configurePool(range4, { coolDownSeconds: 1 })).when(create(service('db', ips(A)))).thenInvalid(refusal(60));
  });
  it('cools after a downgrade, too', () =>
    expect(given(v4v6, configurePool(range6, { coolDownSeconds: 60 }), service('web', { ipFamilyPolicy: 'PreferDualStack' })).when(patch('web', { spec: { ipFamilyPolicy: 'SingleStack' } })).accepted().events[0]?.data)
      .toMatchObject({ family: 'IPv6', reason: 'downgraded', coolsUntil: at(60).toISOString() }));
  it('cools no more in a cluster of the same name', () => {
    const again = cooling().after(removeCluster(), v4, configurePool(range4, { coolDownSeconds: 60 }));
    again.when(create(service('db', ips(A)))).then(`ip.allocated ${A} static`, 'service.created shop/db');
  });
});

describe('law: a dynamic request in a pool with cool-down', () => {
  it('gets no address before its time, and each one after it', () => fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 30 }), (gaps) => {
    const scenario = given(register(['10.0.0.0/29']), configurePool('10.0.0.0/29', { coolDownSeconds: 60 }));
    const free = new Map<string, number>(Array.from({ length: 6 }, (_, i) => [`10.0.0.${i + 1}`, 0]));
    let now = 0;
    for (const [i, gap] of gaps.entries()) {
      now += gap;
      const decision = scenario.decide({ ...create(service('web')), time: at(now), seed: [i, gap, now, 1] });
      const ready = [...free].filter(([, from]) => from <= now).map(([text]) => text);
      expect(decision.outcome === 'accepted').toBe(ready.length > 0);
      if (decision.outcome === 'rejected') continue;
      scenario.happened(...decision.events);
      const address = scenario.stored('web').spec.clusterIP ?? '';
      expect(ready).toContain(address);
      scenario.after({ ...remove('web'), time: at(now) });
      free.set(address, now + 60);
    }
  }), { numRuns: 1000 }));
});
