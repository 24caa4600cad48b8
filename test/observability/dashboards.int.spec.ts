import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createPool, PostgresEventStore } from '@ipledger/event-store';
import { Stats } from '@ipledger/observability';
import { useFreshDatabase } from '@ipledger/testing';
import { rebuildViews } from '@ipledger/views';
import jsonata from 'jsonata';
import type pg from 'pg';
import { seriesOf } from '../../apps/allocator/test/exposition.js';
import { startServer, type TestServer } from '../../apps/allocator/test/start.js';
import { poolsInfinityDashboard } from '../../deploy/generate/dashboards/pools-infinity.js';
import { poolsDashboard } from '../../deploy/generate/dashboards/pools.js';
import { alerts, recorded, recordingRules, writtenOut } from '../../deploy/generate/rules.js';
import { describeWith } from './binaries.js';
import { startPrometheus, type Prometheus } from './prometheus.js';

interface Panel { id?: number; type: string; title?: string; gridPos?: { x: number; y: number; w: number; h: number }; datasource?: { uid: string }; targets?: Record<string, any>[]; panels?: Panel[] }
const boards = [poolsDashboard(), poolsInfinityDashboard()].map((board) => JSON.parse(JSON.stringify(board)) as { title: string; uid: string; schemaVersion: number; panels: Panel[]; templating: { list: Record<string, any>[] }; annotations: { list: Record<string, any>[] } });
const [prometheusBoard, infinityBoard] = boards as [(typeof boards)[0], (typeof boards)[0]];
const panelsOf = (board: { panels: Panel[] }): Panel[] => board.panels.filter(({ type }) => type !== 'row');

/** What Grafana would not draw, or draw wrongly. */
const faults = (board: (typeof boards)[0]): string[] => panelsOf(board).flatMap((panel) => {
  const { title = '', gridPos, datasource, targets = [] } = panel;
  const refIds = targets.map(({ refId }) => refId as string);
  return [
    ...(gridPos === undefined || gridPos.x + gridPos.w > 24 || gridPos.w < 1 || gridPos.h < 1 ? [`${title}: lies outside the grid`] : []),
    ...(new Set(refIds).size < refIds.length || refIds.includes('') ? [`${title}: refIds are missing or repeated`] : []),
    ...(panel.type !== 'alertlist' && (targets.length === 0 || datasource?.uid !== '${ds}') ? [`${title}: asks nothing, or a fixed data source`] : []),
    ...targets.filter((target) => !('expr' in target ? target['expr'] : target['url'])).map(() => `${title}: an empty query`),
  ];
});

describe.each(boards)('$title', (board) => {
  it('has the form of a dashboard', () => {
    expect(faults(board)).toEqual([]);
    expect(board.schemaVersion).toBeGreaterThanOrEqual(39);
    expect(board.templating.list.map(({ name }) => name as string)).toEqual(['ds', 'cluster', 'pool', 'family']);
    const titles = panelsOf(board).map(({ title }) => title);
    expect(new Set(titles).size).toBe(titles.length);
  });

  it('and this test sees when it has not', () => {
    const broken = structuredClone(board);
    const [first, second] = panelsOf(broken) as [Panel, Panel];
    first.gridPos!.w = 30;
    second.datasource!.uid = 'fixed';
    expect(faults(broken)).toHaveLength(2);
  });
});

const database = useFreshDatabase();
let server: TestServer;
let views: pg.Pool;
beforeAll(async () => {
  views = createPool({ url: database.url });
  server = await startServer(new PostgresEventStore(createPool({ url: database.url })), {}, undefined, { stats: new Stats(views) });
  for (const cluster of ['prod', 'test']) {
    await server.register(cluster, ['10.0.0.0/28', '10.1.0.0/24', 'fd00::/64']);
    for (let i = 0; i < 12; i++) await server.send('POST', server.services(cluster, `ns${i % 3}`), { metadata: { name: `s${i}` }, spec: { ports: [{ port: 80 }], ipFamilyPolicy: i % 2 ? 'RequireDualStack' : 'SingleStack' } });
    await server.send('DELETE', `${server.services(cluster, 'ns0')}/s0`);
    await server.send('POST', server.services(cluster), { metadata: { name: 'taken' }, spec: { ports: [{ port: 80 }], clusterIP: '10.0.0.1' } });
  }
  await server.send('POST', '/v1/lb-pools', { name: 'edge', cluster: 'prod', addresses: ['203.0.113.0/28', '2001:db8::/124'] });
  await server.send('POST', '/v1/lb-pools', { name: 'wide', clusters: 'all', addresses: ['198.51.100.10-198.51.100.12'] });
  await server.send('POST', server.services('prod'), { metadata: { name: 'lb' }, spec: { ports: [{ port: 80 }], type: 'LoadBalancer', loadBalancerClass: 'ipledger.io/pool' } });
  await rebuildViews({ viewsUrl: database.url, store: server.store });
});
afterAll(async () => {
  await server.close();
  await server.store.close();
  await views.end();
});

