import type { ServiceObject } from '../service.js';
import { create, externalName, headless, ips, orderTime, patch, ports, remove, replace, service, v4, v4v6, v6v4 } from '../testing/commands.js';
import { given, type Outcome, type Scenario } from '../testing/scenario.js';
import { applyReadDefaults } from './read-defaults.js';

const [A, B] = ['10.0.0.7', 'fd00::7'] as const;
const pair = { ...ips(A, B), ipFamilyPolicy: 'RequireDualStack' };
const later = new Date(orderTime.getTime() + 60_000);

/** Spec 2.1. */
describe('an update', () => {
  const stored = given(v4, service('web', ips(A))); // at revision 3

  it('that changes nothing is not written, however it comes and however late', () => {
    for (const command of [replace(service('web', ips(A))), patch('web', {}), patch('web', { metadata: { labels: null } }), patch('web', { spec: { sessionAffinity: null } })]) {
      const outcome = stored.when({ ...command, time: later });
      outcome.thenNothing();
      expect(outcome.accepted().answer).toBe(stored.documents.get('shop/web'));
    }
  });
  it('that leaves out the address keeps it', () => {
    const outcome = stored.when(replace(service('web', {}, { labels: { a: 'b' } })));
    outcome.then('service.updated shop/web');
    expect(outcome.answer().spec).toMatchObject({ clusterIP: A, clusterIPs: [A] });
  });
  it('says what a selector could see before', () =>
    expect(stored.when(patch('web', { metadata: { labels: { a: 'b' } } })).accepted().events[0]).toMatchObject({
      data: { service: { namespace: 'shop', name: 'web', uid: 'uid-web' }, previous: { revision: 3, labels: {}, type: 'ClusterIP', clusterIP: A }, object: { metadata: { resourceVersion: '4', labels: { a: 'b' } } } },
    }));
  it('keeps what the system sets', () => {
    const { metadata } = stored.when({ ...replace(service('web', {}, { creationTimestamp: '2000-01-01T00:00:00Z', generation: 9, selfLink: '/x', labels: { a: 'b' } })), time: later, newUid: 'other' }).answer();
    expect({ ...metadata, managedFields: undefined }).toEqual({ name: 'web', namespace: 'shop', uid: 'uid-web', creationTimestamp: '2026-01-02T03:04:05Z', labels: { a: 'b' }, resourceVersion: '4' });
  });
  it('does not touch the status', () => {
    const scenario = given(v4, service('web', { ...ips(A), type: 'LoadBalancer' })).after(patch('web', { status: { loadBalancer: { ingress: [{ hostname: 'x.example' }] } } }, { subresource: 'status' }));
    const outcome = scenario.when(replace({ ...service('web', { type: 'LoadBalancer' }, { labels: { a: 'b' } }), status: { loadBalancer: { ingress: [{ hostname: 'y.example' }] } } }));
    expect(outcome.answer().status).toEqual({ loadBalancer: { ingress: [{ hostname: 'x.example' }] } });
    expect(scenario.when(patch('web', { spec: { type: 'NodePort' } })).answer().status).toEqual({ loadBalancer: {} });
  });
  it('that is a patch of a missing name is not found', () => given(v4).when(patch('web', {})).thenRejected('not_found', { name: 'web' }));
});

