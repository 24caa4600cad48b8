import { spawnSync } from 'node:child_process';
import { InMemoryEventStore, StoreUnavailable } from '@ipledger/event-store';
import { keyOf, seriesOf, sumOf } from './exposition.js';
import { startServer, type TestServer } from './start.js';

const openMetrics = 'application/openmetrics-text;version=1.0.0';
let server: TestServer;
beforeEach(async () => { server = await startServer(); });
afterEach(async () => { await server.close(); });

const scrape = async (path = '/metrics'): Promise<Map<string, number>> => seriesOf((await server.send('GET', path)).text);
const create = async (cluster: string, name: string, spec: object = {}, query = ''): Promise<number> =>
  (await server.send('POST', server.services(cluster) + query, { metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } })).status;
const pool = (cluster: string, cidr: string) => ({ cluster, pool: cidr, family: cidr.includes(':') ? 'IPv6' : 'IPv4' });

it('shows every pool from the first scrape, empty as it is, and every label set of its counters', async () => {
  await server.register('prod', ['10.0.0.0/24', '10.1.0.0/30', 'fd00::/64']);
  const series = await scrape();
  for (const [cidr, capacity] of [['10.0.0.0/24', 254], ['10.1.0.0/30', 2], ['fd00::/64', 2 ** 64 - 1]] as const) {
    const labels = pool('prod', cidr);
    expect(sumOf(series, 'ipledger_pool_capacity_addresses', labels)).toBe(capacity);
    for (const band of ['static', 'dynamic']) {
      expect(series.get(keyOf('ipledger_pool_allocated_addresses', { ...labels, band }))).toBe(cidr === '10.0.0.0/24' && band === 'static' ? 1 : 0);
      expect(series.has(keyOf('ipledger_pool_available_addresses', { ...labels, band }))).toBe(true);
    }
    expect(series.get(keyOf('ipledger_pool_info', { ...labels, primary: String(!cidr.includes(':')), state: 'open' }))).toBe(1);
    expect(series.get(keyOf('ipledger_allocations_total', { ...labels, scope: 'static', outcome: 'conflict' }))).toBe(0);
    expect(series.get(keyOf('ipledger_releases_total', { ...labels, reason: 'type_changed' }))).toBe(0);
  }
  expect(series.get(keyOf('ipledger_allocations_total', { ...pool('prod', 'fd00::/64'), scope: 'dynamic', outcome: 'exhausted' }))).toBe(0);
  expect(series.get(keyOf('ipledger_allocations_total', { cluster: 'prod', pool: '', family: 'IPv4', scope: 'dynamic', outcome: 'exhausted' }))).toBe(0);
  expect(sumOf(series, 'ipledger_cluster_revision', { cluster: 'prod' })).toBe(3);
  expect(sumOf(series, 'ipledger_watch_streams', { cluster: 'prod' })).toBe(0);
  expect(sumOf(series, 'ipledger_database_up')).toBe(1);
});

it('adds up in every pool, whatever has happened', async () => {
  await server.register('prod', ['10.0.0.0/27', '10.1.0.0/30', 'fd00::/64']);
  for (let i = 0; i < 40; i++) await create('prod', `s${i}`, i % 3 === 0 ? { ipFamilyPolicy: 'RequireDualStack' } : {});
  await server.send('DELETE', `${server.services('prod')}/s3`);
  await server.send('POST', '/v1/clusters/prod/cidrs:drain', { cidr: '10.0.0.0/27' });
  await server.send('DELETE', `${server.services('prod')}/s6`);
  const series = await scrape();
  for (const cidr of ['10.0.0.0/27', '10.1.0.0/30', 'fd00::/64']) {
    const of = (name: string) => sumOf(series, `ipledger_pool_${name}_addresses`, pool('prod', cidr));
    expect(of('allocated') + of('reserved') + of('available')).toBe(of('capacity'));
    expect(sumOf(series, 'ipledger_pool_utilization_ratio', pool('prod', cidr))).toBeCloseTo((of('capacity') - of('available')) / of('capacity'), 12);
  }
  // A draining pool has nothing to give, though addresses are free in it.
  expect(sumOf(series, 'ipledger_pool_available_addresses', pool('prod', '10.0.0.0/27'))).toBe(0);
  expect(sumOf(series, 'ipledger_pool_reserved_addresses', { ...pool('prod', '10.0.0.0/27'), reason: 'draining' })).toBe(2);
  expect(sumOf(series, 'ipledger_pool_info', { ...pool('prod', '10.0.0.0/27'), state: 'draining' })).toBe(1);
  // 11 addresses in 2^64: a difference of floats would say 0.
  expect(sumOf(series, 'ipledger_pool_utilization_ratio', pool('prod', 'fd00::/64'))).toBeGreaterThan(1e-19);
  for (const [key, value] of series) expect(value, key).toBeGreaterThanOrEqual(0);
});

