import fc from 'fast-check';
import { startServer, type Answer, type TestServer } from './start.js';

/** Whatever a body is: an answer that is no accident, and no trace of what was refused or only tried. */
describe('random bodies', () => {
  let server: TestServer;
  let id: number;
  beforeAll(async () => {
    server = await startServer();
    await server.register('c', ['10.96.0.0/16', 'fd00:10:96::/112']);
    id = (await server.store.clusterByName('c'))?.id ?? 0;
    expect((await server.send('POST', services, seed('target'))).status).toBe(201);
  });
  afterAll(() => server.close());

  const services = '/clusters/c/api/v1/namespaces/default/services';
  const revision = async (): Promise<number> => (await server.store.head(id))?.revision ?? 0;

  /** Sends it and holds the answer against the law. */
  const lawful = async (method: string, path: string, body: string | Uint8Array, type: string, isDry: boolean): Promise<Answer> => {
    const before = await revision();
    const url = `${path}${path.includes('?') ? '&' : '?'}${isDry ? 'dryRun=All' : ''}`;
    const answer = await server.send(method, url, body, { 'content-type': type });
    expect(answer.text).not.toContain('an unexpected error');
    expect(answer.json, answer.text).toMatchObject(answer.status < 300 ? { kind: 'Service' } : { kind: 'Status', code: answer.status, status: 'Failure' });
    if (answer.status >= 500) expect(answer.json.message).toMatch(/failed to allocate/);
    if (answer.status >= 300 || isDry) expect(await revision()).toBe(before);
    return answer;
  };

  const written = async (body: string | Uint8Array, type: string, isDry: boolean): Promise<void> => {
    const answer = await lawful('POST', services, body, type, isDry);
    await lawful('PUT', `${services}/target`, body, type, true);
    if (answer.status === 201 && !isDry) {
      const { namespace, name } = answer.json.metadata as { namespace: string; name: string };
      await server.send('PATCH', `/clusters/c/api/v1/namespaces/${namespace}/services/${name}`, '{"metadata":{"finalizers":null}}', { 'content-type': 'application/merge-patch+json' });
      expect((await server.send('DELETE', `/clusters/c/api/v1/namespaces/${namespace}/services/${name}`)).status).toBe(200);
    }
  };

  const runs = { numRuns: 1_000 };
  it('in JSON: a Service with members that are something else', async () => {
    await fc.assert(fc.asyncProperty(changedService, fc.boolean(), async (service, isDry) => written(JSON.stringify(service), 'application/json', isDry)), runs);
  });

  it('in JSON: damaged texts', async () => {
    const text = Buffer.from(JSON.stringify(seed('f')));
    await fc.assert(fc.asyncProperty(damaged(text), fc.boolean(), async (bytes, isDry) => written(bytes, 'application/json', isDry)), runs);
  });

  it('in YAML: pieces put together, and damaged', async () => {
    const text = fc.array(fc.oneof(fc.constantFrom(...yamlPieces), fc.string({ maxLength: 8 })), { maxLength: 12 }).map((pieces) => Buffer.from(pieces.join('')));
    const whole = Buffer.from('metadata: &m {name: f, labels: {a: "1"}}\nspec:\n  ports:\n  - port: 80\n    name: a\n  selector: {<<: {a: b}}\n');
    await fc.assert(fc.asyncProperty(fc.oneof(text, damaged(whole)), fc.boolean(), async (bytes, isDry) => written(bytes, 'application/yaml', isDry)), runs);
  });

  it('in protobuf: damaged messages', async () => {
    const message = Buffer.from('azhzAAoNCgJ2MRIHU2VydmljZRI/ChUKBWVtcHR5EgAaACIAKgAyADgAQgASIgoQCgASABhQIgYIABAAGgAoABoAIgA6AEIAUgBaAGAAaAAaAgoAGgAiAA==', 'base64');
    await fc.assert(fc.asyncProperty(damaged(message), fc.boolean(), async (bytes, isDry) => written(bytes, 'application/vnd.kubernetes.protobuf', isDry)), runs);
  });

  it.each<[string, fc.Arbitrary<unknown>]>([
    ['application/merge-patch+json', fc.oneof(fc.jsonValue(), fc.dictionary(memberName, fc.oneof(fc.jsonValue(), fc.dictionary(memberName, fc.jsonValue()))), changedMember)],
    ['application/strategic-merge-patch+json', fc.oneof(directives, fc.jsonValue(), changedMember)],
    ['application/json-patch+json', fc.oneof(fc.array(operation, { maxLength: 6 }), fc.jsonValue())],
    ['application/apply-patch+yaml', fc.oneof(changedService, directives, fc.jsonValue())],
  ])('as a patch: %s', async (type, patches) => {
    const query = type.includes('apply') ? '?fieldManager=fuzz&force=true' : '';
    await fc.assert(fc.asyncProperty(patches, fc.boolean(), async (patch, isDry) => {
      const answer = await lawful('PATCH', `${services}/target${query}`, JSON.stringify(patch), type, isDry);
      if (answer.status === 200 && !isDry) await restore();
    }), runs);
  });

  it('in the options of a deletion', async () => {
    const options = fc.dictionary(fc.constantFrom('kind', 'apiVersion', 'gracePeriodSeconds', 'preconditions', 'orphanDependents', 'propagationPolicy', 'dryRun', 'other'), fc.oneof(fc.jsonValue(), fc.constantFrom('v1', 'DeleteOptions', 'Orphan', ['All'], { uid: 'x' })));
    await fc.assert(fc.asyncProperty(options, async (body) => void (await lawful('DELETE', `${services}/target?`, JSON.stringify({ ...body, preconditions: body['preconditions'] ?? { uid: 'no' } }), 'application/json', false))), runs);
    await restore();
  });

  /** Makes the target what it was: a patch may have changed anything, or have it wait for its deletion. */
  const restore = async (): Promise<void> => {
    const path = `${services}/target`;
    await server.send('PATCH', path, '{"metadata":{"finalizers":null}}', { 'content-type': 'application/merge-patch+json' });
    await server.send('DELETE', path);
    const answer = await server.send('POST', services, seed('target'));
    expect(answer.status, answer.text).toBe(201);
  };
});

