import { startServer, type Answer, type TestServer } from './start.js';

/** LB pools of one cluster, and what Services get of them, over HTTP. */
describe('LB pools', () => {
  let server: TestServer;
  let made = 0;
  const four = '203.0.113.0/30';
  const six = '2001:db8::10-2001:db8::1f';

  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server.close());

  /** A dual-stack cluster of its own, and a pool of it with other addresses than those of every other test. */
  const cluster = async (pool: object = {}): Promise<{ name: string; pool: string }> => {
    const name = `c${++made}`;
    await server.register(name, ['10.96.0.0/24', 'fd00:10:96::/120']);
    const answer = await server.send('POST', '/v1/lb-pools', { name: `edge-${name}`, cluster: name, addresses: [four, six], ...pool });
    expect(answer).toMatchObject({ status: 201 });
    return { name, pool: `edge-${name}` };
  };
  const service = (name: string, spec: object = {}, metadata: object = {}): object =>
    ({ metadata: { name, ...metadata }, spec: { type: 'LoadBalancer', loadBalancerClass: 'ipledger.io/pool', ports: [{ port: 80 }], ...spec } });
  const ingress = ({ json }: Answer): string[] => (json.status.loadBalancer.ingress ?? []).map(({ ip }: { ip: string }) => ip);
  const reason = ({ json }: Answer): string => json.status.conditions.find(({ type }: { type: string }) => type === 'ipledger.io/LoadBalancerAddresses').reason;

  it('are made, shown with what is held, changed and removed', async () => {
    const { name, pool } = await cluster({ priority: 7, selector: 'tier!=back', coolDownSeconds: 60 });
    const created = await server.send('POST', server.services(name), service('web', { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv6', 'IPv4'] }));
    expect(created).toMatchObject({ status: 201, json: { status: { loadBalancer: { ingress: [{ ipMode: 'VIP' }, { ipMode: 'VIP' }] } } } });
    const [a6 = '', a4 = ''] = ingress(created);
    const shown = await server.send('GET', `/v1/lb-pools/${pool}`);
    expect(shown).toMatchObject({
      status: 200,
      json: {
        name: pool, cluster: name, addresses: [four, six], autoAssign: true, priority: 7, namespaces: [], selector: 'tier!=back', staticBandAddresses: 0, coolDownSeconds: 60,
        ranges: [
          { range: four, family: 'IPv4', state: 'open', staticBand: null, capacity: 4, allocated: { static: 0, dynamic: 1 }, available: 3 },
          { range: six, family: 'IPv6', state: 'open', capacity: 16, capacityExact: '16', allocated: { static: 0, dynamic: 1 }, available: 15 },
        ],
        members: [{ address: a4, namespace: 'default', name: 'web', sharingKey: null }, { address: a6 }],
      },
    });
    expect((await server.send('GET', `/v1/lb-pools/${pool}?limit=1`)).json).toMatchObject({ members: [{ address: a4 }], continue: expect.stringContaining(a4) });
    const { continue: token } = (await server.send('GET', `/v1/lb-pools/${pool}?limit=1`)).json;
    expect((await server.send('GET', `/v1/lb-pools/${pool}?limit=1&continue=${encodeURIComponent(token)}`)).json.members).toMatchObject([{ address: a6 }]);

    const smaller = await server.send('PUT', `/v1/lb-pools/${pool}`, { addresses: [six] });
    expect(smaller).toMatchObject({ status: 409, json: { code: 'lb_pool_in_use', held: 1, holders: [{ address: a4, service: 'default/web' }] } });
    expect(await server.send('DELETE', `/v1/lb-pools/${pool}`)).toMatchObject({ status: 409, json: { code: 'lb_pool_in_use', held: 2 } });
    expect(await server.send('PUT', `/v1/lb-pools/${pool}`, { addresses: ['203.0.113.0/24', six], autoAssign: false })).toMatchObject({ status: 200, json: { addresses: ['203.0.113.0/24', six], autoAssign: false, priority: 100, selector: null } });

    expect(await server.send('DELETE', `${server.services(name)}/web`)).toMatchObject({ status: 200 });
    expect(await server.send('DELETE', `/v1/lb-pools/${pool}?dryRun=All`)).toMatchObject({ status: 200 });
    expect(await server.send('DELETE', `/v1/lb-pools/${pool}`)).toMatchObject({ status: 200, json: { name: pool } });
    expect(await server.send('GET', `/v1/lb-pools/${pool}`)).toMatchObject({ status: 404, json: { code: 'lb_pool_not_found' } });
  });

  it('have names that are unique over all of them, and are listed by them', async () => {
    const { name, pool } = await cluster();
    const other = await cluster();
    const again = (body: object) => server.send('POST', '/v1/lb-pools', { name: pool, addresses: ['198.51.100.0/24'], ...body });
    for (const body of [{ cluster: name }, { cluster: other.name }, { clusters: 'all' }]) expect(await again(body)).toMatchObject({ status: 409, json: { code: 'lb_pool_exists' } });
    expect((await server.send('GET', `/v1/lb-pools?cluster=${name}`)).json).toEqual({ items: [expect.objectContaining({ name: pool })] });
    const all = (await server.send('GET', '/v1/lb-pools')).json.items.map((item: { name: string }) => item.name);
    expect(all).toEqual(expect.arrayContaining([pool, other.pool]));
    expect((await server.send('GET', `/v1/lb-pools?limit=1&continue=${all[0]}`)).json.items.map((item: { name: string }) => item.name)).toEqual([all[1]]);
  });

  it('of the same name cannot be made twice by requests that race', async () => {
    const [a, b] = [await cluster(), await cluster()];
    const answers = await Promise.all([a, b, a, b].map(({ name }) => server.send('POST', '/v1/lb-pools', { name: 'contested', cluster: name, addresses: ['198.51.100.0/24'] })));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409]);
  });

  it.each<[what: string, body: object, status: number, code: string]>([
    ['neither cluster nor clusters', {}, 400, 'invalid_request'], ['both', { cluster: 'x', clusters: 'all' }, 400, 'invalid_request'],
    ['a cluster that is not there', { cluster: 'nowhere' }, 404, 'cluster_not_found'], ['what it does not know', { clusters: 'all', colour: 'red' }, 400, 'invalid_request'],
    ['a range that is none', { clusters: 'all', addresses: ['203.0.113.9-203.0.113.1'] }, 422, 'lb_pool_invalid'],
  ])('cannot be made with %s', async (_, body, status, code) => {
    expect(await server.send('POST', '/v1/lb-pools', { name: 'refused', addresses: ['198.51.100.0/24'], ...body })).toMatchObject({ status, json: { code } });
    expect(await server.send('GET', '/v1/lb-pools/refused')).toMatchObject({ status: 404 });
  });

  it('never overlap another one that serves one of their clusters, in whichever log it is', async () => {
    const [a, b] = [await cluster({ addresses: ['192.0.2.128/28'] }), await cluster({ addresses: ['192.0.2.128/28'] })]; // nothing in common: as they like
    const make = (name: string, body: object): Promise<Answer> => server.send('POST', '/v1/lb-pools', { name: `${name}-${a.name}`, ...body });
    const refusal = (text: string, pool: string, value: string, field = 'addresses[0]'): object => ({
      status: 422, json: { code: 'lb_pool_invalid', problems: [{ field, value, why: `overlaps ${text} of the LB pool ${pool}, which serves a cluster that this one serves too; two of its Services could get one address` }] },
    });
    for (const clusters of ['all', ['x', a.name]]) expect(await make('wide', { clusters, addresses: ['192.0.2.143'] })).toMatchObject(refusal('192.0.2.128/28', a.pool, '192.0.2.143'));
    expect((await server.send('GET', `/v1/lb-pools/wide-${a.name}`)).status).toBe(404);
    expect(await make('wide', { clusters: ['x'], addresses: ['192.0.2.143', '2001:db8:9::/64'] })).toMatchObject({ status: 201 });
    const change = (body: object, query = ''): Promise<Answer> => server.send('PUT', `/v1/lb-pools/wide-${a.name}${query}`, body);
    for (const query of ['', '?dryRun=All']) expect(await change({ clusters: [b.name], addresses: ['2001:db8:9::/64', '192.0.2.143'] }, query)).toMatchObject(refusal('192.0.2.128/28', b.pool, '192.0.2.143', 'addresses[1]'));
    expect(await change({ clusters: [a.name, b.name], addresses: ['192.0.2.144-192.0.2.150', '2001:db8:9::/64'] })).toMatchObject({ status: 200 });
    expect(await server.send('PUT', `/v1/lb-pools/${a.pool}`, { addresses: ['192.0.2.128/28', '2001:db8:9::1'] })).toMatchObject(refusal('2001:db8:9::/64', `wide-${a.name}`, '2001:db8:9::1', 'addresses[1]'));
    expect(await make('second', { clusters: [b.name], addresses: ['192.0.2.150'] })).toMatchObject(refusal('192.0.2.144-192.0.2.150', `wide-${a.name}`, '192.0.2.150'));
    expect(await server.send('PUT', `/v1/lb-pools/${a.pool}`, { addresses: ['192.0.2.128/28', '192.0.2.151'] })).toMatchObject({ status: 200 });
    await server.send('DELETE', `/v1/lb-pools/wide-${a.name}`);
  });

  it('that can never be made leave no name behind, and a dry run says why', async () => {
    const before = await server.store.clusters();
    for (const query of ['', '?dryRun=All'])
      for (const body of [{ name: 'Never' }, { name: 'never', addresses: ['203.0.113.9/24'] }, { name: 'never', selector: 'a in b' }])
        expect(await server.send('POST', `/v1/lb-pools${query}`, { clusters: 'all', addresses: ['198.51.100.0/24'], ...body })).toMatchObject({ status: 422, json: { code: 'lb_pool_invalid' } });
    expect((await server.store.clusters()).length).toBe(before.length);
  });

  it('leave no trace of a dry run', async () => {
    const before = await server.store.clusters();
    const { name } = await cluster();
    expect(await server.send('POST', '/v1/lb-pools?dryRun=All', { name: 'dry', cluster: name, addresses: ['198.51.100.0/24'] })).toMatchObject({ status: 201 });
    expect(await server.send('POST', '/v1/lb-pools?dryRun=All', { name: 'dry', clusters: 'all', addresses: ['192.0.2.0/26'] })).toMatchObject({ status: 201 });
    expect((await server.store.clusters()).filter((head) => head.name !== name && !before.some(({ id }) => id === head.id))).toEqual([]);
  });

  it('drain by range or all of it', async () => {
    const { name, pool } = await cluster();
    await server.send('POST', server.services(name), service('web'));
    expect(await server.send('POST', `/v1/lb-pools/${pool}/addresses:drain`, { range: four })).toMatchObject({ status: 200, json: { ranges: [{ state: 'draining', available: 0, drain: { heldThen: 1, heldNow: 1, done: false } }, { state: 'open' }] } });
    expect(reason(await server.send('POST', server.services(name), service('late')))).toBe('PoolsExhausted');
    expect(await server.send('POST', `/v1/lb-pools/${pool}/addresses:drain`, { range: '203.0.113.0/31' })).toMatchObject({ status: 404, json: { code: 'lb_range_not_found' } });
    expect(await server.send('POST', `/v1/lb-pools/${pool}/addresses:drain`, {})).toMatchObject({ status: 200, json: { ranges: [{ state: 'draining' }, { state: 'draining' }] } });
    expect(await server.send('POST', `/v1/lb-pools/${pool}/addresses:undrain`, {})).toMatchObject({ status: 200, json: { ranges: [{ state: 'open' }, { state: 'open' }] } });
  });

  it('have reservations', async () => {
    const { name, pool } = await cluster();
    const path = `/v1/lb-pools/${pool}/reservations`;
    expect(await server.send('POST', path, { name: 'later', addresses: '203.0.113.1', reason: 'r', owner: 'o' })).toMatchObject({ status: 201, json: { name: 'later', cidr: four, first: '203.0.113.1' } });
    expect(await server.send('POST', path, { name: 'wrong', addresses: '10.96.0.9', reason: 'r', owner: 'o' })).toMatchObject({ status: 422 });
    expect((await server.send('GET', path)).json.items).toMatchObject([{ name: 'later' }]);
    expect(await server.send('GET', `${path}/later`)).toMatchObject({ status: 200, json: { first: '203.0.113.1' } });
    const asking = { annotations: { 'ipledger.io/load-balancer-ips': '203.0.113.1' } };
    expect(reason(await server.send('POST', server.services(name), service('web', {}, asking)))).toBe('AddressNotAvailable');
    expect(await server.send('DELETE', `${path}/later`)).toMatchObject({ status: 200 });
    expect(await server.send('DELETE', `${path}/later`)).toMatchObject({ status: 404, json: { code: 'reservation_not_found' } });
    expect(ingress(await server.send('PUT', `${server.services(name)}/web`, service('web', {}, asking)))).toEqual(['203.0.113.1']);
  });

  it('that are shared are what a Service waits for, in the clusters that they serve', async () => {
    for (const name of ['served', 'unserved']) await server.register(name, ['10.96.0.0/24', 'fd00:10:96::/120']);
    const wide = { name: 'waited-for', clusters: ['served'], addresses: ['198.51.100.128/30'] };
    const reasons = async (name: string): Promise<string[]> => Promise.all(['served', 'unserved'].map(async (c) => reason(await server.send('POST', server.services(c), service(name)))));
    expect(await reasons('before')).toEqual(['NoPool', 'NoPool']);
    expect(await server.send('POST', '/v1/lb-pools', wide)).toMatchObject({ status: 201 });
    expect(await reasons('after')).toEqual(['AwaitingSharedPool', 'NoPool']);
    const unit = { atomic: true, items: [{ create: service('unit', {}, { namespace: 'default' }) }] };
    expect(await server.send('POST', '/v1/clusters/served/services:batch', unit)).toMatchObject({ status: 200 });
    expect(reason(await server.send('GET', `${server.services('served')}/unit`))).toBe('AwaitingSharedPool');
  });

  it('of a range that was made larger are still shown, and can be released', async () => {
    const pool = `grown-${++made}`;
    const path = `/v1/lb-pools/${pool}/reservations`;
    expect(await server.send('POST', '/v1/lb-pools', { name: pool, clusters: 'all', addresses: ['192.0.2.64/30'] })).toMatchObject({ status: 201 });
    expect(await server.send('POST', path, { name: 'later', addresses: '192.0.2.65', reason: 'r', owner: 'o' })).toMatchObject({ status: 201 });
    expect(await server.send('PUT', `/v1/lb-pools/${pool}`, { clusters: 'all', addresses: ['192.0.2.64/29'] })).toMatchObject({ status: 200 });
    expect((await server.send('GET', path)).json.items).toMatchObject([{ name: 'later' }]);
    expect(await server.send('DELETE', `${path}/later`)).toMatchObject({ status: 200 });
    expect(await server.send('DELETE', `/v1/lb-pools/${pool}`)).toMatchObject({ status: 200 });
  });

  it('say of an address whose it is, and who shares it', async () => {
    const { name, pool } = await cluster();
    const shared = (n: string, port: number) => service(n, { ports: [{ port }] }, { annotations: { 'ipledger.io/sharing-key': 'front' } });
    const [address = ''] = ingress(await server.send('POST', server.services(name), shared('a', 80)));
    expect(ingress(await server.send('POST', server.services(name), shared('b', 443)))).toEqual([address]);
    expect((await server.send('GET', `/v1/clusters/${name}/addresses/${address}`)).json).toMatchObject({
      address, pool: four, kind: 'load-balancer', lbPool: pool, sharingGroup: 'front', holder: { namespace: 'default', name: 'sharing-key:front' },
      members: [{ name: 'a', ports: ['TCP/80'] }, { name: 'b', ports: ['TCP/443'] }],
    });
    const [alone = ''] = ingress(await server.send('POST', server.services(name), service('c')));
    expect((await server.send('GET', `/v1/clusters/${name}/addresses/${alone}`)).json).toMatchObject({ holder: { name: 'c' }, members: [{ name: 'c' }] });
    const free = [0, 1, 2, 3].map((n) => `203.0.113.${n}`).find((text) => text !== address && text !== alone);
    expect((await server.send('GET', `/v1/clusters/${name}/addresses/${free}`)).json).toMatchObject({ holder: null, lbPool: pool });
  });

  it('are none of what Kubernetes knows as IPAddress or ServiceCIDR', async () => {
    const { name } = await cluster();
    const created = await server.send('POST', server.services(name), service('web'));
    const [address = ''] = ingress(created);
    const api = `/clusters/${name}/apis/networking.k8s.io/v1`;
    const names = (await server.send('GET', `${api}/ipaddresses`)).json.items.map(({ metadata }: { metadata: { name: string } }) => metadata.name);
    expect(names).toContain(created.json.spec.clusterIP);
    expect(names).not.toContain(address);
    expect(await server.send('GET', `${api}/ipaddresses/${address}`)).toMatchObject({ status: 404 });
    expect((await server.send('GET', `${api}/servicecidrs`)).text).not.toContain(four);
    expect((await server.send('GET', `/v1/clusters/${name}/cidrs`)).json.items).toHaveLength(2);
  });

  it('serve Services without a class where the cluster says so', async () => {
    const { name } = await cluster();
    const bare = (n: string) => service(n, { loadBalancerClass: undefined });
    expect((await server.send('POST', server.services(name), bare('before'))).json.status).toEqual({ loadBalancer: {} });
    expect((await server.send('GET', `/v1/clusters/${name}/load-balancing`)).json).toEqual({ defaultLoadBalancer: false });
    expect(await server.send('PUT', `/v1/clusters/${name}/load-balancing`, { defaultLoadBalancer: true })).toMatchObject({ status: 200, json: { defaultLoadBalancer: true } });
    expect(reason(await server.send('POST', server.services(name), bare('after')))).toBe('Assigned');
    expect((await server.send('GET', `/v1/clusters/${name}`)).json).toMatchObject({ defaultLoadBalancer: true });
    const registered = await server.send('POST', '/v1/clusters', { name: `d-${name}`, serviceCIDRs: ['10.96.0.0/24'], defaultLoadBalancer: true });
    expect(registered).toMatchObject({ status: 201, json: { defaultLoadBalancer: true } });
  });
});