describe('resourceVersion and uid', () => {
  const stored = given(v4, service('web', ips(A)));

  it.each(['', '0', '3', '03'])('a PUT at resourceVersion %j goes through', (resourceVersion) =>
    stored.when(replace(service('web', {}, { resourceVersion, labels: { a: 'b' } }))).then('service.updated shop/web'));
  it.each(['2', '4', '99999999999999999999'])('a PUT at resourceVersion %j is stale', (resourceVersion) =>
    stored.when(replace(service('web', {}, { resourceVersion }))).thenRejected('stale_revision', { name: 'web' }));
  it.each(['abc', '-1', '1.5', '999999999999999999999'])('a PUT at resourceVersion %j is no PUT (upstream: a bare 500)', (resourceVersion) =>
    stored.when(replace(service('web', {}, { resourceVersion }))).thenRejected('bad_request', {
      message: `metadata.resourceVersion: ${JSON.stringify(resourceVersion)} is not a resourceVersion; leave it out or send the one that a GET answered, a decimal number`,
    }));
  it('a patch conflicts only when it sets one', () => {
    stored.when(patch('web', { metadata: { resourceVersion: '2' } })).thenRejected('stale_revision', { name: 'web' });
    stored.when(patch('web', { metadata: { labels: { a: 'b' } } })).then('service.updated shop/web');
  });
  it('a stale revision is found before anything in the object', () =>
    stored.when(replace(service('web', { ipFamilies: ['IPv6'] }, { resourceVersion: '2' }))).thenRejected('stale_revision', { name: 'web' }));
  it('another uid in a PUT is found before the revision', () =>
    stored.when(replace(service('web', {}, { uid: 'mine', resourceVersion: '2' }))).thenRejected('uid_mismatch', { namespace: 'shop', name: 'web', given: 'mine', stored: 'uid-web', dryRun: false }));
  it('another uid in a patch is found by validation', () =>
    stored.when(patch('web', { metadata: { uid: 'mine' } })).thenInvalid('metadata.uid: Invalid value: "mine": field is immutable'));
  it('a Service made anew is not the one before', () => {
    const scenario = given(v4, service('web', ips(A))).after(remove('web'), create(service('web', ips(A)), { newUid: 'second' }));
    scenario.when(replace(service('web', {}, { uid: 'uid-web' }))).thenRejected('uid_mismatch', { namespace: 'shop', name: 'web', given: 'uid-web', stored: 'second', dryRun: false });
  });
});

