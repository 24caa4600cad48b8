import { PostgresEventStore } from '@ipledger/event-store';
import { PoolAttempts, renderKubernetesMetrics } from '@ipledger/observability';
import { createLogger, MetricsRegistry } from '@ipledger/runtime';
import { eventually, useFreshDatabase } from '@ipledger/testing';
import pg from 'pg';
import { VerifyMetrics } from '../src/verify-metrics.js';
import { findingOf, verifyRegularly } from '../src/verify-regularly.js';
import { startServer, type TestServer } from './start.js';

const soon = { timeoutMs: 20_000, everyMs: 20 };

/** A process that verifies, as far as that can be seen from outside. */
class Verifier {
  readonly logged: string[] = [];
  readonly noted: ReturnType<typeof findingOf>[] = [];
  readonly registry = new MetricsRegistry({ observesItself: false });
  readonly metrics = new VerifyMetrics(this.registry);
  private readonly running: { stop(): Promise<void> };

  constructor(url: string, store: PostgresEventStore, intervalSeconds = 3_600) {
    const logger = createLogger({ level: 'warn', format: 'json', write: (line) => this.logged.push(line) });
    this.running = verifyRegularly({ store, directUrl: url, intervalSeconds, observer: this.metrics, logger, askEveryMs: 20, note: async (verified) => {
      this.noted.push(findingOf(verified));
      if (verified.cluster === 'green') throw new Error('no views');
    } });
  }
  stop = (): Promise<void> => this.running.stop();
  /** Type -> how many differences of the cluster. */
  async found(cluster: string): Promise<Record<string, number>> {
    const text = await this.registry.render('text');
    return Object.fromEntries([...text.matchAll(new RegExp(`^ipledger_verify_differences_total\\{cluster="${cluster}",type="(\\w+)"\\} (\\d+)$`, 'gm'))].map(([, type, count]) => [type!, Number(count)]));
  }
  async lastSuccess(cluster: string): Promise<number> {
    return Number(new RegExp(`^ipledger_verify_last_success_timestamp_seconds\\{cluster="${cluster}"\\} (\\S+)$`, 'm').exec(await this.registry.render('text'))?.[1] ?? 0);
  }
}

describe('the scheduled verification', () => {
  const database = useFreshDatabase();
  const open: Verifier[] = [];
  let store: PostgresEventStore;
  let server: TestServer;
  let client: pg.Client;
  const verifier = (intervalSeconds?: number): Verifier => {
    const made = new Verifier(database.url, store, intervalSeconds);
    open.push(made);
    return made;
  };
  const clean = { leak: 0, missing: 0, duplicate: 0, out_of_range: 0, full: 0, differs: 0, broken: 0 };
  beforeAll(async () => {
    client = new pg.Client({ connectionString: database.url });
    await client.connect();
    store = new PostgresEventStore({ url: database.url, max: 4 });
    server = await startServer(store);
    await server.register('blue', ['10.0.0.0/30', '10.0.1.0/24']);
    await server.register('green', ['fd00::/120']);
    // The second address of a range of two, so that it is full.
    for (const [name, clusterIP] of [['a', '10.0.0.2'], ['b', '10.0.1.9']]) expect((await server.send('POST', server.services('blue'), { metadata: { name }, spec: { clusterIP, ports: [{ port: 80 }] } })).status).toBe(201);
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((one) => one.stop()));
  });
  afterAll(async () => {
    await server.close();
    await store.close();
    await client.end();
  });

  it('runs in one process of several, and in another once that one ends', async () => {
    const first = verifier();
    await eventually(async () => expect(await first.lastSuccess('green')).toBeGreaterThan(Date.now() / 1000 - 60), soon);
    const second = verifier();
    // It was refused the lock, at the least once, before the first one ends.
    await eventually(async () => expect((await client.query("SELECT 1 FROM pg_stat_activity WHERE application_name = 'ipledger verify' AND datname = current_database()")).rows).toHaveLength(2), soon);
    expect(await second.found('blue')).toEqual({});
    await first.stop();
    await eventually(async () => expect(await second.found('green')).toEqual(clean), soon);
    // What cannot be noted is told, and nothing more.
    for (const line of [...first.logged, ...second.logged]) expect(JSON.parse(line)).toMatchObject({ level: 'warn', message: 'what the verification found is not among the annotations', error: 'no views' });
    await eventually(() => expect(second.noted.find(({ cluster }) => cluster === 'blue')).toMatchObject({ differences: 0, example: '' }), soon);
  });

  it('counts by type, names each difference, and tells kube-apiserver\'s names about addresses only', async () => {
    await client.query("DELETE FROM claims WHERE cluster_id = 2; UPDATE claims SET uid = 'x' WHERE name = 'a'; INSERT INTO claims VALUES (1, '10.9.9.9', 1, now(), 'n', 'm', 'u')");
    await client.query("UPDATE documents SET document = '{}' WHERE name = 'b'");
    const { logged, metrics, ...rest } = verifier();
    const one = { ...rest, found: (cluster: string) => open.at(-1)!.found(cluster) };
    await eventually(async () => expect(await one.found('green')).toEqual({ ...clean, missing: 1 }), soon);
    expect(await one.found('blue')).toEqual({ ...clean, leak: 1, duplicate: 1, differs: 1, full: 1 });
    expect(logged.filter((line) => line.includes('annotations'))).toHaveLength(1);
    expect(logged).toHaveLength(5);
    expect(open.at(-1)!.noted).toMatchObject([{ cluster: 'blue', differences: 3, example: expect.stringMatching(/^blue: claims: (differs|leak): 10\./) as string }, { cluster: 'green', differences: 1, example: expect.stringMatching(/^green: claims: missing: fd00::/) as string }]);
    expect(logged[0]).toMatch(/blue: claims: (differs|leak): 10\./);
    const kubernetes = await renderKubernetesMetrics([], new PoolAttempts(), metrics.repairs, 'text');
    expect(kubernetes).toContain('apiserver_clusterip_repair_ip_errors_total{cluster="blue",type="duplicate"} 1\n');
    expect(kubernetes).toContain('apiserver_clusterip_repair_ip_errors_total{cluster="blue",type="leak"} 1\n');
    expect(kubernetes).toContain('apiserver_clusterip_repair_ip_errors_total{cluster="blue",type="unknown"} 0\n');
    expect(kubernetes).toContain('apiserver_clusterip_repair_ip_errors_total{cluster="green",type="repair"} 1\n');
    expect(await renderKubernetesMetrics([], new PoolAttempts(), metrics.repairs, 'text', 'green')).toContain('apiserver_clusterip_repair_reconcile_errors_total 0\n');
  });

  it('goes on after the database was away, and counts the run that failed', async () => {
    const one = verifier(1);
    await eventually(async () => expect(await one.lastSuccess('blue')).toBeGreaterThan(0), soon);
    await client.query('ALTER TABLE port_claims RENAME TO away');
    await eventually(() => expect(one.metrics.repairs.get('blue')?.failedRuns).toBeGreaterThan(0), soon);
    await client.query('ALTER TABLE away RENAME TO port_claims');
    const sinceSeconds = Date.now() / 1000;
    await eventually(async () => expect(await one.lastSuccess('green')).toBeGreaterThan(sinceSeconds), soon);
  });
});
