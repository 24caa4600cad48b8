import { spawnSync } from 'node:child_process';
import { eventually } from '@ipledger/testing';
import { MetricsRegistry, negotiateFormat } from './metrics.js';
import { registerProcessMetrics } from './process-metrics.js';

/** The exposition without the two families that every registry has. */
const ownLines = async (registry: MetricsRegistry, format: 'text' | 'openmetrics' = 'text') =>
  (await registry.render(format)).split('\n').filter((line) => !line.includes('ipledger_metrics_collection'));

const hasPromtool = spawnSync('promtool', ['--version']).error === undefined;

describe('exposition', () => {
  const filled = () => {
    const registry = new MetricsRegistry({ now: () => 1_700_000_000_123 });
    const requests = registry.counter({ name: 'app_requests_total', help: 'Requests.', labels: ['code', 'route'] });
    requests.inc({ code: '2xx', route: '/a' }, 3);
    requests.inc({ code: '5xx', route: '/a' }, 0);
    registry.gauge({ name: 'app_free_addresses', help: 'Free.', unit: 'addresses' }).set({}, 2 ** 64);
    const latency = registry.histogram({ name: 'app_wait_seconds', help: 'Wait.', labels: ['scope'], unit: 'seconds', buckets: [0.1, 1] });
    latency.observe({ scope: 'dynamic' }, 0.1, { request_id: 'r1' });
    latency.observe({ scope: 'dynamic' }, 0.5);
    latency.observe({ scope: 'dynamic' }, 7, { request_id: 'r2' });
    registry.info({ name: 'app_build_info', help: 'Build.', values: { version: '1' } });
    return registry;
  };

  it('is text 0.0.4', async () => expect(await ownLines(filled())).toEqual([
    '# HELP app_requests_total Requests.',
    '# TYPE app_requests_total counter',
    'app_requests_total{code="2xx",route="/a"} 3',
    'app_requests_total{code="5xx",route="/a"} 0',
    '# HELP app_free_addresses Free.',
    '# TYPE app_free_addresses gauge',
    'app_free_addresses 18446744073709552000',
    '# HELP app_wait_seconds Wait.',
    '# TYPE app_wait_seconds histogram',
    'app_wait_seconds_bucket{scope="dynamic",le="0.1"} 1',
    'app_wait_seconds_bucket{scope="dynamic",le="1"} 2',
    'app_wait_seconds_bucket{scope="dynamic",le="+Inf"} 3',
    'app_wait_seconds_sum{scope="dynamic"} 7.6',
    'app_wait_seconds_count{scope="dynamic"} 3',
    '# HELP app_build_info Build.',
    '# TYPE app_build_info gauge',
    'app_build_info{version="1"} 1',
    '',
  ]));

  it('is OpenMetrics with units and exemplars', async () => expect(await ownLines(filled(), 'openmetrics')).toEqual([
    '# TYPE app_requests counter',
    '# HELP app_requests Requests.',
    'app_requests_total{code="2xx",route="/a"} 3',
    'app_requests_total{code="5xx",route="/a"} 0',
    '# TYPE app_free_addresses gauge',
    '# UNIT app_free_addresses addresses',
    '# HELP app_free_addresses Free.',
    'app_free_addresses 18446744073709552000',
    '# TYPE app_wait_seconds histogram',
    '# UNIT app_wait_seconds seconds',
    '# HELP app_wait_seconds Wait.',
    'app_wait_seconds_bucket{scope="dynamic",le="0.1"} 1 # {request_id="r1"} 0.1 1700000000.123',
    'app_wait_seconds_bucket{scope="dynamic",le="1"} 2',
    'app_wait_seconds_bucket{scope="dynamic",le="+Inf"} 3 # {request_id="r2"} 7 1700000000.123',
    'app_wait_seconds_sum{scope="dynamic"} 7.6',
    'app_wait_seconds_count{scope="dynamic"} 3',
    '# TYPE app_build info',
    '# HELP app_build Build.',
    'app_build_info{version="1"} 1',
    '# EOF',
    '',
  ]));

  it('escapes label values and help; only OpenMetrics escapes quotes in help', async () => {
    const registry = new MetricsRegistry();
    registry.gauge({ name: 'g', help: 'a\\b\n"c"', labels: ['x'] }).set({ x: 'a\\b\n"c"' }, 1);
    expect(await ownLines(registry)).toEqual(['# HELP g a\\\\b\\n"c"', '# TYPE g gauge', 'g{x="a\\\\b\\n\\"c\\""} 1', '']);
    expect(await ownLines(registry, 'openmetrics')).toContain('# HELP g a\\\\b\\n\\"c\\"');
  });

  it.each([[Infinity, '+Inf'], [-Infinity, '-Inf'], [NaN, 'NaN'], [1e-17, '1e-17']])('writes %d as %s', async (value, text) => {
    const registry = new MetricsRegistry();
    registry.gauge({ name: 'g', help: 'G.' }).set({}, value);
    expect(await ownLines(registry)).toContain(`g ${text}`);
  });

  it('has each series once, whatever the order of the labels and whatever they hold', async () => {
    const registry = new MetricsRegistry();
    registerProcessMetrics(registry);
    const counter = registry.counter({ name: 'c_total', help: 'C.', labels: ['a', 'b'] });
    counter.inc({ a: '1', b: '2' });
    counter.inc({ b: '2', a: '1' });
    counter.inc({ a: '1,b="2', b: '' });
    const series = (await registry.render('text')).split('\n').filter((line) => line && !line.startsWith('#')).map((line) => line.slice(0, line.lastIndexOf(' ')));
    expect(series).toHaveLength(new Set(series).size);
    expect(await ownLines(registry)).toContain('c_total{a="1",b="2"} 2');
  });

  it('leaves out an exemplar of more than 128 characters, which a scraper would refuse', async () => {
    const registry = new MetricsRegistry();
    const latency = registry.histogram({ name: 'h_seconds', help: 'H.' });
    latency.observe({}, 1, { request_id: 'x'.repeat(118) });
    expect(await registry.render('openmetrics')).toContain('# {request_id=');
    const other = new MetricsRegistry();
    other.histogram({ name: 'h_seconds', help: 'H.' }).observe({}, 1, { request_id: 'x'.repeat(119) });
    expect(await other.render('openmetrics')).not.toContain('# {');
  });
});

