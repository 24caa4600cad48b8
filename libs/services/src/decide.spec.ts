import { encodeService } from './codec/encode-service.js';
import { documentExists, documentKey } from './decide.js';
import { encodeEvents } from './events.js';
import { Refusal } from './rejection.js';
import { parseDocument } from './service/document.js';
import {
  addCidr, create, declare, externalName, families, ips, patch, ports, range4, register, remove, removeCluster, replace, service, v4, v4v6,
} from './testing/commands.js';
import { contentsOf, given } from './testing/scenario.js';

const [A, B] = ['10.0.0.7', 'fd00::7'] as const;
const pair = { ...ips(A, B), ipFamilyPolicy: 'RequireDualStack' };
const dryRun = true;

describe('the document that a command has to see', () => {
  it.each([
    [create(service('web')), { namespace: 'shop', name: 'web' }],
    [create(service('', {}, { generateName: 'web-' })), undefined], // not known before the names are drawn
    [replace(service('web')), { namespace: 'shop', name: 'web' }],
    [patch('web', {}), { namespace: 'shop', name: 'web' }],
    [remove('web'), { namespace: 'shop', name: 'web' }],
    [removeCluster(), { namespace: 'default', name: 'kubernetes' }],
    [register([range4]), undefined],
    [declare([range4]), undefined],
    [addCidr(range4), undefined],
  ])('%j', (command, key) => expect(documentKey(command)).toEqual(key));

  it('exists when the state knows the Service', () => {
    const { state } = given(v4, service('web'));
    expect([documentExists(state, { namespace: 'shop', name: 'web' }), documentExists(state, { namespace: 'default', name: 'web' })]).toEqual([true, false]);
  });
});