/** Spec 2.9. */
describe('a change of type', () => {
  const to = (scenario: Scenario, spec: object): Outcome => scenario.when(patch('web', { spec }));
  const headful = (): Scenario => given(v4v6, service('web', pair));

  it('among ClusterIP, NodePort and LoadBalancer keeps the addresses', () => {
    for (const type of ['NodePort', 'LoadBalancer']) {
      const scenario = headful().after(patch('web', { spec: { type } }));
      expect(scenario.stored('web').spec).toMatchObject({ type, clusterIPs: [A, B] });
      to(scenario, { type: 'ClusterIP' }).then('port.released * type-changed', 'service.updated shop/web');
    }
  });
  it('to ExternalName gives back the addresses and wipes what spoke of them', () => {
    for (const nulled of [{}, { clusterIP: null, clusterIPs: null, ipFamilies: null, ipFamilyPolicy: null }, { clusterIPs: null }]) {
      const outcome = to(headful(), { ...externalName, ...nulled });
      outcome.then(`ip.released ${A} type-changed`, `ip.released ${B} type-changed`, 'service.updated shop/web');
      const { spec } = outcome.answer();
      expect([spec.clusterIP, spec.clusterIPs, spec.ipFamilies, spec.ipFamilyPolicy]).toEqual([undefined, undefined, undefined, undefined]);
    }
  });
  it.each<[what: string, changes: object, causes: string[]]>([
    ['an address', { clusterIP: '10.0.0.9' }, ['spec.clusterIPs: Forbidden: may not be set for ExternalName services']],
    ['the families', { ipFamilies: ['IPv4'] }, ['spec.ipFamilies: Forbidden: may not be set for ExternalName services']],
    ['the policy', { ipFamilyPolicy: 'SingleStack' }, ['spec.ipFamilyPolicy: Forbidden: may not be set for ExternalName services']],
  ])('to ExternalName with another value for %s is refused', (_, changes, causes) => to(headful(), { ...externalName, ...changes }).thenInvalid(...causes));
  it('from ExternalName allocates as on create', () => {
    const scenario = given(v4v6, service('web', externalName));
    const back = { type: 'ClusterIP', externalName: null };
    const outcome = to(scenario, back);
    outcome.then('ip.allocated 10.0.0.* dynamic', 'service.updated shop/web');
    expect(outcome.answer().spec).toMatchObject({ ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4'] });
    to(scenario, { ...back, clusterIP: A }).then(`ip.allocated ${A} static`, 'service.updated shop/web');
    to(scenario, { ...back, ipFamilyPolicy: 'PreferDualStack' }).then('ip.allocated 10.0.0.* dynamic', 'ip.allocated fd00::* dynamic', 'service.updated shop/web');
    to(scenario, { ...back, clusterIP: 'None' }).then('service.updated shop/web');
    expect(to(scenario, { ...back, clusterIP: 'None', selector: null }).answer().spec).toMatchObject({ ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv4', 'IPv6'] });
  });
  it('headless to ExternalName has nothing to give back', () => {
    const outcome = to(given(v4, service('web', headless)), externalName);
    outcome.then('service.updated shop/web');
    expect(outcome.answer().spec.clusterIP).toBeUndefined();
  });
  it('through ExternalName a headful Service becomes headless in two requests', () => {
    const scenario = headful().after(patch('web', { spec: externalName }), patch('web', { spec: { type: 'ClusterIP', externalName: null, clusterIP: 'None' } }));
    expect(scenario.stored('web').spec.clusterIPs).toEqual(['None']);
    expect([...scenario.state.taken.IPv4.values(), ...scenario.state.taken.IPv6.values()]).toEqual([]);
  });

  it('wipes what only a LoadBalancer has, where the client left it alone', () => {
    const scenario = given(v4, service('web', {
      type: 'LoadBalancer', externalTrafficPolicy: 'Local', loadBalancerClass: 'a.b/c', healthCheckNodePort: 30009, loadBalancerIP: '192.0.2.1', sessionAffinity: 'ClientIP', ...ports('80:30001'),
    }));
    const { spec } = to(scenario, { type: 'ClusterIP' }).answer();
    expect([spec.externalTrafficPolicy, spec.loadBalancerClass, spec.healthCheckNodePort, spec.allocateLoadBalancerNodePorts, spec.ports?.[0]?.nodePort]).toEqual([undefined, undefined, undefined, undefined, undefined]);
    expect(spec).toMatchObject({ loadBalancerIP: '192.0.2.1', sessionAffinity: 'ClientIP' }); // never wiped
    expect(to(scenario, { type: 'NodePort' }).answer().spec).toMatchObject({ externalTrafficPolicy: 'Local', ports: [{ nodePort: 30001 }] });
    to(scenario, { type: 'ClusterIP', externalTrafficPolicy: 'Cluster' }).thenInvalid('spec.externalTrafficPolicy: Invalid value: "Cluster": may only be set for externally-accessible services');
    to(scenario, { type: 'NodePort', loadBalancerClass: 'a.b/d' }).thenInvalid("spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'");
  });
});

/** Spec 2.11. */
describe('/status', () => {
  const stored = given(v4, service('web', { ...ips(A), type: 'LoadBalancer', ...ports('80:30001') }));
  const ingress = { loadBalancer: { ingress: [{ ip: '192.0.2.1', ipMode: 'VIP' }] } };

  it('keeps the spec, silently', () => {
    const outcome = stored.when(replace({ ...service('web', externalName, { labels: { a: 'b' } }), status: ingress }, { subresource: 'status' }));
    outcome.then('service.updated shop/web');
    expect(outcome.answer()).toMatchObject({ metadata: { labels: { a: 'b' } }, spec: { type: 'LoadBalancer', clusterIPs: [A] }, status: ingress });
  });
  it('takes and gives back nothing', () =>
    stored.when(patch('web', { spec: { type: 'ClusterIP', clusterIP: '10.0.0.9' }, status: ingress }, { subresource: 'status' })).then('service.updated shop/web'));
  it('has its own checks', () => {
    stored.when(patch('web', { status: { loadBalancer: { ingress: [{ ip: 'x' }] } } }, { subresource: 'status' })).thenInvalid('status.loadBalancer.ingress[0].ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)');
    given(v4, service('web')).when(patch('web', { status: ingress }, { subresource: 'status' })).thenInvalid("status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is 'LoadBalancer'");
  });
});

/** Spec 3: Services of releases that knew no families. */
describe('an old Service', () => {
  const old = (spec: object): ServiceObject => {
    const made = service('web', spec, { uid: 'uid-web', namespace: 'shop', resourceVersion: '2', creationTimestamp: '2020-01-01T00:00:00Z' });
    return { ...made, spec: { ...made.spec, ipFamilies: undefined } };
  };

  it.each<[what: string, spec: object, primary: 'IPv4' | 'IPv6', reads: object]>([
    ['one address', { clusterIP: A }, 'IPv6', { clusterIPs: [A], ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' }],
    ['two addresses', ips(B, A), 'IPv4', { ipFamilies: ['IPv6', 'IPv4'], ipFamilyPolicy: 'RequireDualStack' }],
    ['headless', { clusterIP: 'None' }, 'IPv6', { clusterIPs: ['None'], ipFamilies: ['IPv6'], ipFamilyPolicy: 'SingleStack' }],
    ['headless without selector', { clusterIP: 'None', selector: undefined }, 'IPv6', { ipFamilies: ['IPv6', 'IPv4'], ipFamilyPolicy: 'RequireDualStack' }],
  ])('%s reads with families', (_, spec, primary, reads) => expect(applyReadDefaults(old(spec), primary).spec).toMatchObject(reads));

  it('that has families keeps them, even without a policy', () =>
    expect(applyReadDefaults({ ...old({}), spec: { ...headless, ipFamilies: ['IPv6'] } }, 'IPv4').spec).toEqual({ ...headless, ipFamilies: ['IPv6'] }));
  it('of type ExternalName shows no internalTrafficPolicy', () =>
    expect(applyReadDefaults(old({ ...externalName, internalTrafficPolicy: 'Local' }), 'IPv4').spec).not.toHaveProperty('internalTrafficPolicy'));

  it('is written with its families by the next update, and keeps its address', () => {
    const object = old({ clusterIP: A });
    const ref = { namespace: 'shop', name: 'web', uid: 'uid-web' };
    const scenario = given(v6v4).happened(
      { type: 'ip.allocated', data: { address: A, family: 'IPv4', cidr: '10.0.0.0/24', band: 'static', scope: 'static', service: ref } },
      { type: 'service.created', data: { service: ref, object: { ...object, metadata: { ...object.metadata, resourceVersion: '3' } } } },
    );
    scenario.when(patch('web', { metadata: { labels: { a: 'b' } } })).then('service.updated shop/web');
    expect(scenario.after(patch('web', { metadata: { labels: { a: 'b' } } })).stored('web').spec).toMatchObject({ clusterIPs: [A], ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' });
    scenario.when(remove('web')).then(`ip.released ${A} deleted`, 'service.deleted shop/web');
  });
});

/** Spec 1.10 and 7.1. */
describe('warnings', () => {
  const owner = { apiVersion: 'v1', kind: 'Node', name: 'n', uid: 'u1' };
  const repeated = (when = ''): string =>
    `.metadata.ownerReferences contains duplicate entries${when}; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: u1`;
  const external = 'spec.externalIPs is deprecated and may no longer be implemented in some clusters';
  const careless = service('web', { externalIPs: ['192.0.2.1'] }, { ownerReferences: [owner, { ...owner }] });

  it('about the request come before those about the object', () => {
    const posted = given(v4).when(create(careless));
    expect(posted.accepted().warnings).toEqual([repeated(), external]);
    expect(posted.answer().metadata.ownerReferences).toEqual([owner]);
    expect(given(v4).when(replace(careless)).accepted().warnings).toEqual([repeated(), external]);
    expect(given(v4, service('web')).when(replace(careless)).accepted().warnings).toEqual([repeated(), external]);
  });
  it('of a patch name the moment', () =>
    expect(given(v4, service('web')).when(patch('web', { metadata: { ownerReferences: [owner, owner] } })).accepted().warnings).toEqual([repeated(' after mutating admission happens')]));
  it('go out with a refusal that comes after validation, and only those about the request with one before', () => {
    expect(given(v4, service('web')).when(create(careless)).decision.warnings).toEqual([repeated(), external]);
    expect(given(v4, service('web')).when(replace({ ...careless, metadata: { ...careless.metadata, resourceVersion: '9' } })).decision.warnings).toEqual([repeated()]);
    const portless = service('db', { ports: [] }, { ownerReferences: [owner, { ...owner }] });
    expect(given(v4).when(create(portless)).decision.warnings).toEqual([repeated()]);
    expect(given(v4).when(replace(portless)).decision.warnings).toEqual([repeated()]);
    expect(given(v4, service('web')).when(replace({ ...careless, metadata: { ...careless.metadata, uid: 'other' } })).decision.warnings).toEqual([repeated()]);
  });
});
