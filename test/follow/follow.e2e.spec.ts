import { InMemoryEventStore } from '@ipledger/event-store';
import { createLogger } from '@ipledger/runtime';
import { eventually, freePort } from '@ipledger/testing';
import { KubeConfig } from '@kubernetes/client-node';
import { follow } from '../../apps/admin/src/follow/follow.js';
import { createAllocator } from '../../apps/allocator/src/index.js';

/** An ipledger on a port that it keeps: stopped and started again over the same log. */
class Side {
  port = 0;
  private readonly store = new InMemoryEventStore();
  private allocator: Awaited<ReturnType<typeof createAllocator>> | undefined;
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }
  async start(): Promise<void> {
    this.allocator = await createAllocator({
      store: this.store, logger: createLogger({ level: 'error', format: 'pretty' }), settings: { queueLimit: 2048, batchLimit: 256, clusterIdleSeconds: 600 }, version: 'test', isStopping: () => false,
    });
    this.port ||= await freePort();
    await this.allocator.listen(this.port, '127.0.0.1');
  }
  async stop(): Promise<void> {
    await this.allocator?.close();
  }
  async send(method: string, path: string, body?: unknown, type = 'application/json'): Promise<{ status: number; json: any }> { // eslint-disable-line @typescript-eslint/no-explicit-any
    const send = (): Promise<Response> => fetch(this.url + path, { method, ...(body !== undefined && { headers: { 'content-type': type }, body: JSON.stringify(body) }) });
    const answer = await send().catch(send); // a kept connection may be one of before the restart
    return { status: answer.status, json: JSON.parse(await answer.text()) };
  }
}

const services = '/clusters/c/api/v1/namespaces/default/services';

describe('a ledger that follows an API server', () => {
  const [there, here] = [new Side(), new Side()];
  const stop = new AbortController();
  const said: string[] = [];
  let following: Promise<void>;
  beforeAll(async () => {
    await Promise.all([there.start(), here.start()]);
    for (const side of [there, here]) await side.send('POST', '/v1/clusters', { name: 'c', serviceCIDRs: ['10.96.0.0/24', 'fd00::/120'], apiServerService: side === there });
    const config = new KubeConfig();
    config.loadFromClusterAndUser({ name: 'there', server: `${there.url}/clusters/c`, skipTLSVerify: false }, { name: 'nobody' });
    following = follow({ config, ledger: { server: here.url, cluster: 'c', token: undefined }, signal: stop.signal, say: (message) => said.push(message) });
  });
  afterAll(async () => {
    stop.abort();
    await following;
    await Promise.all([there.stop(), here.stop()]);
  });

  const change = async (i: number): Promise<void> => {
    const name = `s${(i * 7) % 40}`;
    const kinds = [
      () => there.send('POST', services, { metadata: { name }, spec: { type: i % 3 === 0 ? 'NodePort' : 'ClusterIP', ipFamilyPolicy: i % 2 === 0 ? 'PreferDualStack' : 'SingleStack', ports: [{ port: 80 }] } }),
      () => there.send('PATCH', `${services}/${name}`, { spec: { ipFamilyPolicy: i % 4 === 1 ? 'PreferDualStack' : 'SingleStack' }, metadata: { labels: { i: String(i) } } }, 'application/merge-patch+json'),
      () => there.send('DELETE', `${services}/${name}`),
    ];
    await (kinds[(i >> 1) % kinds.length] as () => Promise<unknown>)();
  };
  /** Without what is each side's own. */
  const contents = async (side: Side): Promise<unknown> => {
    const { items } = (await side.send('GET', '/clusters/c/api/v1/services')).json as { items: { metadata: Record<string, unknown> }[] };
    const pools = (await side.send('GET', '/v1/clusters/c/cidrs')).json.items as { cidr: string; allocated: object }[];
    return { items: items.map(({ metadata, ...rest }) => ({ ...rest, metadata: { ...metadata, resourceVersion: '' } })), pools: pools.map(({ cidr, allocated }) => ({ cidr, allocated })) };
  };
  const expectEqual = (): Promise<void> => eventually(async () => expect(await contents(here), said.slice(-3).join('\n')).toEqual(await contents(there)), { timeoutMs: 20_000 });

  it('holds what it holds, through changes and a restart of each side', async () => {
    for (let i = 0; i < 120; i++) await change(i);
    await expectEqual();
    await here.stop();
    for (let i = 120; i < 160; i++) await change(i);
    await here.start();
    await expectEqual();
    await there.stop();
    await there.start();
    for (let i = 160; i < 240; i++) await change(i);
    await expectEqual();
    expect(said.join('\n')).toMatch(/in step with \d+ Services/);
  });

  it('gives an address to nobody else while the API server has given it to a Service', async () => {
    // Of the static band: nobody has it by chance.
    expect((await there.send('POST', services, { metadata: { name: 'fixed' }, spec: { clusterIP: '10.96.0.9', ports: [{ port: 80 }] } })).status).toBe(201);
    await eventually(async () => expect((await here.send('POST', services, { metadata: { name: 'thief' }, spec: { clusterIP: '10.96.0.9', ports: [{ port: 80 }] } })).status).toBe(422));
  });
});