/** Metrics of the relay, the projector, the assigner and the scheduled verification, which this server does not run, of files that it does not have, and of replicas that collide, of which there is one. */
const elsewhere = [
  'ipledger_projection_revision{cluster="prod"}', 'ipledger_projection_revision{cluster="test"}', 'ipledger_projection_stopped{cluster="prod"}', 'ipledger_relay_lag_seconds{cluster="prod"}',
  'ipledger_relay_lag_events{cluster="prod"}', 'ipledger_family_exhaustion_timestamp_seconds{bound="late",cluster="prod",family="IPv4"}',
  'ipledger_verify_differences_total{cluster="prod",type="leak"}', 'ipledger_verify_last_success_timestamp_seconds{cluster="prod"}', 'ipledger_verify_interval_seconds', 'ipledger_reload_failed{file="access"}',
  'ipledger_lb_waiting_services{cluster="prod",reason="NoPool"}', 'ipledger_lb_oldest_wait_seconds{cluster="prod"}',
];

it('every metric that rules and dashboards name is exported', async () => {
  const exported = new Set([...seriesOf((await server.send('GET', '/metrics')).text).keys(), ...elsewhere].map((key) => key.split('{')[0]!));
  const texts = [...alerts.map(({ expr }) => expr(writtenOut)), ...alerts.map(({ expr }) => expr(recorded)), ...recordingRules.map(({ expr }) => expr), JSON.stringify(prometheusBoard)];
  const named = new Set(texts.flatMap((text) => text.match(/(?<![\w:])ipledger_[a-z0-9_]+/g) ?? []));
  expect(named.size).toBeGreaterThan(15);
  expect([...named].filter((name) => !exported.has(name))).toEqual([]);
});

it('every metric that is exported is described', async () => {
  const text = readFileSync(new URL('../../docs/observability.md', import.meta.url), 'utf8');
  const described = new Set(text.match(/ipledger_[a-z0-9_]+/g));
  const names = [...seriesOf((await server.send('GET', '/metrics')).text).keys()].map((key) => key.split('{')[0]!.replace(/_(bucket|count|sum)$/, '')).filter((name) => name.startsWith('ipledger_'));
  expect([...new Set(names)].filter((name) => !described.has(name))).toEqual([]);
});

