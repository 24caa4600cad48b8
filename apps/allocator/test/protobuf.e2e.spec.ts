import { startServer, type Answer, type TestServer } from './start.js';

const protobuf = 'application/vnd.kubernetes.protobuf';

/** What Go's typed clients and `kubectl create service` send, answered in JSON. The bodies were written by client-go 0.37.2. */
describe('bodies in protobuf', () => {
  let server: TestServer;
  const bodies = {
    /** {"metadata":{"name":"empty"},"spec":{"ports":[{"port":80}]}} */
    service: 'azhzAAoNCgJ2MRIHU2VydmljZRI/ChUKBWVtcHR5EgAaACIAKgAyADgAQgASIgoQCgASABhQIgYIABAAGgAoABoAIgA6AEIAUgBaAGAAaAAaAgoAGgAiAA==',
    /** gracePeriodSeconds 0, preconditions uid u and resourceVersion 7, Background, dryRun All */
    deleteOptions: 'azhzAAoTCgJ2MRINRGVsZXRlT3B0aW9ucxIbCAASBgoBdRIBNyIKQmFja2dyb3VuZCoDQWxsGgAiAA==',
    pod: 'azhzAAoJCgJ2MRIDUG9kEkYKEQoBcBIAGgAiACoAMgA4AEIAEhwaADIAQgBKAFIAWABgAGgAggEAigEAmgEAwgEAGhMKABoAIgAqADIASgBaAHIAiAEAGgAiAA==',
  };
  const send = (method: string, path: string, body: Buffer): Promise<Answer> => server.send(method, path, body, { 'content-type': protobuf, accept: `${protobuf},application/json` });
  const bytes = (name: keyof typeof bodies): Buffer => Buffer.from(bodies[name], 'base64');
  const item = (): string => `${server.services('c')}/empty`;

  beforeAll(async () => {
    server = await startServer();
    await server.register('c', ['10.96.0.0/16']);
  });
  afterAll(() => server.close());

  it('creates, replaces and deletes a Service', async () => {
    const created = await send('POST', `${server.services('c')}?fieldValidation=Strict`, bytes('service'));
    expect(created).toMatchObject({ status: 201, json: { kind: 'Service', metadata: { name: 'empty' }, spec: { type: 'ClusterIP', ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }] } } });
    expect(created.headers.get('content-type')).toMatch(/^application\/json/);
    expect(created.headers.get('warning')).toBeNull();
    expect(await send('PUT', item(), bytes('service'))).toMatchObject({ status: 200, json: { spec: { clusterIP: created.json.spec.clusterIP } } });
    const conflict = await send('DELETE', item(), bytes('deleteOptions'));
    expect(conflict).toMatchObject({ status: 409, json: { reason: 'Conflict', message: expect.stringMatching(/the UID in the precondition \(u\)/) } });
    expect((await send('DELETE', `${item()}?dryRun=All`, Buffer.alloc(0))).status).toBe(200);
    expect((await server.send('GET', item())).status).toBe(200);
  });

  it.each<[string, Buffer, RegExp]>([
    ['not protobuf', Buffer.from('{"metadata":{}}'), /the body is not protobuf: found no "k8s\\0"/],
    ['cut short', Buffer.from(bodies.service, 'base64').subarray(0, 40), /the body is not protobuf: the body is cut short at byte/],
    ['another kind', Buffer.from(bodies.pod, 'base64'), /cannot be handled as a Service: kind: found "Pod"/],
  ])('refuses a body that is %s with 400', async (_, body, message) => {
    const before = await server.revision('c');
    for (const [method, path] of [['POST', server.services('c')], ['PUT', item()]] as const) {
      expect(await send(method, path, body)).toMatchObject({ status: 400, json: { kind: 'Status', reason: 'BadRequest', message: expect.stringMatching(message) } });
    }
    expect((await send('DELETE', item(), body)).status).toBe(400);
    expect(await server.revision('c')).toBe(before);
  });

  it('is no form of a patch', async () => {
    expect(await send('PATCH', item(), bytes('service'))).toMatchObject({ status: 415, json: { reason: 'UnsupportedMediaType' } });
  });

  const reviews = '/clusters/c/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
  it('answers what a client asks about itself', async () => {
    const spec = { resourceAttributes: { verb: 'create', resource: 'services' } };
    expect(await server.send('POST', reviews, { spec })).toMatchObject({ status: 201, json: { kind: 'SelfSubjectAccessReview', apiVersion: 'authorization.k8s.io/v1', spec, status: { allowed: true } } });
    expect(await server.send('POST', reviews.replace('access', 'rules'), { spec: { namespace: 'default' } })).toMatchObject({ status: 201, json: { status: { resourceRules: [{ verbs: ['*'] }], incomplete: false } } });
    expect(await server.send('POST', '/clusters/c/apis/authentication.k8s.io/v1/selfsubjectreviews', {})).toMatchObject({ status: 201, json: { status: { userInfo: { username: 'system:anonymous' } } } });
  });

  it.each<[string, unknown, number, RegExp]>([
    ['nothing', {}, 422, /exactly one of nonResourceAttributes or resourceAttributes must be specified/],
    ['two things', { spec: { resourceAttributes: {}, nonResourceAttributes: {} } }, 422, /exactly one of/],
    ['another kind', { kind: 'Service' }, 400, /kind: found "Service", expected "SelfSubjectAccessReview"/],
    ['a list', [], 400, /the body is no object/],
  ])('refuses a review of %s', async (_, body, code, message) => {
    expect(await server.send('POST', reviews, body)).toMatchObject({ status: code, json: { kind: 'Status', message: expect.stringMatching(message) } });
  });
});
