import { createPool, PostgresEventStore } from '@ipledger/event-store';
import { eventually, useFreshDatabase } from '@ipledger/testing';
import { verifyCluster } from '@ipledger/verify';
import { DatabaseLock } from '../src/load-balancer/lock.js';
import { startServer, type TestServer } from './start.js';

const address = '203.0.113.1';
const soon = { timeoutMs: 20_000, everyMs: 50 };

/** Two allocators on one Postgres, each with its assigner: one of them has the lock. */
describe('a shared LB pool, over two allocators', () => {
  const database = useFreshDatabase();
  let servers: TestServer[];
  beforeAll(async () => {
    servers = await Promise.all([0, 1].map(() => startServer(new PostgresEventStore(createPool({ url: database.url })))));
    for (const { assigner } of servers) assigner.start(new DatabaseLock(database.url));
    await Promise.all(['blue', 'green'].map((name, i) => servers[i]!.register(name, ['10.96.0.0/16', 'fd00::/112'])));
  });
  afterAll(async () => {
    for (const server of servers) {
      await server.close();
      await server.store.close();
    }
  });

  const create = async (i: number, cluster: string, name: string): Promise<void> => {
    const spec = { type: 'LoadBalancer', loadBalancerClass: 'ipledger.io/pool', ports: [{ port: 80 }] };
    expect((await servers[i]!.send('POST', servers[i]!.services(cluster), { metadata: { name }, spec })).status).toBe(201);
  };
  const show = async (cluster: string, name: string): Promise<string> => {
    const { json } = await servers[0]!.send('GET', `${servers[0]!.services(cluster)}/${name}`);
    const condition = json.status.conditions.find(({ type }: { type: string }) => type === 'ipledger.io/LoadBalancerAddresses');
    return [...(json.status.loadBalancer.ingress ?? []).map(({ ip }: { ip: string }) => ip), `${condition.status}/${condition.reason}`].join(' ');
  };

  it('gives its last address to one of two clusters that race for it, and to the other when the first Service is deleted', async () => {
    const made = await servers[0]!.send('POST', '/v1/lb-pools', { name: 'edge', clusters: ['blue', 'green'], addresses: [address] });
    expect(made).toMatchObject({ status: 201, json: { name: 'edge', clusters: ['blue', 'green'] } });
    await Promise.all([create(0, 'blue', 'web'), create(1, 'green', 'web')]);
    const winner = await eventually(async () => {
      const found = [];
      for (const cluster of ['blue', 'green']) if ((await show(cluster, 'web')) === `${address} True/Assigned`) found.push(cluster);
      expect(found).toHaveLength(1);
      return found[0]!;
    }, soon);
    const loser = winner === 'blue' ? 'green' : 'blue';
    await eventually(async () => expect(await show(loser, 'web')).toBe('False/PoolsExhausted'), soon);
    expect((await servers[1]!.send('GET', '/v1/lb-pools/edge')).json).toMatchObject({ members: [{ address, cluster: winner, namespace: 'default', name: 'web' }], ranges: [{ available: 0 }] });
    expect(await servers[1]!.send('PUT', '/v1/lb-pools/edge', { clusters: 'all', addresses: ['203.0.113.2'] })).toMatchObject({ status: 409, json: { code: 'lb_pool_in_use', holders: [{ address, service: `${winner}/default/web` }] } });
    expect((await servers[1]!.send('DELETE', `${servers[1]!.services(winner)}/web`)).status).toBe(200);
    await eventually(async () => expect(await show(loser, 'web')).toBe(`${address} True/Assigned`), soon);
  });

  it('has one assigner, and another one when that one stops', async () => {
    await eventually(() => expect(servers.filter(({ assigner }) => assigner.isActive)).toHaveLength(1), soon);
    const active = servers.find(({ assigner }) => assigner.isActive)!;
    const other = servers.find((server) => server !== active)!;
    await active.assigner.stop();
    await eventually(() => expect(other.assigner.isActive).toBe(true), soon);
    expect((await other.send('PUT', '/v1/lb-pools/edge', { clusters: 'all', addresses: [`${address}-203.0.113.9`] })).status).toBe(200);
    await create(servers.indexOf(other), 'blue', 'db');
    await eventually(async () => expect(await show('blue', 'db')).toMatch(/True\/Assigned$/), soon);
    await eventually(async () => { // a step is counted once its commit was answered
      const { text } = await other.send('GET', '/metrics');
      expect(text).toMatch(/^ipledger_lb_assigner_active 1$/m);
      expect(text).toMatch(/^ipledger_lb_assigner_steps_total\{step="attach",result="done"\} [1-9]/m);
    }, soon);
  });

  it('leaves tables that are what the logs say, of the pool too', async () => {
    const { store } = servers[0]!;
    for (const head of (await store.clusters()).filter(({ revision }) => revision > 0)) expect((await verifyCluster(store, head)).differences).toEqual([]);
    expect(await store.lbUnattached('lb-pool:', 10)).toEqual([]);
  });
});