const seed = (name: string) => ({
  metadata: { name, labels: { a: '1' }, annotations: { b: '2' }, ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u' }] },
  spec: { type: 'NodePort', ipFamilyPolicy: 'PreferDualStack', selector: { app: 'a' }, ports: [{ name: 'a', port: 80 }, { name: 'b', port: 443, protocol: 'TCP', targetPort: 'https' }] },
});

const memberName = fc.oneof(
  fc.constantFrom('metadata', 'spec', 'status', 'name', 'labels', 'ports', 'port', 'clusterIP', 'clusterIPs', 'ipFamilies', 'type', '__proto__', 'constructor', 'toString', 'finalizers', 'managedFields'),
  fc.string({ maxLength: 6 }),
);
const paths = ['', 'kind', 'apiVersion', 'metadata', 'metadata.name', 'metadata.labels', 'metadata.finalizers', 'metadata.ownerReferences', 'metadata.managedFields', 'metadata.creationTimestamp', 'metadata.resourceVersion', 'metadata.generateName',
  'spec', 'spec.type', 'spec.ports', 'spec.ports.0', 'spec.ports.0.port', 'spec.ports.1.targetPort', 'spec.ports.0.nodePort', 'spec.clusterIP', 'spec.clusterIPs', 'spec.ipFamilies', 'spec.ipFamilyPolicy', 'spec.selector',
  'spec.sessionAffinityConfig', 'spec.externalIPs', 'spec.healthCheckNodePort', 'spec.loadBalancerSourceRanges', 'spec.externalName', 'status', 'status.conditions', 'status.loadBalancer.ingress'];
const telling = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom<unknown>('', 'None', 'ExternalName', 'LoadBalancer', '10.96.0.9', 'fd00::1', 'IPv6', ['IPv6', 'IPv4'], 'RequireDualStack', -1, 65_536, 2 ** 40, 1.5, null, [null], {}, [], 'a'.repeat(300), [{ port: 80 }, { port: 80 }], { '': '' }),
).map((value) => structuredClone(value)); // `put` writes into what it is given: a constant would keep it for the next case
const change = fc.tuple(fc.constantFrom(...paths), telling);

