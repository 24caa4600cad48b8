import type { DeletionOptions } from '../commands.js';
import { externalName, headless, ips, orderTime, patch, ports, remove, replace, service, v4, v4v6 } from '../testing/commands.js';
import { given, type Scenario } from '../testing/scenario.js';

const [A, B] = ['10.0.0.7', 'fd00::7'] as const;
const pair = { ...ips(A, B), ipFamilyPolicy: 'RequireDualStack' };
const held = (...finalizers: string[]): Scenario => given(v4v6, service('web', pair, { finalizers }));

describe('deleting a Service', () => {
  it('gives back everything in one command, and answers the Service', () => {
    const outcome = given(v4v6, service('web', { ...pair, type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 30009, ...ports('a=80:30001', 'b=81/UDP:30002') })).when(remove('web'));
    outcome.then(
      `ip.released ${A} deleted`, `ip.released ${B} deleted`, 'port.released 30001 deleted', 'port.released 30002 deleted', 'port.released 30009 deleted health-check',
      'service.deleted shop/web',
    );
    expect([outcome.accepted().status, outcome.accepted().document]).toEqual([200, undefined]);
    expect(outcome.answer()).toMatchObject({ metadata: { name: 'web' }, spec: { clusterIPs: [A, B] } });
  });
  it('says where the addresses were', () =>
    expect(held().when(remove('web')).accepted().events[0]).toEqual({
      type: 'ip.released', data: { address: A, family: 'IPv4', cidr: '10.0.0.0/24', band: 'static', reason: 'deleted', service: { namespace: 'shop', name: 'web', uid: 'uid-web' } },
    }));
  it('reports what a selector could see before', () =>
    expect(given(v4, service('web', ips(A), { labels: { a: 'b' } })).when(remove('web')).accepted().events.at(-1)).toMatchObject({
      data: { previous: { revision: 3, labels: { a: 'b' }, type: 'ClusterIP', clusterIP: A }, object: { metadata: { resourceVersion: '5' } } },
    }));
  it.each<[what: string, spec: object]>([['ExternalName', externalName], ['headless', headless]])('%s has nothing to give back', (_, spec) =>
    given(v4, service('web', spec)).when(remove('web')).then('service.deleted shop/web'));
  it('a shared node port is given back once', () =>
    given(v4, service('dns', { type: 'NodePort', ...ips(A), ...ports('a=53:30053', 'b=53/UDP:30053') })).when(remove('dns')).then(`ip.released ${A} deleted`, 'port.released 30053 deleted', 'service.deleted shop/dns'));
  it('leaves alone a port that an ExternalName Service carries but does not hold (difference 8)', () =>
    given(v4, service('web', { type: 'NodePort', ...ports('80:30001') }), service('ext', { ...externalName, ...ports('80:30001') })).when(remove('ext')).then('service.deleted shop/ext'));
  it('of a missing name is not found', () => given(v4).when(remove('web')).thenRejected('not_found', { name: 'web' }));
});

/** Spec 4.1, 0.2. */
describe('preconditions', () => {
  it.each<[what: string, preconditions: DeletionOptions['preconditions']]>([['none', undefined], ['empty', {}], ['the uid', { uid: 'uid-web' }], ['both', { uid: 'uid-web', resourceVersion: '4' }]])(
    'hold: %s', (_, preconditions) => held().when(remove('web', { preconditions })).then(`ip.released ${A} deleted`, `ip.released ${B} deleted`, 'service.deleted shop/web'));
  it.each<[preconditions: DeletionOptions['preconditions'], fields: object]>([
    [{ uid: 'other' }, { what: 'UID', given: 'other', stored: 'uid-web' }],
    [{ resourceVersion: '3' }, { what: 'ResourceVersion', given: '3', stored: '4' }],
    [{ uid: 'other', resourceVersion: '3' }, { what: 'UID', given: 'other', stored: 'uid-web' }],
    [{ uid: '' }, { what: 'UID', given: '', stored: 'uid-web' }],
  ])('fail: %j', (preconditions, fields) => held().when(remove('web', { preconditions })).thenRejected('precondition_failed', { name: 'web', ...fields }));
});

