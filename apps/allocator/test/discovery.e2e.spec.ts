import { startServer, type Answer, type TestServer } from './start.js';

/** What clients read before they do anything, and what they ask for on the way. */
describe('the API of a cluster, discovered', () => {
  let server: TestServer;
  const get = (path: string, headers: Record<string, string> = {}): Promise<Answer> => server.send('GET', `/clusters/c${path}`, undefined, headers);

  beforeAll(async () => {
    server = await startServer();
    await server.register('c', ['10.96.0.0/16', 'fd00:10:96::/112', '10.100.0.0/24']);
  });
  afterAll(() => server.close());

  it('lists groups, versions and resources', async () => {
    expect((await get('/api')).json).toMatchObject({ kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: new URL(server.url).host }] });
    const { json: groups } = await get('/apis');
    expect(groups).toMatchObject({ kind: 'APIGroupList', apiVersion: 'v1' });
    expect(groups.groups).toContainEqual({
      name: 'networking.k8s.io', versions: [{ groupVersion: 'networking.k8s.io/v1', version: 'v1' }],
      preferredVersion: { groupVersion: 'networking.k8s.io/v1', version: 'v1' },
    });
    expect((await get('/apis/networking.k8s.io')).json).toEqual({ kind: 'APIGroup', apiVersion: 'v1', ...groups.groups.find(({ name }: { name: string }) => name === 'networking.k8s.io') });
    expect((await get('/api/v1')).json).toEqual({
      kind: 'APIResourceList', apiVersion: 'v1', groupVersion: 'v1',
      resources: [
        {
          name: 'services', singularName: 'service', namespaced: true, kind: 'Service', shortNames: ['svc'], categories: ['all'],
          verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
        },
        { name: 'services/status', singularName: '', namespaced: true, kind: 'Service', verbs: ['get', 'patch', 'update'] },
      ],
    });
    expect((await get('/apis/networking.k8s.io/v1')).json.resources.map(({ name }: { name: string }) => name)).toEqual(['ipaddresses', 'servicecidrs']);
  });

  const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
  it.each([
    ['kubectl 1.37', `${aggregated},application/json`, aggregated],
    ['kubectl 1.26', 'application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json', aggregated.replace('v2', 'v2beta1')],
    ['a client with an option that is not served', `application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList;profile=nopeer,${aggregated}`, aggregated],
    ['kubectl 1.20', 'application/json, */*', 'application/json'],
    ['nothing in particular', '*/*', 'application/json'],
  ])('answers discovery in the form that %s asks for', async (_, accept, type) => {
    for (const root of ['/api', '/apis']) {
      const answer = await get(root, { accept });
      expect(answer.headers.get('content-type')).toBe(type);
      expect(answer.headers.get('vary')).toMatch(/accept/i);
      expect(answer.json.kind).toBe(type === 'application/json' ? (root === '/api' ? 'APIVersions' : 'APIGroupList') : 'APIGroupDiscoveryList');
      const again = await get(root, { accept, 'if-none-match': answer.headers.get('etag') ?? '' });
      expect(again).toMatchObject({ status: 304, text: '' });
    }
  });

  it('says in one aggregated answer what the classic ones say', async () => {
    const core = (await get('/api', { accept: aggregated })).json;
    expect(core).toMatchObject({ apiVersion: 'apidiscovery.k8s.io/v2', items: [{ metadata: {}, versions: [{ version: 'v1', freshness: 'Current' }] }] });
    expect(core.items[0].versions[0].resources).toEqual([{
      resource: 'services', responseKind: { group: '', version: 'v1', kind: 'Service' }, scope: 'Namespaced', singularResource: 'service',
      verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'], shortNames: ['svc'], categories: ['all'],
      subresources: [{ subresource: 'status', responseKind: { group: '', version: 'v1', kind: 'Service' }, verbs: ['get', 'patch', 'update'] }],
    }]);
    const named = (await get('/apis', { accept: aggregated })).json.items.map(({ metadata }: { metadata: { name: string } }) => metadata.name);
    expect(named).toEqual((await get('/apis')).json.groups.map(({ name }: { name: string }) => name));
    expect(await get('/apis', { accept: 'text/html' })).toMatchObject({ status: 406, json: { reason: 'NotAcceptable' } });
  });

  it('reports the version of the API, with its own as a suffix', async () => {
    expect((await get('/version')).json).toMatchObject({ major: '1', minor: '37', gitVersion: 'v1.37.2+ipledger.test', gitTreeState: 'clean' });
  });

  it.each([
    ['/api/v2', 404, 'NotFound'],
    ['/api/v1/nothing', 404, 'NotFound'],
    ['/apis/networking.k8s.io/v2', 404, 'NotFound'],
    ['/apis/networking.k8s.io/v1/nothing', 404, 'NotFound'],
    ['/apis/networking.k8s.io/v1/ipaddresses?watch=true', 405, 'MethodNotAllowed'],
    ['/api/v1/namespaces', 405, 'MethodNotAllowed'],
  ])('%s is a Status', async (path, code, reason) => {
    expect((await get(path)).json).toMatchObject({ kind: 'Status', code, reason });
  });

  it.each(['', '/', '/nothing', '/apis/nothing.example.com', '/apis/nothing.example.com/v1', '/apis/nothing.example.com/v1/services', '/swagger-2.0.0.pb-v1'])(
    '%s, outside every group that is served, is a plain 404', async (path) => {
      expect(await get(path)).toMatchObject({ status: 404, text: '404 page not found\n' });
    });

  it.each(['/api', '/apis', '/api/v1', '/apis/networking.k8s.io/v1', '/version', '/api/v1/namespaces/default', '/apis/networking.k8s.io/v1/ipaddresses'])(
    '%s of an unknown cluster names the cluster', async (path) => {
      expect(await server.send('GET', `/clusters/nothing${path}`)).toMatchObject({ status: 404, json: { kind: 'Status', message: 'clusters "nothing" not found' } });
    });

  it('has every namespace with a valid name, and only to be read', async () => {
    expect((await get('/api/v1/namespaces/never-seen')).json).toEqual({
      kind: 'Namespace', apiVersion: 'v1', metadata: { name: 'never-seen', labels: { 'kubernetes.io/metadata.name': 'never-seen' } },
      spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' },
    });
    for (const name of ['NS_', 'a.b', `a${'b'.repeat(63)}`]) {
      expect(await get(`/api/v1/namespaces/${name}`)).toMatchObject({ status: 404, json: { message: `namespaces "${name}" not found`, details: { name, kind: 'namespaces' } } });
    }
    expect(await server.send('POST', '/clusters/c/api/v1/namespaces', { metadata: { name: 'x' } })).toMatchObject({ status: 405 });
  });

  it('lists no Kubernetes Events', async () => {
    for (const path of ['/api/v1/events', '/api/v1/namespaces/default/events?fieldSelector=involvedObject.name=a&limit=500']) {
      expect((await get(path)).json).toMatchObject({ kind: 'EventList', apiVersion: 'v1', metadata: { resourceVersion: String(await server.revision('c')) }, items: [] });
    }
  });

  it('hands out a kubeconfig that points back at it', async () => {
    const { headers, text } = await server.send('GET', '/v1/clusters/c/kubeconfig');
    expect(headers.get('content-type')).toMatch(/^application\/yaml/);
    expect(text).toContain(`server: ${server.url}/clusters/c\n`);
    expect(text).toContain('current-context: c\n');
    expect(await server.send('GET', '/v1/clusters/nothing/kubeconfig')).toMatchObject({ status: 404, json: { code: 'cluster_not_found' } });
  });
});