const put = (target: any, path: string, value: unknown): unknown => {
  if (path === '') return value;
  const [first = '', ...rest] = path.split('.');
  const holder = typeof target === 'object' && target !== null ? target : {};
  holder[first] = put(holder[first], rest.join('.'), value);
  return holder;
};

/** A Service in which one to three members are something else. */
const changedService = fc.array(change, { minLength: 1, maxLength: 3 }).map((changes) => changes.reduce<unknown>((service, [path, value]) => put(service, path, value), structuredClone(seed('f'))));
/** One member alone, as a patch would have it. */
const changedMember = change.map(([path, value]) => put({}, path, value));

const damaged = (original: Buffer): fc.Arbitrary<Buffer> =>
  fc.record({ cut: fc.option(fc.nat(original.length)), bytes: fc.array(fc.tuple(fc.nat(original.length - 1), fc.nat(255)), { maxLength: 4 }), insert: fc.option(fc.tuple(fc.nat(original.length), fc.uint8Array({ maxLength: 6 }))) }).map(({ cut, bytes, insert }) => {
    let copy = Buffer.from(original);
    for (const [at, byte] of bytes) copy[at] = byte;
    if (insert !== null) copy = Buffer.concat([copy.subarray(0, insert[0]), insert[1], copy.subarray(insert[0])]);
    return cut === null ? copy : copy.subarray(0, cut);
  });

const yamlPieces = ['metadata:', ' {name: f}', '\n', '  ', 'spec:', '\n  ports:', '\n  - port: 80', ' &a', ' *a', ' <<:', ' !!binary x', ' !!set {a}', ': ', '- ', '? ', '|', '>', '---\n', '...\n', '%YAML 1.1\n', '{', '}', '[', ']', '"', "'", '\t', '#', 'yes', '010', '.inf', '2026-01-01', '~', '\u0000', '\ufeff'];

/** Strategic patches with directives in places where they belong and where they do not. */
const directive = fc.oneof(
  fc.record({ $patch: fc.oneof(fc.constantFrom('replace', 'delete', 'merge', 'x'), fc.jsonValue()) }),
  fc.record({ '$setElementOrder/ports': fc.oneof(fc.array(fc.record({ port: fc.constantFrom(80, 443, 53) })), fc.jsonValue()) }),
  fc.record({ '$deleteFromPrimitiveList/finalizers': fc.oneof(fc.array(fc.constantFrom('a', 'b')), fc.jsonValue()) }),
  fc.record({ $retainKeys: fc.oneof(fc.array(fc.constantFrom('type', 'ports')), fc.jsonValue()) }),
  fc.record({ ports: fc.oneof(fc.array(fc.record({ port: fc.constantFrom(80, 443, 53), name: fc.constantFrom('a', 'b', 'c'), $patch: fc.constantFrom('delete', 'replace', 'merge') }, { requiredKeys: [] })), fc.jsonValue()) }),
);
const directives = fc.tuple(fc.constantFrom('', 'spec', 'metadata', 'spec.ports', 'spec.ports.0', 'metadata.labels', 'status'), fc.array(directive, { minLength: 1, maxLength: 3 }))
  .map(([path, found]) => put({}, path, Object.assign({}, ...found)));

const pointer = fc.oneof(fc.constantFrom(...paths).map((path) => (path === '' ? '' : `/${path.replaceAll('.', '/')}`)), fc.constantFrom('/spec/ports/-', '/spec/ports/-1', '/spec/ports/01', '/metadata/__proto__/x', '/~2', 'spec'), fc.string({ maxLength: 6 }));
const operation = fc.record(
  { op: fc.oneof(fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test', 'x'), fc.jsonValue()), path: fc.oneof(pointer, fc.jsonValue()), from: pointer, value: telling },
  { requiredKeys: ['op', 'path'] },
);
