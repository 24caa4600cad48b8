import { once } from 'node:events';
import http from 'node:http';
import { text } from 'node:stream/consumers';
import { startServer, type Answer, type TestServer } from './start.js';

/** What kube-apiserver 1.37.2 answered to requests that few clients send: how it reads queries, headers and options. */
describe('the machinery around Services', () => {
  let server: TestServer;
  const path = '/clusters/c/api/v1/namespaces/ns/services';
  const table = 'application/json;as=Table;v=v1;g=meta.k8s.io';
  const body = (name: string, labels = {}) => ({ metadata: { name, labels }, spec: { ports: [{ port: 80 }], ...(name === 'b' && { type: 'NodePort' }) } });

  beforeAll(async () => {
    server = await startServer();
    await server.register('c', ['10.96.0.0/16']);
    for (const [name, app] of [['a', 'x'], ['b', 'y'], ['c', 'z'], ['d', 'x'], ['e', 'z']] as const) {
      expect((await server.send('POST', path, body(name, { app }))).status).toBe(201);
    }
  });
  afterAll(() => server.close());

  const get = (query: string, accept?: string, from = path): Promise<Answer> => server.send('GET', from + query, undefined, accept === undefined ? {} : { accept });
  const names = ({ json }: Answer): string[] => (json.items as { metadata: { name: string } }[]).map(({ metadata }) => metadata.name);
  const message = ({ status, json }: Answer): [number, string] => [status, json.message];

  /** Sends a path as it stands: `fetch` would resolve its dots. */
  const unchanged = async (method: string, to: string, sent: unknown, type: string): Promise<Answer> => {
    const request = http.request(server.url, { method, path: to, headers: { 'content-type': type } });
    request.end(sent === undefined ? undefined : JSON.stringify(sent));
    const [answer] = (await once(request, 'response')) as [http.IncomingMessage];
    const received = await text(answer);
    return { status: answer.statusCode ?? 0, headers: new Headers(), text: received, json: JSON.parse(received) as unknown };
  };

  it('is kept by no cache on the way, refusals included', async () => {
    for (const to of [path, `${path}/a`, `${path}/none`, '/clusters/c/version', '/v1/clusters'])
      expect((await get('', undefined, to)).headers.get('cache-control')).toBe('no-cache, private');
  });

  describe('a list', () => {
    it.each<[string, string[], boolean]>([
      ['?limit=2', ['a', 'b'], true],
      ['?limit=2&resourceVersion=0', ['a', 'b', 'c', 'd', 'e'], false], // "0" is answered whole
      ['?limit=2&labelSelector=app%3Dx', ['a', 'd'], true], // e was not looked at
      ['?limit=1&fieldSelector=spec.type%3DNodePort', ['b'], true],
      ['?limit=2&labelSelector=app%3Dz', ['c', 'e'], false],
      ['?limit=1&fieldSelector=metadata.name%3Da', ['a'], false],
      ['?limit=9223372036854775807', ['a', 'b', 'c', 'd', 'e'], false],
      ['?labelSelector=app%3Dx;y', ['a', 'b', 'c', 'd', 'e'], false], // Go drops the pair
      ['?labelSelector=app%3Dx%zz', ['a', 'b', 'c', 'd', 'e'], false],
    ])('%s', async (query, found, goesOn) => {
      const answer = await get(query);
      expect(names(answer)).toEqual(found);
      expect(answer.json.metadata.continue !== undefined).toBe(goesOn);
      expect(answer.json.metadata.remainingItemCount).toBe(query === '?limit=2' ? 3 : undefined);
    });

    it('of all namespaces counts and continues in the one that a selector names', async () => {
      const all = '/clusters/c/api/v1/services';
      expect((await get('?limit=1&fieldSelector=metadata.namespace%3Ddefault', undefined, all)).json.metadata.continue).toBeUndefined();
      expect((await get('?limit=2&fieldSelector=metadata.namespace%3Dns', undefined, all)).json.metadata.continue).toBeDefined();
    });

    it.each([
      ['limit=', 400], ['limit=2?', 400], ['limit=9223372036854775808', 400], ['timeoutSeconds=', 400], ['resourceVersion=18446744073709551616', 400],
      ['resourceVersion=18446744073709551615', 504], ['labelSelector=a%20b&resourceVersionMatch=X', 400], ['resourceVersionMatch=X', 422],
    ])('is refused for %s', async (query, status) => {
      expect((await get(`?${query}`)).status).toBe(status);
    });

    it('that continues reads at the revision of its token, and no other', async () => {
      const { continue: token } = (await get('?limit=2')).json.metadata;
      expect(names(await get(`?continue=${token}&resourceVersion=0&limit=1`))).toEqual(['c', 'd', 'e']);
      for (const version of ['1', '00', 'abc']) {
        expect(message(await get(`?continue=${token}&resourceVersion=${version}`))).toEqual([400, 'specifying resource version is not allowed when using continue']);
      }
    });

    it('with a limit and a revision, and no other word, is of that very revision', async () => {
      const { resourceVersion } = (await get('/c')).json.metadata;
      expect(names(await get(`?limit=9&resourceVersion=${resourceVersion}`))).toEqual(['a', 'b', 'c']);
      expect(names(await get(`?limit=9&resourceVersion=${resourceVersion}&resourceVersionMatch=NotOlderThan`))).toHaveLength(5);
      expect(names(await get(`?resourceVersion=${resourceVersion}`))).toHaveLength(5);
    });

    it('of metadata alone has null for items where there are none', async () => {
      const accept = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io';
      expect((await get('?labelSelector=none', accept)).json.items).toBeNull();
      expect((await get('?labelSelector=app%3Dy', accept)).json.items).toHaveLength(1);
      expect((await get('?labelSelector=none')).json.items).toEqual([]);
    });
  });

  it('knows `export` no longer, for one object', async () => {
    const gone = [400, 'the export parameter, deprecated since v1.14, is no longer supported'];
    for (const item of ['/a?export=true', '/missing?export=', '/a/status?export=1']) expect(message(await get(item))).toEqual(gone);
    for (const item of ['/a?export=false', '?export=true']) expect((await get(item)).status).toBe(200);
  });

  describe('a DELETE', () => {
    it('without a body takes its preconditions from the query', async () => {
      const before = await server.revision('c');
      const { uid, resourceVersion } = (await get('/a')).json.metadata;
      const { resourceVersion: other } = (await get('/b')).json.metadata;
      const refused = [
        ['/a?uid=x', `the UID in the precondition (x) does not match the UID in record (${uid}). The object might have been deleted and then recreated`],
        [`/a?resourceVersion=${other}`, `the ResourceVersion in the precondition (${other}) does not match the ResourceVersion in record (${resourceVersion}). The object might have been modified`],
        ['?resourceVersion=0', `the ResourceVersion in the precondition (0) does not match the ResourceVersion in record (${resourceVersion}). The object might have been modified`],
      ];
      for (const [query, why] of refused) {
        expect(message(await server.send('DELETE', path + query))).toEqual([409, `Operation cannot be fulfilled on Service "a": ${why}`]);
      }
      expect(await server.revision('c')).toBe(before);
      expect((await server.send('DELETE', `${path}/a?uid=${uid}&resourceVersion=${resourceVersion}&dryRun=All`)).status).toBe(200);
      expect((await server.send('DELETE', `${path}/a?uid=x`, { dryRun: ['All'] })).status).toBe(200); // a body has all there is
    });

    it('of a collection at a revision is of what there was', async () => {
      const { resourceVersion } = (await get('/a')).json.metadata;
      expect(names(await server.send('DELETE', `${path}?resourceVersion=${resourceVersion}&dryRun=All`))).toEqual(['a']);
    });

    it('of what cannot be read is refused, since everything can', async () => {
      const unsafe = { ignoreStoreReadErrorWithClusterBreakingPotential: true };
      expect(message(await server.send('DELETE', `${path}/a`, unsafe))).toEqual([409, 'Operation cannot be fulfilled on services "a": StorageError: invalid object, Code: 4, '
        + 'Key: /registry/services/specs/ns/a, ResourceVersion: 0, AdditionalErrorMsg: unsafe deletion is not allowed because the object is decodable from storage']);
      expect((await server.send('DELETE', `${path}/missing`, unsafe)).status).toBe(404);
      expect(message(await server.send('DELETE', path, unsafe))).toEqual([422, 'DeleteOptions.meta.k8s.io "" is invalid: ignoreStoreReadErrorWithClusterBreakingPotential: '
        + 'Invalid value: true: is not allowed with DELETECOLLECTION, try again after removing the option']);
      expect(names(await get(''))).toHaveLength(5);
    });
  });

  describe('content types', () => {
    const accepted = 'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf';
    it.each(['x', 'application/json, application/yaml', 'application/json;;', 'application/json; a', '*/*', 'text/plain'])('%s is none of an object', async (type) => {
      expect(message(await server.send('POST', path, body('f'), { 'content-type': type }))).toEqual([415, accepted]);
      expect(message(await server.send('DELETE', `${path}/a`, {}, { 'content-type': type }))).toEqual([415, accepted]);
      expect((await server.send('DELETE', `${path}/missing`, undefined, { 'content-type': type })).status).toBe(404); // without a body it says nothing
    });
    it.each(['x', 'application/json, application/yaml'])('%s is none of a patch', async (type) => {
      expect(message(await server.send('PATCH', `${path}/a`, {}, { 'content-type': type }))).toEqual([415, '415: Unsupported Media Type']);
    });
    it('may end in a semicolon', async () => {
      expect((await server.send('POST', `${path}?dryRun=All`, body('f'), { 'content-type': 'application/json;' })).status).toBe(201);
    });
  });

  describe('Accept', () => {
    const types = 'application/json, application/yaml, application/vnd.kubernetes.protobuf';
    const router = `406: Not Acceptable\n\nAvailable representations: ${types}`;
    const handler = `only the following media types are accepted: ${types}`;
    it.each([
      ['text/html', router], ['application/*', router], ['APPLICATION/JSON', router], ['*', router],
      ['application/json;v=v1', handler], ['application/json;as=Table;v=v9;g=meta.k8s.io', handler], ['application/json;stream=x', handler],
    ])('%s is refused before anything else is looked at', async (accept, text) => {
      const before = await server.revision('c');
      for (const [method, item, sent] of [['GET', '/missing'], ['POST', '', body('f')], ['PUT', '/f', body('f')], ['DELETE', '/a']] as const) {
        expect(message(await server.send(method, path + item, sent, { accept }))).toEqual([406, text]);
      }
      expect(await server.revision('c')).toBe(before);
    });
    it('of a list that can be watched is told of streams, too', async () => {
      expect(message(await get('', 'text/html'))).toEqual([406, `${router}, application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch`]);
    });
    it.each([
      ['application/json;q=0.1,application/yaml;q=0.9', 'application/yaml'], ['application/json;stream=watch', 'application/json'],
      ['text/html,*/*;q=0.1', 'application/json'], ['application/vnd.kubernetes.protobuf,application/yaml', 'application/yaml'],
    ])('%s is answered with %s', async (accept, type) => {
      expect((await get('/a', accept)).headers.get('content-type')).toMatch(type);
    });
    it('finds out only afterwards that one object was asked for, and many were deleted', async () => {
      const other = '/clusters/c/api/v1/namespaces/gone/services';
      await server.send('POST', other, body('a'));
      const answer = await server.send('DELETE', other, undefined, { accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io' });
      expect(message(answer)).toEqual([406, 'you requested PartialObjectMetadata, but the requested object is a list (*core.ServiceList)']);
      expect((await get('', undefined, other)).json.items).toEqual([]);
      expect((await get('?limit=1', table, other)).json.rows).toEqual([]);
    });
    it('may ask for YAML, refusals included', async () => {
      expect((await get('/a', 'application/yaml')).text).toMatch(/^apiVersion: v1\nkind: Service\nmetadata:\n {2}creationTimestamp: "\d{4}-[^"]+"\n {2}labels:\n {4}app: x\n {2}managedFields:\n {2}- apiVersion: v1\n[^]*\n {10}\.: \{\}\n/);
      expect((await get('/missing', 'application/yaml')).text).toBe(
        'apiVersion: v1\ncode: 404\ndetails:\n  kind: services\n  name: missing\nkind: Status\nmessage: services "missing" not found\nmetadata: {}\nreason: NotFound\nstatus: Failure\n');
    });
  });

  it.each([
    ['.', "may not be '.'"], ['..', "may not be '..'"], ['a%', "may not contain '%'"],
  ])('takes %s for no name', async (name, why) => {
    const refused = [400, `Name parameter invalid: ${JSON.stringify(name)}: ${why}`];
    const send = async (method: string, sent?: unknown, type = 'application/json') => message(await unchanged(method, `${path}/${name.replace('%', '%25')}`, sent, type));
    expect(await send('GET')).toEqual(refused);
    expect(await send('DELETE')).toEqual(refused);
    expect(await send('PATCH', {}, 'application/merge-patch+json')).toEqual(refused);
    expect(await send('PUT', body(name))).toEqual(refused);
    expect(await send('PUT', body('x'))).toEqual([400, `the name of the object (x) does not match the name on the URL (${name})`]);
  });

  it('has no path with a slash in a name, and quotes other names', async () => {
    const nothing = [404, 'the server could not find the requested resource'];
    for (const item of [`${path}/a%2Fb`, '/clusters/c/api/v1/namespaces/a%2Fb/services']) expect(message(await server.send('GET', item))).toEqual(nothing);
    expect(message(await server.send('PUT', `${path}/a%2Fb`, body('x')))).toEqual(nothing);
    expect(message(await server.send('GET', `${path}/a%0A`))).toEqual([404, 'services "a\\n" not found']);
  });

  it('continues no watch', async () => {
    const refused = 'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is provided';
    for (const query of ['', '&resourceVersion=0', '&sendInitialEvents=true&resourceVersionMatch=NotOlderThan']) {
      expect(message(await get(`?watch=true&timeoutSeconds=1&continue=x${query}`))).toEqual([422, refused]);
    }
  });

  it('reads a timeout, but not of a watch', async () => {
    const refused = [400, 'invalid timeout specified in the request URL - time: missing unit in duration "5"'];
    for (const item of [`${path}/a?timeout=5`, `${path}?timeout=5`, `${path}/missing?timeout=5`]) expect(message(await server.send('GET', item))).toEqual(refused);
    const before = await server.revision('c');
    expect(message(await server.send('DELETE', `${path}/a?timeout=5`))).toEqual(refused);
    expect(await server.revision('c')).toBe(before);
    for (const query of ['timeout=5s', 'timeout=', 'timeout=5&watch=true&timeoutSeconds=1&resourceVersion=1']) expect((await get(`?${query}`)).status).toBe(200);
  });

  it('does not let the creator own what is wiped from a new object', async () => {
    const given = { metadata: { name: 'w', deletionTimestamp: '2001-02-03T04:05:06Z', deletionGracePeriodSeconds: 5 }, spec: { ports: [{ port: 80 }] } };
    const { json } = await server.send('POST', `${path}?dryRun=All`, given);
    expect(json.metadata.deletionTimestamp).toBeUndefined();
    expect(json.metadata.managedFields[0].fieldsV1).not.toHaveProperty('f:metadata');
  });

  it('warns of unknown fields even of an object that is refused for its name', async () => {
    const answer = await server.send('PUT', `${path}/a`, { ...body('b'), foo: 1 });
    expect(message(answer)).toEqual([400, 'the name of the object (b) does not match the name on the URL (a)']);
    expect(answer.headers.get('warning')).toBe('299 - "unknown field \\"foo\\""');
  });

  it('counts the operations of a JSON patch', async () => {
    const operations = Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/kind', value: 'Service' }));
    const { status, json } = await server.send('PATCH', `${path}/a`, operations, { 'content-type': 'application/json-patch+json' });
    expect([status, json]).toEqual([413, {
      kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', reason: 'RequestEntityTooLarge', code: 413,
      message: 'Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001',
    }]);
  });
});