/** Spec 4.3, right column. */
describe('a dry run', () => {
  const scenario = given(v4v6, service('web', { ...pair, type: 'NodePort', ...ports('80:30001') }));

  it('changes nothing, and answers the Service with no revision of its own', () => {
    const outcome = scenario.when(create(service('db', { ipFamilyPolicy: 'PreferDualStack' }), { dryRun }));
    outcome.thenNothing();
    const { metadata, spec } = outcome.answer();
    expect(outcome.accepted().status).toBe(201);
    expect(metadata).toMatchObject({ name: 'db', uid: 'uid-db' });
    expect(metadata.resourceVersion).toBeUndefined();
    expect(spec).toMatchObject({ ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv4', 'IPv6'] });
  });
  it('shows a really free address, the very one that the real request would get', () => {
    const real = scenario.when(create(service('db', { ipFamilyPolicy: 'PreferDualStack' }))).answer().spec.clusterIPs;
    expect(scenario.when(create(service('db', { ipFamilyPolicy: 'PreferDualStack' }), { dryRun })).answer().spec.clusterIPs).toEqual(real);
  });
  it('refuses what the real request refuses, in its words', () => {
    const both = [create(service('db', ips(A))), create(service('db', ips('10.9.9.9'))), create(service('web')), create(service('db', families('IPv6', 'IPv4'))), remove('other'), patch('other', {})];
    for (const command of both) {
      const rejection = scenario.when(command).rejection();
      expect(rejection).toBeDefined();
      expect(scenario.when({ ...command, dryRun }).rejection()).toEqual(rejection);
    }
    const full = given(register(['10.0.0.0/30']), service('a'), service('b'));
    full.when(create(service('c'), { dryRun })).thenRejected('addresses_exhausted', { name: 'c', family: 'IPv4' });
    scenario.when(replace(service('web', {}, { uid: 'mine' }), { dryRun })).thenRejected('uid_mismatch', { namespace: 'shop', name: 'web', given: 'mine', stored: 'uid-web', dryRun });
  });
  it('does not mind a resourceVersion in a new object', () => scenario.when(create(service('db', {}, { resourceVersion: '7' }), { dryRun })).thenNothing());
  it('of an update or a deletion', () => {
    const single = scenario.when(patch('web', { spec: { ipFamilyPolicy: 'SingleStack' } }, { dryRun }));
    single.thenNothing();
    expect(single.answer().spec.clusterIPs).toEqual([A]);
    expect(single.answer().metadata.resourceVersion).toBe('5');
    const gone = scenario.when(remove('web', {}, { dryRun }));
    gone.thenNothing();
    expect(gone.answer().metadata.name).toBe('web');
    const marked = scenario.when(remove('web', { propagationPolicy: 'Foreground' }, { dryRun }));
    marked.thenNothing();
    expect(marked.answer().metadata).toMatchObject({ finalizers: ['foregroundDeletion'], deletionTimestamp: '2026-01-02T03:04:05Z' });
    scenario.when(replace(service('web', externalName), { dryRun })).thenNothing();
    scenario.when(replace(service('new'), { dryRun })).thenNothing();
  });
  it('shows node ports as upstream does: 32769, then the highest so far plus one, free or not', () => {
    const shown = (...list: string[]): unknown => scenario.when(create(service('db', { type: 'NodePort', ...ports(...list) }), { dryRun })).answer().spec.ports?.map(({ nodePort }) => nodePort);
    expect(shown('a=80', 'b=81')).toEqual([32769, 32770]);
    expect(shown('a=80:30005', 'b=81', 'c=82')).toEqual([30005, 30006, 30007]);
    expect(shown('a=80:30000', 'b=81')).toEqual([30000, 30001]); // which is held
    expect(shown('a=80:1')).toEqual([1]); // the range is not checked
    const balanced = scenario.when(create(service('db', { type: 'LoadBalancer', externalTrafficPolicy: 'Local' }), { dryRun })).answer().spec;
    expect([balanced.ports?.[0]?.nodePort, balanced.healthCheckNodePort]).toEqual([32769, 32770]);
  });
  it('finds a node port that is held, or used twice', () => {
    scenario.when(create(service('db', { type: 'NodePort', ...ports('80:30001') }), { dryRun })).thenInvalid('spec.ports[0].nodePort: Invalid value: 30001: provided port is already allocated');
    scenario.when(create(service('db', { type: 'NodePort', ...ports('a=80:30002', 'b=81/UDP:30002') }), { dryRun })).thenInvalid('spec.ports[1].nodePort: Invalid value: 30002: provided port is already allocated');
  });
});

describe('decide', () => {
  it('lets through what is no refusal', () => {
    const scenario = given(v4, service('web'));
    scenario.documents.set('shop/web', '{"damaged');
    expect(() => scenario.decide(patch('web', {}))).toThrow('a stored Service cannot be read');
    expect(() => scenario.decide(patch('web', {}))).not.toThrow(Refusal);
  });
  it('leaves the lists that a client sent as they are, managedFields too', () => {
    const entry = (manager: string, time: string) => ({ manager, operation: 'Update', apiVersion: 'v1', time, fieldsType: 'FieldsV1', fieldsV1: { 'f:spec': { 'f:type': {} } } });
    const scenario = given(v4, service('web', ips(A)));
    const stored = scenario.stored('web'); // sent whole, so that no field changes hands
    const sent = { ...stored, metadata: { ...stored.metadata, managedFields: [entry('z', '2026-01-02T03:04:05Z'), entry('a', '2026-01-01T03:04:05Z')] } };
    scenario.when(replace(sent)).then('service.updated shop/web');
  });
});

describe('events as the log stores them', () => {
  const events = given(v4v6).when(create(service('web', pair))).accepted().events;

  it('are the events, with the Service encoded as its document', () => {
    const stored = JSON.parse(encodeEvents(events)) as { type: string; data: { object?: object } }[];
    expect(stored.map(({ type }) => type)).toEqual(['ip.allocated', 'ip.allocated', 'service.created']);
    const last = events[2];
    if (last?.type !== 'service.created') throw new Error('no Service');
    expect(stored[2]?.data).toEqual({ service: last.data.service, object: JSON.parse(encodeService(last.data.object)) as unknown });
    expect(stored[0]).toEqual(events[0]);
    expect(encodeEvents([])).toBe('[]');
  });
  it('take the document that the caller has, word by word', () => {
    const last = events[2];
    if (last?.type !== 'service.created') throw new Error('no Service');
    expect(encodeEvents(events, encodeService(last.data.object))).toBe(encodeEvents(events));
    expect(encodeEvents([last], '{"x":1}')).toContain('"object":{"x":1}}}]');
  });
  it('read back to what was decided', () => {
    const scenario = given(v4v6);
    const decoded = (JSON.parse(encodeEvents(events)) as typeof events).map((event) =>
      ('object' in event.data ? { ...event, data: { ...event.data, object: parseDocument(JSON.stringify(event.data.object)) } } : event) as (typeof events)[number]);
    scenario.happened(...decoded);
    expect(contentsOf(scenario.state)).toEqual(contentsOf(given(v4v6, service('web', pair)).state));
  });
});
