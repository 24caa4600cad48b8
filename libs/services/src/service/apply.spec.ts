import fc from 'fast-check';
import { readJson } from '../codec/json-reader.js';
import { fieldsOf } from '../managed-fields/track.js';
import type { ServiceObject } from '../service.js';
import { apply, patch, ports, service, v4v6 } from '../testing/commands.js';
import { given } from '../testing/scenario.js';

const labels = (map: Record<string, string>): { metadata: { name: string; labels: Record<string, string> } } => ({ metadata: { name: 'a', labels: map } });
const port80 = { spec: { ports: [{ port: 80 }] } };
const owners = (object: ServiceObject) => Object.fromEntries((object.metadata.managedFields ?? []).map((entry) => [`${entry.manager} ${entry.operation}`, fieldsOf(entry)]));
const annotation = 'kubectl.kubernetes.io/last-applied-configuration';

describe('server-side apply', () => {
  it('creates what is not there; the manager owns what it states and nothing else', () => {
    const outcome = given(v4v6).when(apply('a', port80));
    outcome.then('ip.allocated * dynamic', 'service.created shop/a');
    expect(outcome.accepted().status).toBe(201);
    expect(owners(outcome.answer())).toEqual({ 'specs Apply': { 'f:spec': { 'f:ports': { 'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {} } } } } });
  });

  it('does not create through /status, and creates no Service with a uid of the client', () => {
    given(v4v6).when(apply('a', port80, 'm', { subresource: 'status' })).thenRejected('not_found', { name: 'a' });
    given(v4v6).when(apply('a', { ...port80, metadata: { name: 'a', uid: 'u' } })).thenRejected('uid_unknown', { name: 'a', given: 'u' });
  });

  it('writes nothing when it changes neither a field nor an owner', () => {
    given(v4v6, apply('a', { ...port80, ...labels({ x: '1' }) })).when(apply('a', { ...port80, ...labels({ x: '1' }) })).thenNothing();
  });

  it('takes out what its manager no longer states, addresses with their events', () => {
    const dual = { spec: { ports: [{ port: 80 }], ipFamilyPolicy: 'RequireDualStack', type: 'NodePort' } };
    const outcome = given(v4v6, apply('a', dual)).when(apply('a', { spec: { ports: [{ port: 80 }], ipFamilyPolicy: 'SingleStack' } }));
    outcome.then('ip.released fd00::* downgraded', 'port.released * type-changed', 'service.updated shop/a');
    expect(outcome.answer().spec).toMatchObject({ type: 'ClusterIP', ipFamilies: ['IPv4'] });
  });

  it('leaves what another manager owns as well', () => {
    const scenario = given(v4v6, apply('a', { ...port80, ...labels({ x: '1', y: '1' }) }, 'one'), apply('a', labels({ x: '1' }), 'two'));
    expect(scenario.when(apply('a', port80, 'one')).answer().metadata.labels).toEqual({ x: '1' });
  });

  it('names every field that others own and it would change, by manager, and changes nothing', () => {
    given(v4v6, apply('a', { ...port80, ...labels({ x: '1' }) }, 'two'), patch('a', { metadata: { labels: { y: '1' } }, spec: { selector: { a: 'b' } } }))
      .when(apply('a', { ...labels({ x: '2', y: '2' }), spec: { selector: { a: 'c' } } }, 'one'))
      .thenRejected('apply_conflict', {
        conflicts: [
          { manager: '"specs" using v1', field: '.metadata.labels.y' }, { manager: '"specs" using v1', field: '.spec.selector' },
          { manager: '"two"', field: '.metadata.labels.x' },
        ],
      });
  });

  it('takes the fields from the others when it forces', () => {
    const outcome = given(v4v6, apply('a', { ...port80, ...labels({ x: '1' }) }, 'one')).when(apply('a', labels({ x: '2' }), 'two', { force: true }));
    expect(outcome.answer().metadata.labels).toEqual({ x: '2' });
    expect(owners(outcome.answer())).toMatchObject({ 'one Apply': { 'f:spec': {} }, 'two Apply': { 'f:metadata': { 'f:labels': { 'f:x': {} } } } });
    expect(owners(outcome.answer())['one Apply']).not.toHaveProperty('f:metadata');
  });

  it('lets an object be untracked, and tracks it again from the next apply on', () => {
    const untracked = given(v4v6, service('a', ports('80')), patch('a', { metadata: { managedFields: [{}] } }), patch('a', { metadata: { labels: { x: '1' } } }));
    expect(untracked.stored('a').metadata.managedFields).toBeUndefined();
    untracked.when(apply('a', labels({ x: '2' }))).thenRejected('apply_conflict', { conflicts: [{ manager: '"before-first-apply" using v1', field: '.metadata.labels.x' }] });
    expect(Object.keys(owners(untracked.when(apply('a', labels({ y: '2' }))).answer())).sort()).toEqual(['before-first-apply Update', 'specs Apply']);
  });

  it("lets kubectl take over what its client-side apply set, and only that", () => {
    const manifest = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'a', labels: { x: '1' } }, spec: { selector: { app: 'web' } } };
    const clientSide = service('a', ports('80'), { labels: { x: '1' }, annotations: { [annotation]: JSON.stringify(manifest) } });
    const taken = given(v4v6, clientSide).when(apply('a', labels({ x: '2' }), 'kubectl')).answer();
    expect(taken.metadata).toMatchObject({ labels: { x: '2' }, annotations: { [annotation]: '{"apiVersion":"v1","kind":"Service","metadata":{"labels":{"x":"2"},"name":"a"}}\n' } });
    const conflict = { conflicts: [{ manager: '"specs" using v1', field: '.metadata.labels.x' }] };
    given(v4v6, clientSide).when(apply('a', labels({ x: '2' }), 'argocd')).thenRejected('apply_conflict', conflict);
    given(v4v6, clientSide, patch('a', { metadata: { labels: { x: '3' } } })).when(apply('a', labels({ x: '2' }), 'kubectl')).thenRejected('apply_conflict', conflict);
  });

  it.each<[string, object, RegExp]>([
    ['another kind', { kind: 'Pod' }, /^kind: found "Pod", expected "Service"/],
    ['another version', { apiVersion: 'v2' }, /^apiVersion: found "v2", expected "v1"/],
    ['a field that a Service does not have', { spec: { foo: 1 } }, /unknown field "spec\.foo"/],
    ['a value of the wrong type', { spec: { ports: [{ port: '80' }] } }, /spec\.ports\[0\]\.port: found the string "80", expected a whole number/],
    ['one key twice', { spec: { ports: [{ port: 80 }, { port: 80, protocol: 'TCP' }] } }, /^spec\.ports\[1\]: has the same key as spec\.ports\[0\]/],
    ['null as an item', { spec: { ports: [null] } }, /^spec\.ports\[0\]: null is no item/],
    ['managedFields', { metadata: { name: 'a', managedFields: [] } }, /^metadata\.managedFields must be nil$/],
    ['another name', { metadata: { name: 'b' } }, /^the name of the object \(b\) does not match the name on the URL \(a\)$/],
  ])('refuses %s', (_, configuration, message) => {
    given(v4v6, service('a', ports('80'))).when(apply('a', configuration)).thenRejected('bad_request', { message: expect.stringMatching(message) });
  });

  it('refuses fields named twice when it is strict, warns otherwise', () => {
    const twice = (fieldValidation: 'Strict' | 'Warn' | 'Ignore') => {
      const command = apply('a', port80);
      return given(v4v6).when({ ...command, change: { ...command.change, duplicates: ['spec.type'], fieldValidation } as never });
    };
    twice('Strict').thenRejected('bad_request', { message: 'strict decoding error: duplicate field "spec.type"' });
    expect(twice('Warn').accepted().warnings).toEqual(['duplicate field "spec.type"']);
    expect(twice('Ignore').accepted().warnings).toEqual([]);
  });
});

describe('laws of server-side apply', () => {
  const key = fc.constantFrom('a', 'b', 'c');
  const wanted = fc.record({
    // Not empty: an empty map is not stored, so that stating it is a change each time, upstream too (recording conflict/empty-map).
    labels: fc.option(fc.dictionary(key, fc.constantFrom('1', '2', ''), { minKeys: 1 }), { nil: undefined }),
    ports: fc.option(fc.uniqueArray(fc.constantFrom(80, 81, 82), { maxLength: 3 }), { nil: undefined }),
    manager: fc.constantFrom('one', 'two', 'three'), force: fc.boolean(),
  });
  const commandOf = ({ labels: map, ports: numbers, manager, force }: { labels?: Record<string, string>; ports?: number[]; manager: string; force: boolean }) =>
    apply('a', {
      metadata: { name: 'a', ...(map && { labels: map }) },
      ...(numbers && { spec: { ports: numbers.map((port) => ({ port, name: `p${port}` })) } }),
    }, manager, { force });

  it('a second time changes nothing; forced, it is never a conflict, and what it states is there; every field owned is there', () => {
    fc.assert(fc.property(fc.array(wanted, { minLength: 1, maxLength: 8 }), (history) => {
      const scenario = given(v4v6, apply('a', { spec: { ports: [{ port: 443, name: 'base' }] } }, 'base'));
      for (const step of history) {
        const command = commandOf(step);
        const decision = scenario.decide(command);
        if (decision.outcome === 'rejected') {
          expect(decision.rejection.code).toBe('apply_conflict');
          expect(step.force).toBe(false);
          continue;
        }
        scenario.happened(...decision.events);
        const { metadata, spec } = scenario.stored('a');
        expect(metadata.labels ?? {}).toMatchObject(step.labels ?? {});
        for (const port of step.ports ?? []) expect(spec.ports).toContainEqual({ port, name: `p${port}`, protocol: 'TCP', targetPort: port });
        for (const entry of metadata.managedFields ?? []) expect(Object.keys(labelsOwned(entry.fieldsV1)).every((element) => element === '.' || element.slice(2) in (metadata.labels ?? {}))).toBe(true);
        const again = scenario.decide(command);
        expect(again.outcome === 'accepted' && again.events, JSON.stringify(step)).toEqual([]);
      }
    }), { numRuns: 1000 });
  });

  it('any JSON is applied or refused, and never breaks deciding', () => {
    const scenario = given(v4v6, service('a', ports('80')));
    const part = fc.object({ key: fc.constantFrom('name', 'labels', 'ports', 'port', 'finalizers', 'selector', 'type', '__proto__', 'ownerReferences', 'uid', 'loadBalancer'), maxDepth: 3 });
    fc.assert(fc.property(fc.oneof(fc.json(), fc.record({ metadata: part, spec: part, status: part }).map((parts) => JSON.stringify({ apiVersion: 'v1', kind: 'Service', ...parts }))), (text) => {
      const read = readJson(text);
      if ('failure' in read) return;
      const command = apply('a', {}, 'm', { force: true });
      const decision = scenario.decide({ ...command, change: { ...command.change, configuration: read.value } as never });
      if (decision.outcome === 'rejected') expect(['bad_request', 'invalid', 'stale_revision', 'addresses_exhausted']).toContain(decision.rejection.code);
    }), { numRuns: 3000 });
  });
});

const labelsOwned = (fields: unknown): object => ((fields as Record<string, Record<string, object>>)['f:metadata']?.['f:labels'] ?? {});