it('counts attempts by pool and outcome, dry runs never', async () => {
  await server.register('prod', ['10.0.0.0/28']);
  await create('prod', 'a', { clusterIP: '10.0.0.5' });
  await create('prod', 'b', { clusterIP: '10.0.0.5' });
  await create('prod', 'c', { clusterIP: '10.9.0.5' });
  await create('prod', 'd', {}, '?dryRun=All');
  await create('prod', 'none', { clusterIP: 'None' });
  for (let i = 0; i < 14; i++) await create('prod', `s${i}`);
  await server.send('DELETE', `${server.services('prod')}/a`);
  const series = await scrape();
  const attempts = (labels: Record<string, string>) => series.get(keyOf('ipledger_allocations_total', { cluster: 'prod', ...labels }));
  const at = { pool: '10.0.0.0/28', family: 'IPv4' };
  expect(attempts({ ...at, scope: 'static', outcome: 'success' })).toBe(2); // a, and default/kubernetes
  expect(attempts({ ...at, scope: 'static', outcome: 'conflict' })).toBe(1);
  expect(attempts({ pool: '', family: 'IPv4', scope: 'static', outcome: 'invalid' })).toBe(1);
  expect(attempts({ ...at, scope: 'dynamic', outcome: 'success' })).toBe(12);
  expect(attempts({ ...at, scope: 'dynamic', outcome: 'exhausted' })).toBe(2);
  expect(series.get(keyOf('ipledger_releases_total', { cluster: 'prod', ...at, reason: 'deleted' }))).toBe(1);
  expect(series.get(keyOf('ipledger_allocation_duration_seconds_count', { scope: 'static' }))).toBe(2);
  expect(series.get(keyOf('ipledger_allocation_duration_seconds_count', { scope: 'dynamic' }))).toBe(12);

  const kubernetes = await scrape('/metrics/kubernetes?cluster=prod');
  const ips = (name: string, labels: Record<string, string> = {}) => kubernetes.get(keyOf(`kube_apiserver_clusterip_allocator_${name}`, { cidr: '10.0.0.0/28', ...labels }));
  expect([ips('allocated_ips'), ips('available_ips')]).toEqual([13, 1]);
  expect([ips('allocation_total', { scope: 'static' }), ips('allocation_total', { scope: 'dynamic' })]).toEqual([2, 12]);
  expect([ips('allocation_errors_total', { scope: 'static' }), ips('allocation_errors_total', { scope: 'dynamic' })]).toEqual([1, 2]);
  expect(ips('allocation_duration_seconds_count')).toBe(14);
});

it('keeps two clusters with one CIDR apart, under both names', async () => {
  for (const name of ['a', 'b']) await server.register(name, ['10.0.0.0/24', 'fd00::/120']);
  await create('a', 'one', { ipFamilyPolicy: 'RequireDualStack' });
  for (const format of ['*/*', openMetrics])
    for (const path of ['/metrics', '/metrics/kubernetes', '/metrics/kubernetes?cluster=a']) {
      const answer = await server.send('GET', path, undefined, { accept: format });
      expect([answer.status, answer.headers.get('vary')]).toEqual([200, 'Accept']);
      seriesOf(answer.text);
    }
  const [own, kubernetes] = [await scrape(), await scrape('/metrics/kubernetes')];
  for (const cluster of ['a', 'b'])
    for (const cidr of ['10.0.0.0/24', 'fd00::/120'])
      expect(sumOf(kubernetes, 'kube_apiserver_clusterip_allocator_allocated_ips', { cluster, cidr })).toBe(sumOf(own, 'ipledger_pool_allocated_addresses', pool(cluster, cidr)));
  expect(await server.send('GET', '/metrics/kubernetes?cluster=c')).toMatchObject({ status: 404, json: { code: 'cluster_not_found' } });
});

