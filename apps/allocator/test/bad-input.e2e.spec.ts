import { connect } from 'node:net';
import { startServer, type TestServer } from './start.js';

/** Whatever comes in, the answer is a clear 4xx and the log is as it was. */
describe('bad input', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer();
    await server.register('c', ['10.96.0.0/16', 'fd00:10:96::/112']);
    const answer = await server.send('POST', server.services('c'), { metadata: { name: 'there' }, spec: { ports: [{ port: 80 }] } });
    expect(answer.status).toBe(201);
  });
  afterAll(() => server.close());

  const ok = { metadata: { name: 'a' }, spec: { ports: [{ port: 80 }] } };
  const services = '/clusters/c/api/v1/namespaces/default/services';
  const deep = `{"metadata":{"name":"a","labels":${'{"a":'.repeat(2000)}1${'}'.repeat(2000)}}}`;
  const utf8 = Buffer.concat([Buffer.from('{"metadata":{"name":"a'), Buffer.from([0xff, 0xfe]), Buffer.from('"}}')]);

  const yaml = { 'content-type': 'application/apply-patch+yaml' };
  const applied = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'there' }, spec: { ports: [{ port: 81 }] } };

  const kubernetes: [string, string, string, unknown, Record<string, string>, number, RegExp][] = [
    ['not JSON', 'POST', services, '{"metadata":', {}, 400, /the body is not JSON/],
    ['an array', 'POST', services, '[]', {}, 400, /cannot be handled as a Service/],
    ['no body', 'POST', services, undefined, {}, 400, /the body is not JSON/],
    ['a number for a text', 'POST', services, { metadata: { name: 1 } }, {}, 400, /metadata\.name/],
    ['a huge number', 'POST', services, '{"metadata":{"name":"a"},"spec":{"ports":[{"port":1e400}]}}', {}, 400, /spec\.ports\[0\]\.port/],
    ['a port past int32', 'POST', services, { ...ok, spec: { ports: [{ port: 99999999999 }] } }, {}, 400, /spec\.ports\[0\]\.port/],
    ['deep nesting', 'POST', services, deep, {}, 400, /nested|deep/],
    ['invalid UTF-8', 'POST', services, utf8, {}, 400, /UTF-8/],
    ['an unknown content type', 'POST', services, 'a=b', { 'content-type': 'application/x-www-form-urlencoded' }, 415, /unknown format/],
    ['repeated keys, strictly', 'POST', `${services}?fieldValidation=Strict`, '{"metadata":{"name":"a"},"spec":{"type":"ClusterIP","type":"NodePort"}}', {}, 400, /duplicate field "spec.type"/],
    ['a prototype key, strictly', 'POST', `${services}?fieldValidation=Strict`, '{"__proto__":{"polluted":true},"metadata":{"name":"a"}}', {}, 400, /unknown field "__proto__"/],
    ['another namespace', 'POST', services, { metadata: { name: 'a', namespace: 'other' } }, {}, 400, /does not match the namespace sent/],
    ['a merge patch that is a list', 'PATCH', `${services}/there`, '[1]', { 'content-type': 'application/merge-patch+json' }, 400, /merge patch is an object/],
    ['a JSON patch that fails', 'PATCH', `${services}/there`, [{ op: 'remove', path: '/spec/nothing' }], { 'content-type': 'application/json-patch+json' }, 422, /rejected our request/],
    ['a copy bomb', 'PATCH', `${services}/there`, bomb(), { 'content-type': 'application/json-patch+json' }, 422, /./],
    ['an apply without a manager', 'PATCH', `${services}/there`, applied, yaml, 422, /fieldManager: Required value: is required for apply patch/],
    ['an apply that is no YAML', 'PATCH', `${services}/there?fieldManager=m`, 'not: [yaml', yaml, 400, /neither JSON nor YAML/],
    ['an apply of a long YAML', 'PATCH', `${services}/there?fieldManager=m`, `a: "${'x'.repeat(70_000)}"\n`, yaml, 400, /at most 65536 bytes; send JSON/],
    ['an apply of anchors for billions', 'PATCH', `${services}/there?fieldManager=m`, anchors(), yaml, 400, /more than 100000 values/],
    ['an apply of a prototype', 'PATCH', `${services}/there?fieldManager=m`, '{"apiVersion":"v1","kind":"Service","metadata":{"name":"there"},"spec":{"__proto__":{"polluted":true}}}', yaml, 400, /unknown field "spec.__proto__"/],
    ['an apply of CBOR', 'PATCH', `${services}/there?fieldManager=m`, applied, { 'content-type': 'application/apply-patch+cbor' }, 415, /Unsupported Media Type/],
    ['an apply to the status of nothing', 'PATCH', `${services}/nothing/status?fieldManager=m`, { ...applied, metadata: { name: 'nothing' } }, yaml, 404, /services "nothing" not found/],
    ['a bad dryRun', 'DELETE', `${services}/there?dryRun=Alll`, undefined, {}, 422, /dryRun: Unsupported value/],
    ['a bad revision', 'PUT', `${services}/there`, { metadata: { name: 'there', resourceVersion: 'abc' } }, {}, 400, /is not a resourceVersion/],
    ['a bad key', 'POST', services, ok, { 'idempotency-key': 'x'.repeat(256) }, 400, /Idempotency-Key/],
    ['no JSON, to a path in escapes', 'POST', services.replace('c', '%63'), '{"metadata":', {}, 400, /the body is not JSON/],
    ['a bad timeout, to a path in escapes', 'GET', `${services.replace('c', '%63')}?timeout=x`, undefined, {}, 400, /invalid duration "x"/],
    ['an unknown cluster', 'POST', services.replace('/c/', '/nothing/'), ok, {}, 404, /clusters "nothing" not found/],
    ['an unserved representation', 'GET', `${services}/there`, undefined, { accept: 'text/html' }, 406, /Not Acceptable/],
  ];
  it.each(kubernetes)('%s is refused with a Status', async (_, method, path, body, headers, code, message) => {
    const before = await server.revision('c');
    const answer = await server.send(method, path, body, headers);
    expect(answer.status, answer.text).toBe(code);
    expect(answer.json).toMatchObject({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code, message: expect.stringMatching(message) });
    expect(answer.text).not.toMatch(/\bat .*\.(ts|js):\d+/);
    expect(await server.revision('c')).toBe(before);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('refuses a body over 3 MiB with 413', async () => {
    const body = JSON.stringify({ metadata: { name: 'a', annotations: { big: 'x'.repeat(3 * 1024 * 1024) } } });
    const answer = await server.send('POST', services, body);
    expect(answer).toMatchObject({ status: 413, json: { reason: 'RequestEntityTooLarge', message: 'Request entity too large: limit is 3145728' } });
  });

  const register = (body: unknown): [string, string, unknown] => ['POST', '/v1/clusters', body];
  const v1: [string, [string, string, unknown], number, string, RegExp][] = [
    ['not JSON', register('{'), 400, 'invalid_request', /not JSON/],
    ['a repeated key', register('{"name":"x","name":"y","serviceCIDRs":["10.0.0.0/24"]}'), 400, 'invalid_request', /name.*twice/],
    ['no body', register(undefined), 400, 'invalid_request', /^the body: is empty; send a JSON object$/],
    ['a missing member', register({ name: 'x' }), 400, 'invalid_request', /^serviceCIDRs: is missing$/],
    ['another kind of value', register({ name: 'x', serviceCIDRs: ['10.0.0.0/24', 7] }), 400, 'invalid_request', /^serviceCIDRs\[1\]: 7 must be text$/],
    ['an unknown parameter of a change', ['PUT', '/v1/clusters/c?dryrun=All', { serviceCIDRs: ['10.96.0.0/15', 'fd00:10:96::/112'] }], 400, 'invalid_request', /^dryrun: "All" is no parameter of this request; it has inUse, dryRun$/],
    ['the same, to a path in escapes', ['PUT', '/%761/clusters/c?dryrun=All', { serviceCIDRs: ['10.96.0.0/15', 'fd00:10:96::/112'] }], 400, 'invalid_request', /^dryrun: "All" is no parameter/],
    ['a parameter where there is none', ['POST', '/v1/clusters/c/preflight?dryRun=All', { ipv4: 1 }], 400, 'invalid_request', /; it has none$/],
    ['an unknown member', register({ name: 'x', serviceCIDRs: ['10.0.0.0/24'], foo: 1 }), 400, 'invalid_request', /^foo: 1 is not known here; name, serviceCIDRs, .* are$/],
    ['a bad name', register({ name: 'X_', serviceCIDRs: ['10.0.0.0/24'] }), 422, 'cluster_invalid', /name: "X_" is not an RFC 1123 label/],
    ['no CIDR', register({ name: 'x', serviceCIDRs: ['10.0.0.0'] }), 422, 'cluster_invalid', /serviceCIDRs\[0\]: "10.0.0.0" is not a CIDR/],
    ['host bits', register({ name: 'x', serviceCIDRs: ['10.0.0.1/24'] }), 422, 'cluster_invalid', /bits set beyond the prefix/],
    ['an overlap', register({ name: 'x', serviceCIDRs: ['10.0.0.0/16', '10.0.3.0/24'] }), 422, 'cluster_invalid', /overlaps 10.0.0.0\/16/],
    ['loopback', register({ name: 'x', serviceCIDRs: ['127.0.0.0/16'] }), 422, 'cluster_invalid', /loopback/],
    ['multicast', register({ name: 'x', serviceCIDRs: ['ff00::/112'] }), 422, 'cluster_invalid', /multicast/],
    ['everything', register({ name: 'x', serviceCIDRs: ['0.0.0.0/0'] }), 422, 'cluster_invalid', /unspecified/],
    ['a vast IPv6 range', register({ name: 'x', serviceCIDRs: ['fd00::/48'] }), 422, 'cluster_invalid', /larger than a \/64/],
    ['a range without addresses', register({ name: 'x', serviceCIDRs: ['10.0.0.0/31'] }), 422, 'cluster_invalid', /no usable address/],
    ['too many ranges', register({ name: 'x', serviceCIDRs: Array.from({ length: 17 }, (_, i) => `10.${i}.0.0/24`) }), 422, 'cluster_invalid', /1 to 16 CIDRs/],
    ['a name that exists', register({ name: 'c', serviceCIDRs: ['10.0.0.0/24'] }), 409, 'cluster_exists', /PUT \/v1\/clusters\/c/],
    ['a bad address', ['GET', '/v1/clusters/c/addresses/10.96.0.300', undefined], 400, 'invalid_request', /is not an IP address/],
    ['an address outside', ['GET', '/v1/clusters/c/addresses/10.1.2.3', undefined], 404, 'address_not_in_pools', /10\.1\.2\.3 is in none of/],
    ['a bad limit', ['GET', '/v1/clusters/c/events?limit=x', undefined], 400, 'invalid_request', /limit: "x" is not a whole number/],
    ['shrinking under held addresses', ['PUT', '/v1/clusters/c', { serviceCIDRs: ['fd00:10:96::/112'] }], 409, 'cidr_in_use', /2 held addresses .*10\.96\.0\.1 \(default\/kubernetes\)/],
    ['an unknown path', ['GET', '/v1/nothing', undefined], 404, 'not_found', /does not exist/],
  ];
  it.each(v1)('%s is refused with a problem document', async (_, [method, path, body], code, name, detail) => {
    const before = await server.revision('c');
    const answer = await server.send(method, path, body);
    expect(answer.status, answer.text).toBe(code);
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(answer.json).toMatchObject({ status: code, code: name, detail: expect.stringMatching(detail), retriable: false });
    expect(await server.revision('c')).toBe(before);
    expect((await server.send('GET', '/v1/clusters')).json.items.map((item: { name: string }) => item.name)).toEqual(['c']);
  });

  it.each(['/livez', '/readyz'])('answers a probe of %s that asks by HEAD', async (path) => {
    expect(await server.send('HEAD', path)).toMatchObject({ status: 200, text: '' });
    expect(await server.send('HEAD', '/metrics')).toMatchObject({ status: 404 });
  });

  it('survives a request that is no HTTP', async () => {
    const { port } = new URL(server.url);
    const text = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), '127.0.0.1', () => socket.write('\x16\x03\x01\x02\x00nonsense\r\n\r\n'));
      let seen = '';
      socket.on('data', (data) => (seen += data.toString())).on('close', () => resolve(seen)).on('error', reject);
    });
    expect(text).toMatch(/^HTTP\/1\.1 400/);
    expect((await server.send('GET', '/livez')).text).toBe('ok\n');
  });
});

/** Nine levels of nine aliases each. */
function anchors(): string {
  const lines = ['a: &l0 [x]'];
  for (let i = 1; i <= 9; i++) lines.push(`b${i}: &l${i} [${Array.from({ length: 9 }, () => `*l${i - 1}`).join(', ')}]`);
  return `${lines.join('\n')}\n`;
}

/** Doubles an annotation over and over: 60 operations would make 2^60 bytes. */
function bomb(): unknown[] {
  const grow = Array.from({ length: 60 }, () => [{ op: 'copy', from: '/metadata/annotations', path: '/metadata/annotations/x' }]).flat();
  return [{ op: 'add', path: '/metadata/annotations', value: { y: 'x'.repeat(1000) } }, ...grow];
}
