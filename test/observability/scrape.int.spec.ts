import { createPool, PostgresEventStore } from '@ipledger/event-store';
import { eventually, useFreshDatabase } from '@ipledger/testing';
import { keyOf, seriesOf } from '../../apps/allocator/test/exposition.js';
import { startServer, type TestServer } from '../../apps/allocator/test/start.js';
import { describeWith } from './binaries.js';
import { startPrometheus, type Prometheus } from './prometheus.js';

interface Target { health: string; lastError: string; lastScrape: string }

describeWith(['prometheus'], 'a real Prometheus that scrapes the service', () => {
  const database = useFreshDatabase();
  let server: TestServer;
  let prometheus: Prometheus;
  const start = (): Promise<TestServer> => startServer(new PostgresEventStore(createPool({ url: database.url })));
  const stop = async (): Promise<void> => {
    await server.close();
    await server.store.close();
  };
  const scrapeOf = (port: string): object => ({
    global: { scrape_interval: '1s' },
    scrape_configs: ['/metrics', '/metrics/kubernetes'].map((metrics_path) => (
      { job_name: metrics_path === '/metrics' ? 'ipledger' : 'kubernetes', metrics_path, honor_labels: true, static_configs: [{ targets: [`127.0.0.1:${port}`], labels: { cluster: 'of-the-scrape' } }] })),
  });
  const scraped = async (): Promise<Target[]> => {
    const { activeTargets } = await prometheus.api<{ activeTargets: Target[] }>('targets');
    expect(activeTargets.map(({ health, lastError }) => `${health}${lastError}`)).toEqual(['up', 'up']);
    return activeTargets;
  };
  /** What was scraped can be asked for a moment after the target is up. */
  const expectValue = (expr: string, value: number): Promise<void> => eventually(async () => expect(Number((await prometheus.query(expr))[0]?.value[1])).toBe(value), { everyMs: 100 });

  beforeAll(async () => {
    server = await start();
    for (const cluster of ['prod', 'test']) await server.register(cluster, ['10.0.0.0/24', '10.1.0.0/30', 'fd00::/64']);
    for (let i = 0; i < 10; i++)
      await server.send('POST', server.services('prod'), { metadata: { name: `s${i}` }, spec: { ports: [{ port: 80 }], ipFamilyPolicy: 'RequireDualStack' } }, { 'x-request-id': `r${i}` });
    prometheus = await startPrometheus(scrapeOf(new URL(server.url).port), { flags: ['--enable-feature=exemplar-storage'] });
    await eventually(scraped, { timeoutMs: 20_000, everyMs: 100 });
  });
  afterAll(async () => {
    await prometheus?.stop();
    await stop();
  });

  it('keeps our labels, knows the types and units, and sees every series that we show', async () => {
    await eventually(async () => { // what is counted by the first scrape comes with the second
      const metadata = await prometheus.api<Record<string, { type: string; unit: string }[]>>('metadata');
      expect(metadata['ipledger_pool_available_addresses']?.[0]).toMatchObject({ type: 'gauge', unit: 'addresses' });
      expect(metadata['ipledger_allocations']?.[0]).toMatchObject({ type: 'counter' });
      expect(metadata['ipledger_build']?.[0]).toMatchObject({ type: 'info' });
      const shown = seriesOf((await server.send('GET', '/metrics')).text);
      const found = new Set((await prometheus.query('{job="ipledger", __name__=~"ipledger_.+"}')).map(({ metric }) => {
        const { __name__: name = '', job: _, instance: __, ...labels } = metric;
        return keyOf(name, Object.fromEntries(Object.entries(labels).filter(([label, text]) => !(label === 'cluster' && text === 'of-the-scrape'))));
      }));
      // An empty label is no label to Prometheus.
      const expected = [...shown.keys()].filter((key) => key.startsWith('ipledger_')).map((key) => key.replace(/(?<=[{,])\w+="",?/g, '').replace(',}', '}'));
      expect(expected.filter((key) => !found.has(key) && !key.includes('http_request'))).toEqual([]);
    }, { everyMs: 100 });
  });

  it('has the values of the database', async () => {
    await expectValue('sum(ipledger_pool_allocated_addresses{cluster="prod"})', 21);
    await expectValue('sum(kube_apiserver_clusterip_allocator_allocated_ips{cluster="prod"})', 21);
    await expectValue('sum(ipledger_pool_allocated_addresses{cluster="test"})', 1);
    await expectValue('ipledger_pool_utilization_ratio{cluster="prod",family="IPv6"}', 10 / (2 ** 64 - 1));
  });

  it('stores the request id beside the latency', async () => {
    const found = await eventually(async () => {
      const exemplars = await prometheus.api<{ exemplars: { labels: { request_id: string } }[] }[]>('query_exemplars', { query: 'ipledger_allocation_duration_seconds_bucket', start: '0', end: String(Date.now() / 1000 + 60) });
      expect(exemplars.length).toBeGreaterThan(0);
      return exemplars;
    });
    expect(found.flatMap(({ exemplars }) => exemplars.map(({ labels }) => labels.request_id)).filter((id) => /^r\d$/.test(id))).not.toEqual([]);
  });

  it('sees the same numbers from the first scrape after a restart', async () => {
    const { port } = new URL(server.url);
    await stop();
    server = await start();
    await prometheus.stop();
    prometheus = await startPrometheus(scrapeOf(new URL(server.url).port));
    await eventually(scraped, { timeoutMs: 20_000, everyMs: 100 });
    expect(port).not.toBe('');
    await expectValue('sum(ipledger_pool_allocated_addresses{cluster="prod"})', 21);
    await expectValue('count(ipledger_pool_capacity_addresses)', 6);
  });
});
