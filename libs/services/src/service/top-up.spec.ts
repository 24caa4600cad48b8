import fc from 'fast-check';
import { create, declare, externalName, headless, ips, patch, range4, range6, register, remove, replace, service, topUp, v4, v4v6, v6 } from '../testing/commands.js';
import { history } from '../testing/histories.js';
import { given, Scenario } from '../testing/scenario.js';
import { parseDocument } from './document.js';
import { applyReadDefaults } from './read-defaults.js';
import { missingFamily } from './top-up.js';

const A = '10.0.0.7';
const prefer = { ipFamilyPolicy: 'PreferDualStack' };
const dual = declare([range4, range6]);
/** A cluster that became dual-stack after its Services came. */
const switched = (spec: object, metadata: object = {}): Scenario => given(v4, service('web', spec, metadata), dual);

describe('topping up', () => {
  it('adds the family that a PreferDualStack Service lacks behind the one it has', () => {
    const outcome = switched({ ...ips(A), ...prefer }).when(topUp('web'));
    outcome.then('ip.allocated fd00::* dynamic', 'service.updated shop/web');
    const { spec } = outcome.answer();
    expect(spec).toMatchObject({ clusterIP: A, clusterIPs: [A, expect.stringMatching(/^fd00::/)], ipFamilies: ['IPv4', 'IPv6'], ...prefer });
  });
  it('adds IPv4 to what has IPv6, although IPv4 is primary now', () => {
    const scenario = given(v6, service('web', prefer), declare([range4, range6]));
    expect(scenario.when(topUp('web')).answer().spec.ipFamilies).toEqual(['IPv6', 'IPv4']);
  });
  it('changes nothing but spec.ipFamilies, the addresses and the revision: nobody owns more than before', () => {
    const scenario = switched({ ...ips(A), ...prefer, type: 'NodePort' }, { labels: { a: 'b' }, annotations: { c: 'd' } });
    const before = scenario.stored('web');
    const after = scenario.when({ ...topUp('web'), time: new Date('2027-01-01T00:00:00Z'), fieldManager: 'somebody' }).answer();
    expect({ ...after, spec: { ...after.spec, clusterIPs: [A], ipFamilies: ['IPv4'] }, metadata: { ...after.metadata, resourceVersion: before.metadata.resourceVersion } }).toEqual(before);
  });
  it('adds only the family to a headless Service with selector', () => {
    const outcome = switched({ ...headless, ...prefer }).when(topUp('web'));
    outcome.then('service.updated shop/web');
    expect(outcome.answer().spec).toMatchObject({ clusterIPs: ['None'], ipFamilies: ['IPv4', 'IPv6'] });
  });
  it('has nothing to do the second time', () => switched({ ...ips(A), ...prefer }).after(topUp('web')).when(topUp('web')).thenNothing());
  it('says in a dry run what it would do', () => {
    const outcome = switched({ ...ips(A), ...prefer }).when(topUp('web', { dryRun: true }));
    outcome.thenNothing();
    expect(outcome.answer().spec.clusterIPs).toHaveLength(2);
  });

  it.each<[why: string, scenario: Scenario]>([
    ['a SingleStack Service', switched(ips(A))],
    ['one with both families', given(v4v6, service('web', prefer))],
    ['one without addresses', switched(externalName)],
    ['a headless one without selector, which has both families by itself', switched({ ...headless, selector: undefined, ...prefer })],
    ['one on a single-stack cluster', given(v4, service('web', prefer))],
    ['one that is being deleted', switched(prefer, { finalizers: ['a.b/c'] }).after(remove('web'))],
    ['one that was edited to SingleStack meanwhile', switched(prefer).after(patch('web', { spec: { ipFamilyPolicy: 'SingleStack' } }))],
  ])('leaves %s alone', (_, scenario) => scenario.when(topUp('web')).thenNothing());

  it('is refused when the family is full, and takes nothing', () => {
    const scenario = given(v4, service('a', prefer), service('web', prefer), declare([range4, 'fd00::/127'])).after(topUp('a'));
    scenario.when(topUp('web')).thenRejected('addresses_exhausted', { name: 'web', family: 'IPv6' });
    scenario.when(topUp('web', { dryRun: true })).thenRejected('addresses_exhausted', { name: 'web', family: 'IPv6' });
  });
  it('of a missing Service is refused', () => given(v4v6).when(topUp('web')).thenRejected('not_found', { name: 'web' }));
  it('does not stop the same PUT as before from being a no-op', () => {
    const scenario = switched(prefer).after(topUp('web'));
    scenario.when(replace(service('web', prefer))).thenNothing();
  });
});

describe('law: topping up', () => {
  it('ends with no Service that lacks a family, or with a full family; and settles what it meets', () =>
    fc.assert(fc.property(history, (commands) => {
      const scenario = new Scenario();
      for (const command of [...commands, register(['10.0.0.0/29', 'fd00::/124']), create(service('z', prefer))]) {
        const decision = scenario.decide(command);
        if (decision.outcome === 'accepted') scenario.happened(...decision.events);
      }
      for (const text of scenario.documents.values()) {
        const lacks = (): string | undefined => missingFamily(applyReadDefaults(parseDocument(scenario.documents.get(key) ?? text), scenario.state.families[0]), scenario.state.families);
        const { namespace = '', name = '' } = parseDocument(text).metadata;
        const key = `${namespace}/${name}`;
        const missing = lacks();
        const decision = scenario.decide({ ...topUp(name), namespace });
        if (decision.outcome === 'rejected') expect(decision.rejection).toEqual({ code: 'addresses_exhausted', name, family: missing });
        else {
          expect(decision.events.length > 0).toBe(missing !== undefined);
          scenario.happened(...decision.events);
          expect(lacks()).toBeUndefined();
        }
      }
    }), { numRuns: 1000 }));
});