describe('registry', () => {
  it.each<[string, (registry: MetricsRegistry) => unknown, string]>([
    ['a name twice', (r) => [r.gauge({ name: 'a', help: '' }), r.histogram({ name: 'a', help: '' })], 'metric a is registered twice'],
    ['a counter and a gauge that OpenMetrics would call the same', (r) => [r.gauge({ name: 'a', help: '' }), r.counter({ name: 'a_total', help: '' })], 'metric a_total is registered twice'],
    ['a counter without _total', (r) => r.counter({ name: 'a', help: '' }), 'a: a counter\'s name ends in _total'],
    ['an info without _info', (r) => r.info({ name: 'a', help: '', values: { b: 'c' } }), 'a: the name of an info ends in _info'],
    ['a bad name', (r) => r.gauge({ name: 'a-b', help: '' }), '"a-b" is not a valid name'],
    ['a bad label', (r) => r.gauge({ name: 'a', help: '', labels: ['b:c'] }), '"b:c" is not a valid name'],
    ['a unit the name does not end in', (r) => r.gauge({ name: 'a_ms', help: '', unit: 'seconds' }), 'a_ms does not end in its unit seconds'],
    ['buckets that do not ascend', (r) => r.histogram({ name: 'a', help: '', buckets: [1, 1] }), 'a: bucket bounds must be finite and ascend'],
    ['a counter going down', (r) => r.counter({ name: 'a_total', help: '' }).inc({}, -1), 'a_total: a counter cannot go down by -1'],
    ['a missing label', (r) => r.gauge<string>({ name: 'a', help: '', labels: ['b'] }).set({}, 1), 'a: label b is missing'],
  ])('refuses %s', (_what, act, message) => expect(() => act(new MetricsRegistry())).toThrow(new RegExp(`^${message}$`)));

  it('collects before each scrape and forgets series that are gone', async () => {
    const registry = new MetricsRegistry();
    const gauge = registry.gauge({ name: 'g', help: 'G.', labels: ['cluster'] });
    let clusters = ['a', 'b'];
    registry.onCollect(async () => gauge.replace(await Promise.resolve(clusters.map((cluster) => [{ cluster }, 1] as const))));
    expect(await ownLines(registry)).toEqual(['# HELP g G.', '# TYPE g gauge', 'g{cluster="a"} 1', 'g{cluster="b"} 1', '']);
    clusters = ['b'];
    expect(await ownLines(registry)).toEqual(['# HELP g G.', '# TYPE g gauge', 'g{cluster="b"} 1', '']);
  });

  it('serves the rest when a collector throws or hangs, and counts it', async () => {
    const registry = new MetricsRegistry({ collectTimeoutMs: 5 });
    const gauge = registry.gauge({ name: 'g', help: 'G.' });
    registry.onCollect(() => { throw new Error('database down'); });
    registry.onCollect(() => new Promise(() => {}));
    registry.onCollect(() => gauge.set({}, 1));
    const text = await registry.render('text');
    expect(text).toContain('g 1\n');
    expect(text).toContain('ipledger_metrics_collection_errors_total 2\n');
  });

  it('asks the collectors once for scrapes that come together', async () => {
    const registry = new MetricsRegistry();
    let asked = 0;
    registry.onCollect(async () => { asked += 1; await Promise.resolve(); });
    const first = Promise.all([registry.render('text'), registry.render('text')]);
    await eventually(() => expect(asked).toBe(1));
    // What comes while one is under way wants newer figures, but they share those.
    await Promise.all([first, registry.render('text'), registry.render('text'), registry.render('text')]);
    expect(asked).toBe(2);
  });
});