/** Spec 4.1; store.go deletionFinalizersForGarbageCollection. */
describe('finalizers', () => {
  it.each<[had: string[], options: DeletionOptions, finalizers: string[] | 'gone']>([
    [[], {}, 'gone'],
    [[], { propagationPolicy: 'Background' }, 'gone'],
    [[], { propagationPolicy: 'Foreground' }, ['foregroundDeletion']],
    [[], { propagationPolicy: 'Orphan' }, ['orphan']],
    [[], { orphanDependents: true }, ['orphan']],
    [[], { orphanDependents: false }, 'gone'],
    [['a.b/c'], {}, ['a.b/c']],
    [['a.b/c'], { propagationPolicy: 'Foreground' }, ['a.b/c', 'foregroundDeletion']],
    [['a.b/c', 'orphan'], { propagationPolicy: 'Foreground' }, ['a.b/c', 'foregroundDeletion']],
    [['orphan', 'a.b/c'], { propagationPolicy: 'Orphan' }, ['orphan', 'a.b/c']], // nothing new: the order stays
    [['orphan'], { propagationPolicy: 'Background' }, 'gone'],
    [['foregroundDeletion', 'a.b/c'], { propagationPolicy: 'Background' }, ['a.b/c']],
    [['orphan'], {}, ['orphan']], // no policy keeps what is there
  ])('%j with %j: %j', (had, options, finalizers) => {
    const outcome = held(...had).when(remove('web', options));
    if (finalizers === 'gone') return outcome.then(`ip.released ${A} deleted`, `ip.released ${B} deleted`, 'service.deleted shop/web');
    outcome.then('service.updated shop/web');
    expect(outcome.answer().metadata).toMatchObject({ finalizers, deletionTimestamp: '2026-01-02T03:04:05Z', deletionGracePeriodSeconds: 0, resourceVersion: '5' });
  });

  it.each<[options: DeletionOptions, status: number]>([[{}, 200], [{ orphanDependents: false }, 202], [{ orphanDependents: true }, 200]])(
    'pending, with %j, answer %i', (options, status) => expect(held('a.b/c').when(remove('web', options)).accepted().status).toBe(status));

  it('keep addresses and ports until the last one goes', () => {
    const scenario = held('a.b/c', 'a.b/d').after(remove('web'));
    scenario.when(patch('web', { metadata: { finalizers: ['a.b/d'] } })).then('service.updated shop/web');
    const outcome = scenario.when(patch('web', { metadata: { finalizers: null } }));
    outcome.then(`ip.released ${A} deleted`, `ip.released ${B} deleted`, 'service.deleted shop/web');
    expect(outcome.answer().metadata).toMatchObject({ resourceVersion: '5' }); // the object of the request: the deletion is not shown
    expect(outcome.answer().metadata.finalizers).toBeUndefined();
    // A watcher is shown the last state that was stored.
    expect(outcome.accepted().events.at(-1)).toMatchObject({ data: { object: { metadata: { finalizers: ['a.b/c', 'a.b/d'], resourceVersion: '8' } } } });
    expect(outcome.accepted().document).toBeUndefined();
  });
  it('can go through /status, by patch and by PUT, and the addresses go with them (kubernetes 120536)', () => {
    const scenario = held('a.b/c').after(remove('web'));
    const gone = [`ip.released ${A} deleted`, `ip.released ${B} deleted`, 'service.deleted shop/web'];
    scenario.when(patch('web', { metadata: { finalizers: null } }, { subresource: 'status' })).then(...gone);
    scenario.when(replace(service('web'), { subresource: 'status' })).then(...gone);
    scenario.when(replace(service('web', pair))).then(...gone);
  });
  it('a change of type in the request that ends it is not carried out', () => {
    const scenario = held('a.b/c').after(remove('web'));
    scenario.when(patch('web', { metadata: { finalizers: null }, spec: { type: 'NodePort' } })).then(`ip.released ${A} deleted`, `ip.released ${B} deleted`, 'service.deleted shop/web');
    scenario.when(patch('web', { metadata: { finalizers: null }, spec: { ipFamilyPolicy: 'SingleStack' } })).then(`ip.released ${A} deleted`, `ip.released ${B} deleted`, 'service.deleted shop/web');
  });
  it('cannot be added any more', () => {
    held('a.b/c').after(remove('web')).when(patch('web', { metadata: { finalizers: ['a.b/c', 'a.b/d'] } })).thenInvalid(
      'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"a.b/d"}');
  });
  it('a second DELETE changes nothing', () => held('a.b/c').after(remove('web')).when({ ...remove('web'), time: new Date(orderTime.getTime() + 60_000) }).thenNothing());
  it('a second DELETE may still change the policy, and keeps the time of the first', () => {
    const outcome = held('a.b/c').after(remove('web')).when({ ...remove('web', { propagationPolicy: 'Foreground' }), time: new Date(orderTime.getTime() + 60_000) });
    outcome.then('service.updated shop/web');
    expect(outcome.answer().metadata).toMatchObject({ finalizers: ['a.b/c', 'foregroundDeletion'], deletionTimestamp: '2026-01-02T03:04:05Z' });
  });
  it.each<[generation: number | undefined, after: number | undefined]>([[undefined, undefined], [0, undefined], [7, 8]])('a generation of %j becomes %j', (generation, after) =>
    expect(given(v4, service('web', {}, { finalizers: ['a.b/c'], generation })).when(remove('web')).answer().metadata.generation).toBe(after));
});
