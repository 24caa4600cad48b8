import { useFreshDatabase } from '@ipledger/testing';
import { Balancer } from './balancer.js';
import { ServiceProcess } from './service-process.js';
import { SteadyLoad } from './steady-load.js';

const rounds = 2;

/** Two allocators behind a load balancer, restarted one after the other under load: no client notices. */
describe('a rolling restart', () => {
  const database = useFreshDatabase();
  let balancer: Balancer;
  let replicas: ServiceProcess[] = [];
  const start = (): Promise<ServiceProcess> => ServiceProcess.startAllocator(database.url, { DRAIN_SECONDS: '1' });
  beforeAll(async () => {
    await ServiceProcess.build();
    balancer = await Balancer.start();
    replicas = [await start(), await start()];
    await balancer.use(replicas.map(({ url }) => url));
  }, 180_000);
  afterAll(async () => {
    await balancer.stop();
    for (const replica of replicas) await replica.end('SIGKILL');
  });

  it('fails no request, and loses and doubles nothing', async () => {
    const post = (path: string, body: object): Promise<Response> => fetch(balancer.url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    expect((await post('/v1/clusters', { name: 'c', serviceCIDRs: ['10.96.0.0/16'] })).status).toBe(201);
    const load = new SteadyLoad(balancer.url, 'c');
    for (let i = 0; i < rounds * replicas.length; i++) {
      const [old, other] = replicas as [ServiceProcess, ServiceProcess];
      const before = load.held.size;
      expect(await old.end('SIGTERM')).toBe(0);
      expect(load.held.size).toBeGreaterThan(before); // somebody served meanwhile
      replicas = [other, await start()];
      await balancer.use(replicas.map(({ url }) => url));
    }
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(new Set(load.held.values()).size).toBe(load.held.size);
    const { items } = (await (await fetch(`${balancer.url}/clusters/c/api/v1/services`)).json()) as { items: { metadata: { name: string } }[] };
    expect(items.length).toBe(load.held.size + 1); // and default/kubernetes
  }, 180_000);
});
