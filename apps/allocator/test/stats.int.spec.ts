import { readFileSync } from 'node:fs';
import { createPool, PostgresEventStore, type EventStore } from '@ipledger/event-store';
import { Stats, statsColumns } from '@ipledger/observability';
import { runSql, useFreshDatabase } from '@ipledger/testing';
import { ClusterState, evolve, type Event } from '@ipledger/services';
import { noteVerification, rebuildViews } from '@ipledger/views';
import fc from 'fast-check';
import pg from 'pg';
import { seriesOf, sumOf } from './exposition.js';
import { startServer, type Answer, type TestServer } from './start.js';

type Row = Record<string, any>;
const database = useFreshDatabase();
const minuteMs = 60_000;
const dayMs = 86_400_000;
let server: TestServer;
let views: pg.Pool;
let clock: () => number = Date.now;

beforeAll(async () => {
  views = createPool({ url: database.url });
  server = await startServer(new PostgresEventStore(createPool({ url: database.url })), {}, undefined, { stats: new Stats(views, () => clock()) });
});
afterAll(async () => {
  await server.close();
  await server.store.close();
  await views.end();
});
beforeEach(() => { clock = Date.now; });

const project = async (): Promise<void> => void await rebuildViews({ viewsUrl: database.url, store: server.store });
const get = (path: string): Promise<Answer> => server.send('GET', `/v1/stats/${path}`);
const rows = async (path: string): Promise<Row[]> => {
  const answer = await get(path);
  if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${answer.text}`);
  return answer.json.items as Row[];
};
const create = (cluster: string, namespace: string, name: string, spec: object = {}): Promise<Answer> =>
  server.send('POST', server.services(cluster, namespace), { metadata: { name }, spec: { ports: [{ name: 'web', port: 80 }], ...spec } });

it('says that there are no views before there are some, and counts claims for the metrics meanwhile', async () => {
  await server.register('early', ['10.0.0.0/24']);
  expect(await get('pools')).toMatchObject({ status: 503, json: { code: 'unavailable', retriable: true } });
  expect(sumOf(seriesOf((await server.send('GET', '/metrics')).text), 'ipledger_pool_allocated_addresses', { cluster: 'early' })).toBe(1);
});

describe('what the lists say', () => {
  beforeAll(async () => {
    await server.register('prod', ['10.0.0.0/24', 'fd00::/64', '10.1.0.0/30']);
    await server.register('test', ['10.0.0.0/24']);
    for (let i = 0; i < 9; i++) await create('prod', i % 3 === 0 ? 'shop' : 'blog', `s${i}`, i % 2 === 0 ? { ipFamilyPolicy: 'RequireDualStack' } : {});
    await create('prod', 'shop', 'headless', { clusterIP: 'None' });
    await server.send('POST', '/v1/clusters/prod/cidrs:drain', { cidr: '10.1.0.0/30' });
    await project();
  });

  it.each(Object.entries(statsColumns))('%s: every row has every column, in JSON and in CSV', async (list, columns) => {
    const query = list === 'options' ? 'options?of=cluster' : `${list}?cluster=prod,test`;
    const answer = await get(query);
    expect(Date.parse(answer.json.generatedAt as string)).toBeGreaterThan(0);
    const items = answer.json.items as Row[];
    expect(items.length).toBeGreaterThan(0);
    for (const row of items) expect(Object.keys(row).sort()).toEqual([...columns].sort());
    const csv = await get(`${query}&format=csv`);
    expect(csv.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    const lines = csv.text.split('\r\n');
    expect(lines[0]).toBe(columns.join(','));
    expect(lines).toHaveLength(items.length + 2);
  });

  it('counts pools as the metrics do, exactly where numbers are too large', async () => {
    const [v6] = await rows('pools?cluster=prod&pool=fd00%3A%3A%2F64');
    expect(v6).toMatchObject({ cluster: 'prod', pool: 'fd00::/64', family: 'IPv6', state: 'open', prefixLength: 64, capacityExact: '18446744073709551615', availableExact: '18446744073709551610', allocated: 5, reserved: 0, trendPerDay: null, exhaustsAtEarliest: null, exhaustsAtLatest: null });
    expect(v6!['utilization']).toBe(5 / 2 ** 64);
    expect(await rows('pools?cluster=prod&family=IPv4')).toMatchObject([
      { pool: '10.0.0.0/24', capacity: 254, allocated: 10, available: 244, reserved: 0, staticAllocated: 1, dynamicAllocated: 9 },
      { pool: '10.1.0.0/30', state: 'draining', capacity: 2, allocated: 0, available: 0, reserved: 2, utilization: 1 },
    ]);
    const series = seriesOf((await server.send('GET', '/metrics')).text);
    for (const { cluster, pool, family, capacity, allocated, available, reserved } of await rows('pools'))
      expect(['capacity', 'allocated', 'available', 'reserved'].map((name) => sumOf(series, `ipledger_pool_${name}_addresses`, { cluster, pool, family }))).toEqual([capacity, allocated, available, reserved]);
  });

  it('judges a family by its open pools', async () => {
    expect(await rows('clusters?cluster=prod&family=IPv4')).toMatchObject([
      { cluster: 'prod', family: 'IPv4', cidrs: '10.0.0.0/24,10.1.0.0/30', capacity: 256, allocated: 10, available: 244, reserved: 2, utilization: 10 / 254 },
    ]);
  });

  it('counts namespaces and kinds of Services, also in the metrics', async () => {
    expect(await rows('namespaces?cluster=prod&top=3')).toMatchObject([{ namespace: 'blog', family: 'IPv4', allocated: 6 }, { namespace: 'blog', family: 'IPv6', allocated: 3 }, { namespace: 'shop', family: 'IPv4', allocated: 3 }]);
    const services = await rows('services?cluster=prod');
    expect(services.reduce((sum, { count }) => sum + count, 0)).toBe(11);
    expect(services).toContainEqual(expect.objectContaining({ type: 'ClusterIP', ipFamilyPolicy: 'RequireDualStack', families: 'IPv4,IPv6', headless: false, count: 5 }));
    const series = seriesOf((await server.send('GET', '/metrics')).text);
    expect(sumOf(series, 'ipledger_services', { cluster: 'prod' })).toBe(11);
    expect(sumOf(series, 'ipledger_services_unsatisfied', { cluster: 'prod', reason: 'single_family' })).toBe(0);
    expect(sumOf(series, 'ipledger_node_ports_capacity', { cluster: 'prod' })).toBe(2768);
  });

  it('offers the values of dashboard variables, narrowed by the others', async () => {
    const of = async (query: string) => (await rows(`options?of=${query}`)).map(({ __value }) => __value as string);
    expect(await of('cluster')).toEqual(['early', 'prod', 'test']);
    expect(await of('pool&cluster=test')).toEqual(['10.0.0.0/24']);
    expect(await of('namespace&cluster=prod')).toEqual(['blog', 'default', 'shop']);
    expect(await of('family&cluster=$__all')).toEqual(['IPv4', 'IPv6']);
  });

  it.each(['cluster=prod,test', 'cluster={prod,test}', 'cluster=prod&cluster=test'])('takes several values as %s', async (query) => {
    expect(new Set((await rows(`pools?${query}`)).map(({ cluster }) => cluster as string))).toEqual(new Set(['prod', 'test']));
  });
  it.each(['', 'cluster=', 'cluster=$__all', 'cluster=.*', 'cluster=*', 'cluster=All'])('takes %j as all', async (query) => expect(await rows(`pools?${query}`)).toHaveLength(5));
  it('reads a CIDR that a variable has encoded once more', async () => expect(await rows('pools?pool=10.1.0.0%252F30')).toHaveLength(1));

  it.each([
    ['options', 'of: "" is not one of cluster, pool, namespace, family, lbPool'],
    ['options?of=uid', 'of: "uid" is not one of cluster, pool, namespace, family, lbPool'],
    ['namespaces?top=0', 'top: "0" is not a whole number from 1 to 1000'],
    ['pools?format=xml', 'format: "xml" is not known; leave it out for JSON, or say format=csv'],
    ['pools/history?from=yesterday', 'from: "yesterday" is no instant; write 1764072000, 1764072000000 or 2025-11-25T12:00:00Z (a + in a URL is %2B)'],
    ['pools/history?from=200&to=100', 'from: "200" is after to (1970-01-01T00:01:40.000Z)'],
    ['pools/history?step=0s', 'step: "0s" is no span of time; write 60s, 5m, 1h or a number of seconds'],
  ])('refuses %s', async (path, detail) => expect(await get(path)).toMatchObject({ status: 400, json: { code: 'invalid_request', detail } }));

  it('serves the rules and dashboards of this version, and nothing else', async () => {
    const names = ((await get('artifacts')).json.items as { name: string }[]).map(({ name }) => name);
    expect(names).toContain('prometheus-rules.yaml');
    expect(names).toContain('dashboards/pools.json');
    for (const name of names) expect((await get(`artifacts/${name}`)).status).toBe(200);
    for (const name of ['..%2f..%2fpackage.json', 'prometheus.yml', '']) expect((await get(`artifacts/${name}`)).status).not.toBe(name === '' ? 500 : 200);
  });

  it('lists Services as targets of Prometheus', async () => {
    const { json } = await get('prometheus-sd?cluster=prod&namespace=shop&port=web');
    const groups = json as { targets: string[]; labels: Record<string, string> }[];
    expect(groups).toHaveLength(5); // s0 and s6 with both families, s3 with one
    const v6 = groups.find(({ labels }) => labels['__meta_ipledger_family'] === 'IPv6');
    expect(v6).toMatchObject({ targets: [expect.stringMatching(/^\[fd00::[0-9a-f:]+\]:80$/)], labels: { __meta_ipledger_cluster: 'prod', __meta_ipledger_namespace: 'shop', __meta_ipledger_pool: 'fd00::/64', __meta_ipledger_port_name: 'web', __meta_ipledger_protocol: 'TCP' } });
    expect((await get('prometheus-sd?cluster=prod&port=443')).json).toMatchObject([{ labels: { __meta_ipledger_service: 'kubernetes' } }]);
  });

  it('says whether so many Services fit', async () => {
    const ask = (body: unknown) => server.send('POST', '/v1/clusters/prod/preflight', body);
    expect((await ask({ dualStack: 200, ipv4: 44 })).json).toMatchObject({ cluster: 'prod', fits: true, families: [{ family: 'IPv4', needed: 244, available: 244, missing: 0, fitsUntilEarliest: null }, { family: 'IPv6', needed: 200, missing: 0 }] });
    expect((await ask({ dualStack: 200, ipv4: 45 })).json).toMatchObject({ fits: false, families: [{ family: 'IPv4', needed: 245, missing: 1 }, { family: 'IPv6', missing: 0 }] });
    expect(await ask({})).toMatchObject({ status: 400, json: { code: 'invalid_request' } });
    expect(await ask({ ipv4: -1 })).toMatchObject({ status: 400 });
    expect(await server.send('POST', '/v1/clusters/nowhere/preflight', { ipv4: 1 })).toMatchObject({ status: 404, json: { code: 'cluster_not_found' } });
    expect((await server.send('POST', '/v1/clusters/test/preflight', { ipv6: 1 })).json).toMatchObject({ fits: false, families: [{ family: 'IPv4', needed: 0 }, { family: 'IPv6', needed: 1, available: 0, missing: 1 }] });
  });
});

describe('the past', () => {
  const nowMs = Math.floor(Date.now() / dayMs) * dayMs + dayMs / 2;
  const put = async (pool: string, daysAgo: number, steps: readonly [minutesAgo: number, allocated: number, capacity?: number][]): Promise<void> => {
    const { rows: [live] } = await views.query<{ schema: string }>('SELECT schema FROM views.live_set');
    await views.query(`UPDATE ${live!.schema}.pool_usage SET declared_at = to_timestamp($1), allocated = $2, dynamic_allocated = $2, static_allocated = 0 WHERE cluster = 'past' AND pool = $3`, [(nowMs - daysAgo * dayMs) / 1000, steps.at(-1)![1], pool]);
    for (const [minutesAgo, allocated, capacity = 254] of steps) for (const seconds of [60, 3_600, 86_400]) {
      const bucket = Math.floor((nowMs - minutesAgo * minuteMs) / 1000 / seconds) * seconds;
      await views.query(`INSERT INTO ${live!.schema}.usage_history (cluster, pool, family, step_seconds, bucket, revision, capacity, allocated, static_allocated, dynamic_allocated, allocated_max)
        VALUES ('past', $1, 'IPv4', $2, to_timestamp($3), 7, $4, $5, 0, $5, $5) ON CONFLICT ON CONSTRAINT usage_history_pkey DO UPDATE SET allocated = excluded.allocated, capacity = excluded.capacity`, [pool, seconds, bucket, capacity, allocated]);
    }
  };
  const at = (minutesAgo: number): number => nowMs - minutesAgo * minuteMs;

  beforeAll(async () => {
    await server.register('past', ['10.0.0.0/24', '10.2.0.0/24', '10.3.0.0/24']);
    await project();
    const { rows: [live] } = await views.query<{ schema: string }>('SELECT schema FROM views.live_set');
    await views.query(`DELETE FROM ${live!.schema}.usage_history WHERE cluster = 'past'`);
    await put('10.0.0.0/24', 1, [[600, 0], [120, 10], [118, 12], [60, 254], [30, 250]]);
    await put('10.2.0.0/24', 10, Array.from({ length: 100 }, (_, i) => [Math.round((10 * 1440 * (100 - i)) / 100), i])); // 10 a day for 10 days
    await put('10.3.0.0/24', 3, [[4_000, 5], [90, 0, 0]]);
  });
  beforeEach(() => { clock = () => nowMs; });

  it('has the last value of each step, repeats it where nothing happened, and ends where the pool does', async () => {
    const history = (query: string) => rows(`pools/history?cluster=past&${query}`);
    const points = (await history(`pool=10.0.0.0/24&from=${at(121)}&to=${at(116)}&step=1m`)).map(({ time, allocated }) => [(nowMs - time) / minuteMs, allocated]);
    expect(points).toEqual([[121, 0], [120, 10], [119, 10], [118, 12], [117, 12], [116, 12]]);
    expect((await history(`pool=10.0.0.0/24&from=${at(120)}&to=${at(1)}&step=1h`)).map(({ allocated, utilization }) => [allocated, utilization])).toEqual([[12, 12 / 254], [250, 250 / 254]]);
    expect((await history(`pool=10.3.0.0/24&from=${at(92)}&to=${at(88)}&step=60`)).map(({ allocated }) => allocated)).toEqual([5, 5]);
    expect(await history(`pool=10.0.0.0/24&from=${at(2 * 1440)}&to=${at(1441)}&step=1h`)).toEqual([]);
  });

  it('takes milliseconds, seconds and ISO as the same instant', async () => {
    const [ms, seconds, iso] = await Promise.all([String(at(60)), String(at(60) / 1000), new Date(at(60)).toISOString()].map((from) => rows(`pools/history?cluster=past&from=${from}&to=${nowMs}&step=10m`)));
    expect(ms!.length).toBeGreaterThan(0);
    expect(seconds).toEqual(ms);
    expect(iso).toEqual(ms);
  });

  it('makes a step longer that would give too many rows, or is not kept for so long, and says so', async () => {
    const long = (await get(`pools/history?cluster=past&from=${at(14 * 1440 - 10)}&to=${nowMs}&step=1m`)).json;
    expect(long).toMatchObject({ stepSeconds: 120, cut: 'the step is 120 s: 3 pools give more than 50000 rows' });
    expect((await get(`pools/history?cluster=past&from=${at(15 * 1440)}&to=${nowMs}&step=1m`)).json).toMatchObject({ stepSeconds: 3600, cut: 'the step is 3600 s: finer steps are not kept for so long' });
    expect((await get(`pools/history?cluster=past&from=${at(60)}&to=${nowMs}&step=1s`)).json).toMatchObject({ stepSeconds: 60, cut: 'the step is 60 s: finer steps are not kept' });
  });

  it('notes pools that came and went, and from when to when one was full', async () => {
    expect(await rows(`annotations?cluster=past&from=${at(4_500)}&to=${nowMs}`)).toMatchObject([
      { title: 'Pool added', text: '10.3.0.0/24 was added to past', tags: 'pool-added,IPv4', timeEnd: null, time: new Date(at(4_000)).toISOString() },
      { title: 'Pool added', text: '10.0.0.0/24 was added to past' },
      { title: 'Pool removed', text: '10.3.0.0/24 was removed from past', time: new Date(at(90)).toISOString() },
      { title: 'Pool full', tags: 'exhaustion,IPv4', time: new Date(at(60)).toISOString(), timeEnd: new Date(at(30)).toISOString() },
    ]);
    expect(await rows(`annotations?cluster=past&from=${at(45)}&to=${nowMs}`)).toMatchObject([{ title: 'Pool no longer full' }]);
  });

  it('notes what verifications found, from the first run that finds something to the first that does not', async () => {
    const found = (minutesAgo: number, differences: number, example = ''): Promise<void> => noteVerification(views, { cluster: 'past', at: new Date(at(minutesAgo)), revision: 7, differences, example });
    await found(20, 0);
    await found(19, 2, 'a leak');
    await found(18, 1, 'another leak');
    await found(17, 0);
    await found(16, 0);
    await found(15, 3, 'a third');
    const notes = [
      { time: new Date(at(19)).toISOString(), timeEnd: new Date(at(17)).toISOString(), title: 'Difference found by verify', text: '1 difference from the log, such as another leak', tags: 'verify', cluster: 'past', kind: null, lbPool: null },
      { time: new Date(at(15)).toISOString(), timeEnd: null, title: 'Difference found by verify', text: '3 differences from the log, such as a third', tags: 'verify', cluster: 'past', kind: null, lbPool: null },
    ];
    expect((await rows(`annotations?cluster=past&from=${at(25)}&to=${nowMs}`)).filter(({ tags }) => tags === 'verify')).toEqual(notes);
    expect(await rows(`annotations?cluster=past&from=${at(18)}&to=${nowMs}`)).toEqual([notes[1]]);
    for (const other of ['cluster=prod', 'cluster=past&pool=10.0.0.0/24', 'cluster=past&family=IPv4']) expect((await rows(`annotations?${other}&from=${at(25)}&to=${nowMs}`)).filter(({ tags }) => tags === 'verify')).toEqual([]);
  });

  it('forecasts per pool and per family, in lists and metrics alike', async () => {
    const [growing] = await rows('pools?cluster=past&pool=10.2.0.0/24');
    expect(growing!['trendPerDay']).toBeCloseTo(10, 0);
    const daysLeft = (Date.parse(growing!['exhaustsAtEarliest'] as string) - nowMs) / dayMs;
    expect(daysLeft).toBeGreaterThan(10);
    expect(daysLeft).toBeLessThan(16);
    expect(Date.parse(growing!['exhaustsAtLatest'] as string)).toBeGreaterThan(Date.parse(growing!['exhaustsAtEarliest'] as string));
    // A pool that was filled at once, an hour ago: a burst has no trend.
    expect(await rows('pools?cluster=past&pool=10.0.0.0/24')).toMatchObject([{ trendPerDay: null, exhaustsAtEarliest: null }]);
    const [family] = await rows('clusters?cluster=past');
    expect(family!['trendPerDay']).toBeCloseTo(10, 0);
    const series = seriesOf((await server.send('GET', '/metrics')).text);
    expect(sumOf(series, 'ipledger_family_exhaustion_timestamp_seconds', { cluster: 'past', family: 'IPv4', bound: 'early' })).toBe(Date.parse(family!['exhaustsAtEarliest'] as string) / 1000);
    expect(sumOf(series, 'ipledger_family_exhaustion_timestamp_seconds', { cluster: 'prod' })).toBeNaN();
  });
});

describe('the SQL views', () => {
  let reader: pg.Client;
  const select = async (text: string): Promise<Row[]> => (await reader.query(text)).rows as Row[];
  beforeAll(async () => {
    const sql = readFileSync(new URL('../../../deploy/grafana/postgres.sql', import.meta.url), 'utf8');
    for (let twice = 0; twice < 2; twice++) await runSql(database.url, sql);
    await server.register('sql', ['10.0.0.0/24', 'fd00::/64', '10.1.0.0/28']);
    for (let i = 0; i < 5; i++) await create('sql', 'shop', `s${i}`, { ipFamilyPolicy: 'RequireDualStack' });
    await server.send('POST', '/v1/clusters/sql/cidrs:drain', { cidr: '10.1.0.0/28' });
    await project();
    reader = new pg.Client({ connectionString: database.url });
    await reader.connect();
    await reader.query('SET SESSION AUTHORIZATION ipledger_grafana; SET search_path = grafana');
  });
  afterAll(async () => { await reader.end(); });

  const snake = (column: string): string => column.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const lists = [['grafana_pools', 'pools', ['capacityExact', 'availableExact']], ['grafana_clusters', 'clusters', ['capacityExact', 'availableExact']], ['grafana_pool_history', 'pools/history', []],
    ['grafana_namespaces', 'namespaces', []], ['grafana_services', 'services', []], ['grafana_annotations', 'annotations', []]] as const;

  it.each(lists)('%s has the columns of the list %s, and a comment', async (view, list, exact) => {
    const columns = await select(`SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'grafana' AND table_name = '${view}' ORDER BY ordinal_position`);
    expect(columns.map(({ column_name }) => column_name as string).sort()).toEqual(statsColumns[list].filter((column) => !(exact as readonly string[]).includes(column)).map(snake).sort());
    if (columns.some(({ column_name }) => column_name === 'time')) expect(columns.find(({ column_name }) => column_name === 'time')!['data_type']).toBe('timestamp with time zone');
    const [comment] = await select(`SELECT obj_description('grafana.${view}'::regclass) AS text`);
    expect(comment!['text']).toMatch(/\w/);
    expect((await select(`SELECT * FROM ${view} WHERE cluster = 'sql' LIMIT 1000`)).length).toBeGreaterThan(0);
  });

  it('say what the lists say', async () => {
    for (const [view, list] of lists.slice(0, 2)) {
      const shown = await rows(`${list}?cluster=sql`);
      const found = await select(`SELECT *, capacity::text AS capacity_exact, available::text AS available_exact FROM ${view} WHERE cluster = 'sql'`);
      for (const row of shown) {
        const same = found.find((one) => one['family'] === row['family'] && one['pool'] === row['pool'])!;
        expect(Object.fromEntries(Object.keys(row).map((column) => [column, typeof row[column] === 'number' ? Number(same[snake(column)]) : same[snake(column)]]))).toEqual(row);
      }
      expect(found).toHaveLength(shown.length);
    }
  });

  it('work with the macros of Grafana', async () => {
    const found = await select(`SELECT floor(extract(epoch FROM "time") / 3600) * 3600 AS "time", pool, max(allocated) FROM grafana_pool_history
      WHERE "time" BETWEEN '${new Date(Date.now() - dayMs).toISOString()}' AND '${new Date(Date.now() + dayMs).toISOString()}' AND cluster IN ('sql') GROUP BY 1, 2`);
    expect(found.map(({ max, pool }) => [pool, Number(max)]).sort()).toEqual([['10.0.0.0/24', 6], ['10.1.0.0/28', 0], ['fd00::/64', 5]]);
  });

  it('forecast as the lists do', async () => {
    const { rows: [live] } = await views.query<{ schema: string }>('SELECT schema FROM views.live_set');
    await views.query(`UPDATE ${live!.schema}.pool_usage SET declared_at = now() - interval '10 days', allocated = 100, dynamic_allocated = 100, static_allocated = 0 WHERE cluster = 'sql' AND pool = '10.0.0.0/24'`);
    await views.query(`DELETE FROM ${live!.schema}.usage_history WHERE cluster = 'sql' AND pool = '10.0.0.0/24'`);
    await views.query(`INSERT INTO ${live!.schema}.usage_history (cluster, pool, family, step_seconds, bucket, revision, capacity, allocated, static_allocated, dynamic_allocated, allocated_max)
      SELECT 'sql', '10.0.0.0/24', 'IPv4', 60, date_trunc('minute', now()) - interval '10 days' + n * interval '2 hours 24 minutes', 7, 254, n, 0, n, n FROM generate_series(0, 100) AS n`);
    const fresh = await startServer(server.store, {}, undefined, { stats: new Stats(views) });
    for (const [view, list] of lists.slice(0, 2)) {
      const row = ((await fresh.send('GET', `/v1/stats/${list}?cluster=sql&family=IPv4`)).json.items as Row[])[0]!;
      const [found] = await select(`SELECT * FROM ${view} WHERE cluster = 'sql' AND family = 'IPv4' ORDER BY trend_per_day NULLS LAST LIMIT 1`);
      expect(found!['trend_per_day']).toBeCloseTo(row['trendPerDay'] as number, 1);
      expect(found!['trend_per_day']).toBeCloseTo(10, 0);
      for (const bound of ['Earliest', 'Latest']) expect(Math.abs((found![`exhausts_at_${bound.toLowerCase()}`] as Date).getTime() - Date.parse(row[`exhaustsAt${bound}`] as string))).toBeLessThan(minuteMs * 60);
    }
    await fresh.close();
  });

  it.each([
    ['SELECT * FROM public.log', /permission denied/], ['SELECT * FROM public.claims', /permission denied/], ['SELECT * FROM views.pools', /permission denied/],
    ['CREATE TABLE grafana.mine (a int)', /permission denied|read-only/], ['DELETE FROM grafana.grafana_pools', /cannot delete from view/], ['UPDATE views.live_set SET format = 0', /permission denied/],
  ])('refuse its role %s', async (text, why) => { await expect(reader.query(text)).rejects.toThrow(why); });
});

describe('on any history', () => {
  const command = fc.oneof(
    fc.record({ kind: fc.constant('create' as const), name: fc.integer({ min: 0, max: 30 }), policy: fc.constantFrom('SingleStack', 'PreferDualStack', 'RequireDualStack'), address: fc.option(fc.integer({ min: 1, max: 40 })) }),
    fc.record({ kind: fc.constant('delete' as const), name: fc.integer({ min: 0, max: 30 }) }),
    fc.record({ kind: fc.constant('policy' as const), name: fc.integer({ min: 0, max: 30 }), policy: fc.constantFrom('SingleStack', 'PreferDualStack') }),
    fc.record({ kind: fc.constantFrom('add', 'drain', 'remove', 'keep'), cidr: fc.constantFrom('10.0.1.0/28', '10.0.2.0/27', 'fd01::/124') }),
  );

  it('the lists equal a fresh fold of the log', async () => {
    let run = 0;
    await fc.assert(fc.asyncProperty(fc.array(command, { minLength: 20, maxLength: 60 }), async (commands) => {
      const cluster = `any-${run++}`;
      await server.register(cluster, ['10.0.0.0/27', 'fd00::/120']);
      for (const one of commands) await order(cluster, one);
      await project();
      const state = await fold(server.store, cluster);
      expect((await rows(`pools?cluster=${cluster}`)).map(({ pool, capacityExact, allocated, staticAllocated, dynamicAllocated, state: shown, revision }) => [pool, capacityExact, allocated, staticAllocated, dynamicAllocated, shown, revision]))
        .toEqual(state.pools.map((pool) => {
          const { static: statics, dynamic } = state.useOf(pool);
          return [pool.name, String(pool.usable.count), statics + dynamic, statics, dynamic, pool.state, state.revision];
        }));
      const series = seriesOf((await server.send('GET', '/metrics')).text);
      expect(sumOf(series, 'ipledger_services', { cluster })).toBe(state.services.size);
      expect((await rows(`namespaces?cluster=${cluster}&top=1000`)).reduce((sum, { allocated }) => sum + allocated, 0)).toBe(state.taken.IPv4.size + state.taken.IPv6.size);
    }), { numRuns: 12 });
  });

  const order = async (cluster: string, one: typeof command extends fc.Arbitrary<infer C> ? C : never): Promise<void> => {
    if (one.kind === 'create') await create(cluster, `ns${one.name % 3}`, `s${one.name}`, { ipFamilyPolicy: one.policy, ...(one.address !== null && { clusterIP: `10.0.0.${one.address}` }) });
    else if (one.kind === 'delete') await server.send('DELETE', `${server.services(cluster, `ns${one.name % 3}`)}/s${one.name}`);
    else if (one.kind === 'policy') await server.send('PATCH', `${server.services(cluster, `ns${one.name % 3}`)}/s${one.name}`, { spec: { ipFamilyPolicy: one.policy } }, { 'content-type': 'application/merge-patch+json' });
    else if (one.kind === 'add') await server.send('POST', `/v1/clusters/${cluster}/cidrs`, { cidr: one.cidr });
    else if (one.kind === 'keep') await server.send('PUT', `/v1/clusters/${cluster}?inUse=keep`, { serviceCIDRs: [one.cidr.includes(':') ? '10.0.0.0/27' : one.cidr, 'fd00::/120'] });
    else await server.send('POST', `/v1/clusters/${cluster}/cidrs:${one.kind}`, { cidr: one.cidr });
  };
});

const fold = async (store: EventStore, cluster: string): Promise<ClusterState> => {
  const { id } = (await store.clusterByName(cluster))!;
  const state = new ClusterState();
  for (const row of await store.readLog(id, 0, 100_000))
    for (const [index, event] of (JSON.parse(row.events) as Event[]).entries()) evolve(state, event, row.revision - row.eventCount + 1 + index);
  return state;
};
