import { useTwoReplicas } from './start.js';

/** LB pools on one Postgres under two servers. */
describe('LB pools of two servers', () => {
  const replicas = useTwoReplicas();
  const service = (name: string): object => ({ metadata: { name }, spec: { type: 'LoadBalancer', loadBalancerClass: 'ipledger.io/pool', ipFamilyPolicy: 'RequireDualStack', allocateLoadBalancerNodePorts: false, ports: [{ port: 80 }] } });

  it('have one name once, and give an address once', async () => {
    const [a, b] = replicas as [(typeof replicas)[0], (typeof replicas)[0]];
    for (const name of ['one', 'two']) await a.register(name, ['10.96.0.0/24', 'fd00:10:96::/120']);
    const pool = (cluster: string) => ({ name: 'edge', cluster, addresses: ['203.0.113.0/29', '2001:db8::/125'] });
    const made = await Promise.all([a, b, a, b].map((server, i) => server.send('POST', '/v1/lb-pools', pool(i < 2 ? 'one' : 'two'))));
    expect(made.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409]);
    const { cluster } = (await b.send('GET', '/v1/lb-pools/edge')).json as { cluster: string };

    const names = Array.from({ length: 12 }, (_, i) => `web-${i}`);
    const created = await Promise.all(names.map((name, i) => (i % 2 === 0 ? a : b).send('POST', a.services(cluster), service(name))));
    const addresses = created.flatMap(({ json }) => ((json.status.loadBalancer.ingress ?? []) as { ip: string }[]).map(({ ip }) => ip));
    expect(created.every(({ status }) => status === 201)).toBe(true);
    expect([addresses.length, new Set(addresses).size]).toEqual([16, 16]); // 8 Services have both, 4 have none
    const shown = (await b.send('GET', '/v1/lb-pools/edge')).json as { ranges: { available: number }[]; members: { address: string }[] };
    expect(shown.ranges.map(({ available }) => available)).toEqual([0, 0]);
    expect(shown.members.map(({ address }) => address).sort()).toEqual(addresses.sort());
  });

  it('refuse a sharing key that no database can hold, and nothing else with it', async () => {
    const [server] = replicas as [(typeof replicas)[0], (typeof replicas)[0]];
    await server.register('keys', ['10.96.0.0/24', 'fd00:10:96::/120']);
    await server.send('POST', '/v1/lb-pools', { name: 'keyed', cluster: 'keys', addresses: ['198.51.100.0/29', '2001:db8:1::/125'] });
    const sharing = (name: string, key: string) => server.send('POST', server.services('keys'), { ...service(name), metadata: { name, annotations: { 'ipledger.io/sharing-key': key } } });
    const [bad, good] = await Promise.all([sharing('bad', 'a\0b'), sharing('good', 'front door')]);
    expect(bad).toMatchObject({ status: 201, json: { status: { loadBalancer: {}, conditions: [{ reason: 'AddressNotAvailable', message: expect.stringContaining('sharing key') }] } } });
    expect(good).toMatchObject({ status: 201, json: { status: { conditions: [{ reason: 'Assigned' }] } } });
  });
});