describe('process metrics', () => {
  it('exist from the first scrape and are plausible', async () => {
    const registry = new MetricsRegistry();
    registerProcessMetrics(registry);
    const lines = await ownLines(registry);
    const valueOf = (name: string) => Number(lines.find((line) => line.startsWith(`${name} `))?.split(' ')[1]);
    expect(valueOf('process_cpu_seconds_total')).toBeGreaterThan(0);
    expect(valueOf('process_resident_memory_bytes')).toBeGreaterThan(valueOf('nodejs_heap_size_used_bytes'));
    expect(Math.abs(Date.now() / 1000 - process.uptime() - valueOf('process_start_time_seconds'))).toBeLessThan(5);
    expect(lines).toContain(`nodejs_version_info{version="${process.version}"} 1`);
  });

  it('see a blocked event loop, once', async () => {
    const registry = new MetricsRegistry();
    registerProcessMetrics(registry);
    const lagMs = async () => Number(/^nodejs_eventloop_lag_max_seconds (.*)$/m.exec(await registry.render('text'))![1]) * 1000;
    const turns = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
    await turns(60); // the first interval starts the clock
    const until = performance.now() + 500;
    while (performance.now() < until);
    await turns(60);
    const stalled = await lagMs();
    expect(stalled).toBeGreaterThan(400);
    // A machine that others load may stall it again, for less.
    await eventually(async () => expect(await lagMs()).toBeLessThan(stalled), { everyMs: 60 });
  });
});

it.skipIf(!hasPromtool)(`passes promtool check metrics${hasPromtool ? '' : ' (skipped: promtool is not on PATH)'}`, async () => {
  const registry = new MetricsRegistry();
  registerProcessMetrics(registry);
  registry.histogram({ name: 'ipledger_http_request_duration_seconds', help: 'H.', labels: ['code'] }).observe({ code: '2xx' }, 0.1);
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: await registry.render('text'), encoding: 'utf8' });
  expect({ status, output: stdout + stderr }).toEqual({ status: 0, output: '' });
});

describe('negotiation', () => {
  const prometheus242 = 'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';
  const prometheus3 = 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1';
  it.each<[string | undefined, string]>([
    [undefined, 'text'],
    ['*/*', 'text'],
    ['text/html,application/xhtml+xml', 'text'],
    [prometheus242, 'openmetrics'],
    [prometheus3, 'openmetrics'],
    ['application/openmetrics-text', 'openmetrics'],
    ['application/openmetrics-text; version=1.0.0; q=0', 'text'],
    ['application/openmetrics-text;version=2.0.0', 'text'],
    ['application/openmetrics-text;q=0.2,text/plain;q=0.5', 'text'],
    ['APPLICATION/OpenMetrics-Text;Version=1.0.0', 'openmetrics'],
    ['application/openmetrics-text;q=nonsense', 'text'],
  ])('of %s is %s', (accept, format) => expect(negotiateFormat(accept)).toBe(format));
});