const hasPromtool = spawnSync('promtool', ['--version']).error === undefined;
it.skipIf(!hasPromtool)(`passes promtool check metrics on both paths${hasPromtool ? '' : ' (skipped: promtool is not on PATH)'}`, async () => {
  await server.register('prod', ['10.0.0.0/24', 'fd00::/64']);
  await create('prod', 'one');
  for (const path of ['/metrics', '/metrics/kubernetes', '/metrics/kubernetes?cluster=prod']) {
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: (await server.send('GET', path)).text, encoding: 'utf8' });
    expect({ path, status, output: stdout + stderr }).toEqual({ path, status: 0, output: '' });
  }
});

it('leads from a slow bucket to the request by an exemplar', async () => {
  await server.register('prod', ['10.0.0.0/24']);
  await server.send('POST', server.services('prod'), { metadata: { name: 'a' }, spec: { ports: [{ port: 80 }] } }, { 'x-request-id': 'find-me' });
  const { text } = await server.send('GET', '/metrics', undefined, { accept: openMetrics });
  expect(text).toMatch(/^ipledger_allocation_duration_seconds_bucket\{scope="dynamic",le="[^"]+"\} 1 # \{request_id="find-me"\}/m);
});

it('counts what goes out on watches', async () => {
  await server.register('prod', ['10.0.0.0/24']);
  await fetch(`${server.url}${server.services('prod')}?watch=true&timeoutSeconds=1`).then((answer) => answer.text());
  const series = await scrape();
  expect(sumOf(series, 'ipledger_watch_events_total', { cluster: 'prod', type: 'ADDED' })).toBe(1);
  expect(sumOf(series, 'ipledger_watch_streams', { cluster: 'prod' })).toBe(0);
});

it('puts no name, address or user into a label', async () => {
  await server.register('prod', ['10.0.0.0/24', 'fd00::/64']);
  await server.send('POST', server.services('prod', 'secret-namespace'), { metadata: { name: 'secret-name' }, spec: { ports: [{ port: 80 }], ipFamilyPolicy: 'RequireDualStack' } }, { 'user-agent': 'secret-agent' });
  await server.send('GET', '/secret-path/x');
  const text = (await server.send('GET', '/metrics')).text + (await server.send('GET', '/metrics/kubernetes')).text;
  expect(text).not.toMatch(/secret|10\.0\.0\.\d+"|fd00::[0-9a-f]+"/);
});

describe('without its database', () => {
  const start = async (clusters: () => Promise<never>) => {
    await server.close();
    const store = new InMemoryEventStore();
    server = await startServer(store);
    await server.register('prod', ['10.0.0.0/24']);
    expect(sumOf(await scrape(), 'ipledger_database_up')).toBe(1);
    store.clusters = clusters;
  };

  it.each([
    ['refuses', () => Promise.reject(new StoreUnavailable('gone'))],
    ['hangs', () => new Promise<never>(() => {})],
  ] as const)('answers 200, says so, and shows no old figures when it %s', async (_, clusters) => {
    await start(clusters);
    const answer = await server.send('GET', '/metrics');
    expect(answer.status).toBe(200);
    const series = seriesOf(answer.text);
    expect(sumOf(series, 'ipledger_database_up')).toBe(0);
    expect(sumOf(series, 'ipledger_pool_capacity_addresses')).toBeNaN();
    expect(sumOf(series, 'process_resident_memory_bytes')).toBeGreaterThan(0);
    expect(sumOf(series, 'ipledger_metrics_collection_errors_total')).toBe(1);
    expect(await server.send('GET', '/metrics/kubernetes')).toMatchObject({ status: 503, json: { code: 'unavailable' } });
  });
});