describeWith(['prometheus', 'promtool'], 'every query of the Prometheus dashboard, on a history of 8 hours', () => {
  const minutes = 480;
  const endSeconds = Math.floor(Date.now() / 60_000) * 60;
  let folder: string;
  let prometheus: Prometheus;

  /** Each series of a real scrape, over 8 hours: what counts has grown to what it is, and pools fill. */
  const backfill = (series: ReadonlyMap<string, number>): string => {
    const names = new Map<string, string[]>();
    for (const [key, value] of series) {
      const name = key.split('{')[0]!;
      const counts = /_(total|count|sum|bucket)$/.test(name);
      const at = (i: number): number => (counts ? (value + 1) * (i + 1) : name === 'ipledger_pool_allocated_addresses' ? value + i / 10 : value);
      names.set(name, [...(names.get(name) ?? []), ...Array.from({ length: minutes }, (_, i) => `${key.replace('{', '{instance="a",job="ipledger",').replace(',}', '}')} ${at(i)} ${endSeconds - (minutes - 1 - i) * 60}`)]);
    }
    return `${[...names].map(([name, lines]) => `# TYPE ${name} unknown\n${lines.join('\n')}\n`).join('')}# EOF\n`;
  };

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'ipledger-backfill-'));
    const series = seriesOf(`${(await server.send('GET', '/metrics')).text}\n${elsewhere.map((key) => `${key} 1`).join('\n')}`);
    for (const key of series.keys()) if (/^(process|nodejs)_/.test(key)) series.delete(key);
    writeFileSync(path.join(folder, 'history.om'), backfill(series));
    execFileSync('promtool', ['tsdb', 'create-blocks-from', 'openmetrics', path.join(folder, 'history.om'), path.join(folder, 'data')], { stdio: 'pipe' });
    prometheus = await startPrometheus({ global: { scrape_interval: '1m' } }, { dataDir: path.join(folder, 'data') });
  });
  afterAll(async () => {
    await prometheus?.stop();
    rmSync(folder, { recursive: true });
  });

  const expand = (expr: string): string => expr.replaceAll('$__rate_interval', '5m').replaceAll('$__interval', '1m').replaceAll('$__range', '6h').replace(/\$(cluster|pool|family)\b/g, '.*');
  const ask = async (expr: string) => (await prometheus.api<{ result: { metric: Record<string, string>; value: [number, string] }[] }>('query', { query: expand(expr), time: String(endSeconds) })).result;

  it.each(panelsOf(prometheusBoard).flatMap(({ title, targets = [] }) => targets.map((target) => ({ title, expr: target['expr'] as string, legend: target['legendFormat'] as string }))))('$title: $expr', async ({ expr, legend }) => {
    const found = await ask(expr);
    expect(found.length).toBeGreaterThan(0);
    for (const { metric, value } of found) {
      expect(Number.isFinite(Number(value[1])), JSON.stringify(metric)).toBe(true);
      for (const [, label] of legend.matchAll(/\{\{(\w+)\}\}/g)) expect(Object.keys(metric)).toContain(label);
    }
  });

  it('the variables have values, and the annotation is a query', async () => {
    for (const { name, query } of prometheusBoard.templating.list.slice(1)) {
      const [, selector = '', label = ''] = /^label_values\((.*), (\w+)\)$/.exec((query as { query: string }).query) ?? [];
      expect((await ask(selector)).map(({ metric }) => metric[label]), name as string).not.toContain(undefined);
    }
    for (const { expr } of prometheusBoard.annotations.list.filter((one) => 'expr' in one)) await ask(expr as string);
  });
});

describe('every query of the Infinity dashboard, on the service', () => {
  const expand = (url: string): string => url.replace(/\$\{(cluster|pool|family):csv\}/g, '$__all').replaceAll('${__timeFrom}', String(Date.now() - 3_600_000)).replaceAll('${__timeTo}', String(Date.now() + 60_000)).replaceAll('${__interval}', '1m');
  const queries: [title: string, target: Record<string, any>][] = [
    ...panelsOf(infinityBoard).flatMap(({ title = '', targets = [] }) => targets.map((target): [string, Record<string, any>] => [title, target])),
    ...infinityBoard.templating.list.slice(1).map(({ name, query }): [string, Record<string, any>] => [`variable ${name as string}`, (query as { infinityQuery: Record<string, any> }).infinityQuery]),
    ...infinityBoard.annotations.list.filter(({ target }) => target?.url !== undefined).map(({ name, target }): [string, Record<string, any>] => [`annotation ${name as string}`, target as Record<string, any>]),
  ];
  it('are all there', () => expect(queries.length).toBeGreaterThan(14));

  it.each(queries)('%s', async (_, target) => {
    const answer = await server.send('GET', expand(target['url'] as string));
    expect(answer.status, answer.text).toBe(200);
    const selected = (await jsonata(target['root_selector'] as string).evaluate(answer.json)) as Record<string, unknown> | Record<string, unknown>[];
    const rows = [selected].flat();
    expect(rows.length).toBeGreaterThan(0);
    for (const row of rows)
      for (const { selector, type } of target['columns'] as { selector: string; type: string }[]) {
        const value = row[selector];
        expect(value, selector).not.toBe(undefined);
        if (value === null) continue;
        if (type === 'number') expect(value, selector).toBeTypeOf('number');
        if (type === 'timestamp') expect(Date.parse(value as string), selector).toBeGreaterThan(0);
        if (type === 'timestamp_epoch') expect(value, selector).toBeGreaterThan(1e12);
      }
  });
});
