import { decodeService, encodeService, readJsonBytes, type JsonValue } from '@ipledger/services';
import { startServer, type Answer, type TestServer } from './start.js';

type Json = Record<string, any>;

/** The API of a cluster, described for kubectl: what it validates, explains and merges with. */
describe('OpenAPI of a cluster', () => {
  let server: TestServer;
  const get = (path: string, headers: Record<string, string> = {}): Promise<Answer> => server.send('GET', `/clusters/c/openapi${path}`, undefined, headers);
  const schemaOf = async (name: string): Promise<Json> => (await get('/v3/api/v1')).json.components.schemas[`io.k8s.api.core.v1.${name}`];

  beforeAll(async () => {
    server = await startServer();
    await server.register('c', ['10.96.0.0/16']);
  });
  afterAll(() => server.close());

  it('has an index of v3 whose URLs name the very texts they lead to', async () => {
    const { json } = await get('/v3');
    expect(Object.keys(json.paths)).toContain('api/v1');
    expect(Object.keys(json.paths)).toContain('apis/networking.k8s.io/v1');
    for (const { serverRelativeURL } of Object.values<Json>(json.paths)) {
      expect(serverRelativeURL).toMatch(/^\/openapi\/v3\/apis?\/.*\?hash=[0-9A-F]{128}$/);
      const path = serverRelativeURL.replace('/openapi', '');
      const answer = await get(path);
      expect(answer).toMatchObject({ status: 200, json: { openapi: '3.0.0' } });
      expect(answer.headers.get('cache-control')).toBe('public, immutable');
      expect(answer.headers.get('expires')).toMatch(/GMT$/);
      expect(await get(path, { 'if-none-match': answer.headers.get('etag') ?? '' })).toMatchObject({ status: 304 });
      expect((await get(path.replace(/hash=.*/, 'hash=OLD'))).headers.get('cache-control')).toBe('no-cache, private');
    }
    expect(await get('/v3/apis/nothing/v1')).toMatchObject({ status: 404, json: { kind: 'Status' } });
  });

  it('advertises field validation and dry run where kubectl looks for them', async () => {
    const { json } = await get('/v3/api/v1');
    const { patch } = json.paths['/api/v1/namespaces/{namespace}/services/{name}'];
    expect(patch).toMatchObject({ 'x-kubernetes-action': 'patch', 'x-kubernetes-group-version-kind': { group: '', version: 'v1', kind: 'Service' } });
    expect(patch.parameters.map(({ name }: Json) => name)).toEqual(expect.arrayContaining(['fieldValidation', 'dryRun', 'fieldManager', 'force']));
    expect(Object.keys(patch.requestBody.content)).toEqual(expect.arrayContaining(['application/json-patch+json', 'application/merge-patch+json', 'application/strategic-merge-patch+json', 'application/apply-patch+yaml']));
  });

  it('says what a strategic patch and an apply need to know of lists and maps', async () => {
    const { ports, clusterIPs, selector } = (await schemaOf('ServiceSpec'))['properties'];
    expect(ports).toMatchObject({
      'x-kubernetes-patch-merge-key': 'port', 'x-kubernetes-patch-strategy': 'merge', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['port', 'protocol'],
    });
    expect(clusterIPs['x-kubernetes-list-type']).toBe('atomic');
    expect(selector['x-kubernetes-map-type']).toBe('atomic');
    expect(await schemaOf('Service')).toMatchObject({ 'x-kubernetes-group-version-kind': [{ group: '', kind: 'Service', version: 'v1' }], properties: { spec: { allOf: [{ $ref: '#/components/schemas/io.k8s.api.core.v1.ServiceSpec' }] } } });
  });

  it('defines everything it refers to, and nothing else', async () => {
    for (const [path, prefix] of [['/v3/api/v1', '#/components/schemas/'], ['/v3/apis/networking.k8s.io/v1', '#/components/schemas/'], ['/v2', '#/definitions/']] as const) {
      const { json, text } = await get(path);
      const defined = Object.keys(json.definitions ?? json.components.schemas).sort();
      const referred = new Set([...text.matchAll(/"\$ref":"([^"]+)"/g)].map(([, ref = '']) => ref.replace(prefix, '')));
      expect([...referred].sort()).toEqual(defined);
    }
  });

  it('describes exactly the Service that is read and written', async () => {
    const { schemas } = (await get('/v3/api/v1')).json.components;
    const whole = sampleOf(schemas['io.k8s.api.core.v1.Service'], schemas) as Json;
    const read = readJsonBytes(Buffer.from(JSON.stringify({ ...whole, kind: 'Service', apiVersion: 'v1' })));
    if ('failure' in read) throw new Error(read.failure);
    const decoded = decodeService(read.value as JsonValue, []);
    if ('failure' in decoded) throw new Error(decoded.failure);
    expect(decoded.strict).toEqual([]);
    expect(pathsIn(JSON.parse(encodeService(decoded.service)))).toEqual(pathsIn(whole));
  });

  it('serves v2 as JSON and, to kubectl, as protobuf under a type that it can parse', async () => {
    expect((await get('/v2', { accept: 'application/json' })).json).toMatchObject({ swagger: '2.0' });
    const answer = await get('/v2', { accept: 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf' });
    expect(answer.headers.get('content-type')).toBe('application/com.github.proto-openapi.spec.v2.v1.0+protobuf');
    expect(answer.text.slice(0, 5)).toBe('\n\u00032.0');
    expect(answer.text).toContain('io.k8s.api.core.v1.ServiceSpec');
    expect(await get('/v2', { accept: 'text/html' })).toMatchObject({ status: 406, json: { reason: 'NotAcceptable' } });
  });
});

/** A value that has every property of a schema. */
const sampleOf = (schema: Json, schemas: Json): unknown => {
  const target = schema['$ref'] ?? schema['allOf']?.[0].$ref;
  if (target !== undefined) return sampleOf(schemas[target.replace('#/components/schemas/', '')], schemas);
  if (schema['format'] === 'date-time') return '2026-01-02T03:04:05Z';
  if (schema['format'] === 'int-or-string' || schema['type'] === 'integer') return 7;
  if (schema['type'] === 'boolean') return true;
  if (schema['type'] === 'array') return [sampleOf(schema['items'], schemas)];
  if (schema['type'] !== 'object') return 'x';
  if (schema['properties'] === undefined) return { k: 'v' };
  return Object.fromEntries(Object.entries<Json>(schema['properties']).map(([name, property]) => [name, sampleOf(property, schemas)]));
};

const pathsIn = (value: unknown, path = ''): string[] =>
  typeof value !== 'object' || value === null ? [path] : Object.entries(value).flatMap(([key, inner]) => pathsIn(inner, `${path}.${key}`)).sort();
