import { startServer, type TestServer } from './start.js';

/** Claims and pools as Kubernetes kinds: what `kubectl get ip,servicecidr` reads. */
describe('ipaddresses and servicecidrs', () => {
  let server: TestServer;
  const base = '/clusters/c/apis/networking.k8s.io/v1';
  const get = async (path: string, accept = 'application/json') => server.send('GET', `${base}${path}`, undefined, { accept });
  const names = (list: { items: { metadata: { name: string } }[] }): string[] => list.items.map(({ metadata }) => metadata.name);
  const table = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';

  beforeAll(async () => {
    server = await startServer();
    await server.register('c', ['10.96.0.0/16', 'fd00:10:96::/112', '10.100.0.0/24']);
    for (const [name, clusterIPs] of [['a', ['10.96.23.25', 'fd00:10:96::b']], ['b', ['10.96.101.218', 'fd00:10:96::100']]] as const) {
      const answer = await server.send('POST', server.services('c'), { metadata: { name }, spec: { ipFamilyPolicy: 'RequireDualStack', clusterIP: clusterIPs[0], clusterIPs, ports: [{ port: 80 }] } });
      expect(answer.status, answer.text).toBe(201);
    }
  });
  afterAll(() => server.close());

  it('shows every claim as an IPAddress, by name as text', async () => {
    const { json } = await get('/ipaddresses');
    expect(json).toMatchObject({ kind: 'IPAddressList', apiVersion: 'networking.k8s.io/v1', metadata: { resourceVersion: String(await server.revision('c')) } });
    expect(names(json)).toEqual(['10.96.0.1', '10.96.101.218', '10.96.23.25', 'fd00:10:96::100', 'fd00:10:96::b']);
    expect((await get('/ipaddresses/fd00:10:96::b')).json).toEqual({
      kind: 'IPAddress', apiVersion: 'networking.k8s.io/v1',
      metadata: {
        name: 'fd00:10:96::b', resourceVersion: expect.stringMatching(/^\d+$/), creationTimestamp: expect.stringMatching(/^\d{4}-.*\d\dZ$/),
        labels: { 'ipaddress.kubernetes.io/ip-family': 'IPv6', 'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io' },
      },
      spec: { parentRef: { resource: 'services', namespace: 'default', name: 'a' } },
    });
  });

  it.each(['10.96.0.2', 'fd00:10:96:0::b', 'FD00:10:96::B', 'nothing'])('%s is no IPAddress: not held, or not canonical', async (name) => {
    expect(await get(`/ipaddresses/${name}`)).toMatchObject({
      status: 404, json: { message: `ipaddresses.networking.k8s.io "${name}" not found`, details: { name, group: 'networking.k8s.io', kind: 'ipaddresses' } },
    });
  });

  it('selects by label and name, and pages', async () => {
    expect(names((await get('/ipaddresses?labelSelector=ipaddress.kubernetes.io/ip-family%3DIPv6')).json)).toEqual(['fd00:10:96::100', 'fd00:10:96::b']);
    expect(names((await get('/ipaddresses?fieldSelector=metadata.name%3D10.96.0.1')).json)).toEqual(['10.96.0.1']);
    expect(await get('/ipaddresses?fieldSelector=spec.type%3DClusterIP')).toMatchObject({ status: 400, json: { message: expect.stringMatching(/"spec.type" is not a known field selector/) } });
    const seen: string[] = [];
    for (let token: string | undefined = ''; token !== undefined; ) {
      const { json } = await get(`/ipaddresses?limit=2&continue=${token}`);
      expect(json.items.length).toBeLessThanOrEqual(2);
      seen.push(...names(json));
      token = json.metadata.continue;
    }
    expect(seen).toEqual(names((await get('/ipaddresses')).json));
  });

  it('prints upstream\'s columns, and pool and band in the wide ones', async () => {
    const { json } = await get('/ipaddresses', table);
    expect(json.columnDefinitions.map(({ name, priority }: { name: string; priority: number }) => [name, priority])).toEqual([['Name', 0], ['ParentRef', 0], ['Pool', 1], ['Band', 1], ['Since', 1]]);
    expect(json.rows[0].cells.slice(0, 4)).toEqual(['10.96.0.1', 'services/default/kubernetes', '10.96.0.0/16', 'static']);
    expect(json.rows[1].cells.slice(0, 4)).toEqual(['10.96.101.218', 'services/default/b', '10.96.0.0/16', 'dynamic']);
    expect(json.rows[0].object).toMatchObject({ kind: 'PartialObjectMetadata', metadata: { name: '10.96.0.1' } });
    expect((await get('/servicecidrs/kubernetes', table)).json.rows).toMatchObject([{ cells: ['kubernetes', '10.96.0.0/16,fd00:10:96::/112', expect.stringMatching(/^\d+s$/), 'open'] }]);
  });

  it('shows the ranges of the cluster as ServiceCIDRs; one that is drained is not ready', async () => {
    const ready = (item: { status: { conditions: { status: string }[] } }) => item.status.conditions[0]?.status;
    const { json } = await get('/servicecidrs');
    expect(json.items.map((item: { metadata: { name: string }; spec: { cidrs: string[] } }) => [item.metadata.name, item.spec.cidrs])).toEqual([
      ['ipv4-10.100.0.0-24', ['10.100.0.0/24']], ['kubernetes', ['10.96.0.0/16', 'fd00:10:96::/112']],
    ]);
    expect(json.items.map(ready)).toEqual(['True', 'True']);
    expect((await server.send('POST', '/v1/clusters/c/cidrs:drain', { cidr: '10.100.0.0/24' })).status).toBe(200);
    const drained = (await server.send('GET', `${base}/servicecidrs/ipv4-10.100.0.0-24`)).json;
    expect(drained.status.conditions[0]).toMatchObject({ type: 'Ready', status: 'False', reason: 'Draining' });
    expect(await get('/servicecidrs/nothing')).toMatchObject({ status: 404, json: { message: 'servicecidrs.networking.k8s.io "nothing" not found' } });
  });

  it.each(['POST', 'PUT', 'PATCH', 'DELETE'])('refuses %s: both are read-only', async (method) => {
    for (const path of ['/ipaddresses', '/servicecidrs', '/ipaddresses/10.96.0.1', '/servicecidrs/kubernetes']) {
      expect(await server.send(method, `${base}${path}`, {})).toMatchObject({ status: 405, json: { reason: 'MethodNotAllowed' } });
    }
  });
});
