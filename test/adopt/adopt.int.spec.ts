import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createPool, PostgresEventStore } from '@ipledger/event-store';
import { LogTail } from '@ipledger/messaging';
import { createLogger } from '@ipledger/runtime';
import { eventually, useFreshDatabase } from '@ipledger/testing';
import { Projector, ViewsReader } from '@ipledger/views';
import type pg from 'pg';
import { runExport } from '../../apps/admin/src/export.js';
import { follow } from '../../apps/admin/src/follow/follow.js';
import { apiServerOf } from '../../apps/admin/src/live.js';
import { runImport } from '../../apps/admin/src/import.js';
import { runReconcile } from '../../apps/admin/src/reconcile.js';
import { parseUsage } from '../../apps/admin/src/usage.js';
import { runVerify } from '../../apps/admin/src/verify.js';
import { startServer, type TestServer } from '../../apps/allocator/test/start.js';

const services = 300;
const cidrs = ['10.96.0.0/20', 'fd00::/112'];

/** A server over Postgres with its views; "live" clusters of it stand for API servers that run already. */
describe('adopting a running cluster', () => {
  const database = useFreshDatabase();
  let pool: pg.Pool;
  let server: TestServer;
  let projector: Projector;
  let tail: LogTail;
  let folder: string;
  let serial = 0;
  let live: string;
  let ledger: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'adopt-'));
    pool = createPool({ url: database.url, max: 6 });
    const store = new PostgresEventStore({ url: database.url, max: 6 });
    const views = new ViewsReader(pool);
    projector = new Projector({ pool, viewsUrl: database.url, store, logger: createLogger({ level: 'error', format: 'json' }), onApplied: () => views.hint() });
    await projector.start();
    tail = new LogTail({ store, positionOf: (name) => projector.positionOf(name), onFailure: () => undefined });
    void tail.run((batch) => projector.take(batch));
    server = await startServer(store, {}, undefined, { views, onCommit: () => tail.hint() });
  });
  afterAll(async () => {
    await tail.stop();
    await projector.stop();
    await server.close();
    await server.store.close();
    await pool.end();
    await rm(folder, { recursive: true });
  });
  beforeEach(async () => {
    [live, ledger] = [`live${++serial}`, `ledger${serial}`];
    for (const name of [live, ledger]) expect((await server.send('POST', '/v1/clusters', { name, serviceCIDRs: name === live ? cidrs.slice(0, 1) : cidrs, apiServerService: false })).status).toBe(201);
  });

  const usage = (verb: string, cluster: string, ...argv: string[]) => parseUsage([verb, '--ledger', server.url, '--cluster', cluster, ...argv], {})!;
  const apiServer = (): string => `${server.url}/clusters/${live}`;
  const create = async (name: string, spec: object = {}, cluster = live): Promise<{ metadata: { uid: string }; spec: { clusterIP: string } }> => {
    const answer = await server.send('POST', server.services(cluster, 'shop'), { metadata: { name }, spec: { ipFamilyPolicy: 'PreferDualStack', ports: [{ port: 80 }], ...spec } });
    expect(answer.status, answer.text).toBe(201);
    return answer.json; // eslint-disable-line @typescript-eslint/no-unsafe-return
  };
  const remove = (name: string, cluster = live) => server.send('DELETE', `${server.services(cluster, 'shop')}/${name}`);
  const patch = (name: string, change: object, cluster = live) => server.send('PATCH', `${server.services(cluster, 'shop')}/${name}`, change, { 'content-type': 'application/merge-patch+json' });
  const fill = (count: number) => Promise.all(Array.from({ length: count }, (_, i) => create(`s${i}`, i % 3 === 0 ? { type: 'NodePort' } : {})));
  const exported = (cluster: string): Promise<string> => runExport(usage('export', cluster));
  /** Without what is each side's own. */
  const contents = async (cluster: string): Promise<unknown[]> =>
    (JSON.parse(await exported(cluster)) as { items: { metadata: object }[] }).items.map((item) => ({ ...item, metadata: { ...item.metadata, resourceVersion: '' } }));
  const file = async (name: string, text: string): Promise<string> => {
    const full = path.join(folder, name);
    await mkdir(path.dirname(full), { recursive: true });
    await writeFile(full, text);
    return full;
  };

  /** Claims, documents and views as the log says; pools as the Services show. */
  const expectRight = async (cluster: string): Promise<void> => {
    const revision = await server.revision(cluster);
    const { items: pools } = (await server.send('GET', `/v1/clusters/${cluster}/pools?minRevision=${revision}&timeout=20s`)).json as { items: { family: string; pool: string; allocated: number }[] };
    const items = (await contents(cluster)) as { spec: { clusterIPs?: string[] } }[];
    const shown = items.flatMap(({ spec }) => spec.clusterIPs ?? []);
    const { text: metrics } = await server.send('GET', '/metrics');
    for (const { family, pool: cidr, allocated } of pools) {
      expect(allocated).toBe(shown.filter((address) => address.includes(':') === (family === 'IPv6')).length);
      const samples = metrics.split('\n').filter((line) => line.startsWith('ipledger_pool_allocated_addresses{') && line.includes(`cluster="${cluster}",pool="${cidr}"`));
      expect(samples.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)).toBe(allocated);
    }
    const lines: string[] = [];
    expect(await runVerify(parseUsage(['verify', '--database-url', database.url, '--cluster', cluster], {})!, (line) => void lines.push(line)), lines.join('\n')).toMatchObject({ exitCode: 0 });
  };

  it('takes over what was exported in one command, passes it over the second time, and everything derived is right', async () => {
    await fill(services);
    const from = await file('all.json', await exported(live));
    expect(await runImport(usage('import', ledger, '--from', from, '--dry-run'))).toEqual({ text: `${services} Services in ${from}: ${services} would be imported, 0 were here just so, 0 in conflict`, exitCode: 0 });
    expect(await server.revision(ledger)).toBe(1);
    expect(await runImport(usage('import', ledger, '--from', from))).toEqual({ text: `${services} Services in ${from}: ${services} imported, 0 were here just so, 0 in conflict`, exitCode: 0 });
    expect(await contents(ledger)).toEqual(await contents(live));
    expect((await runImport(usage('import', ledger, '--from', from))).text).toContain(`0 imported, ${services} were here just so`);
    await expectRight(ledger);

    expect((await server.send('POST', `/v1/clusters/${ledger}/services:topup`, {})).json).toMatchObject({ lacking: services, toppedUp: services });
    await expectRight(ledger);
  });

  it('takes a folder, of which only the Services count, and an API server', async () => {
    await fill(10);
    const { items } = JSON.parse(await exported(live)) as { items: object[] };
    const dump = path.join(folder, 'dump');
    await file('dump/shop/services.json', JSON.stringify({ kind: 'ServiceList', apiVersion: 'v1', items: items.slice(0, 4).map((item) => ({ ...item, kind: undefined, apiVersion: undefined })) }));
    await file('dump/shop/pods.json', JSON.stringify({ kind: 'PodList', apiVersion: 'v1', items: [{ metadata: { name: 'p', namespace: 'shop' } }] }));
    await file('dump/shop/pods.log', 'not JSON');
    await file('dump/more.ndjson', items.slice(4, 8).map((item) => JSON.stringify(item)).join('\n\n'));
    expect((await runImport(usage('import', ledger, '--from', dump))).text).toBe(`8 Services in ${dump}: 8 imported, 0 were here just so, 0 in conflict`);
    expect((await runImport(usage('import', ledger, '--server', apiServer()))).text).toBe(`10 Services in ${apiServer()}: 2 imported, 8 were here just so, 0 in conflict`);
    expect(await contents(ledger)).toEqual(await contents(live));
  });

  it('names every conflict and imports the rest', async () => {
    const [taken] = await fill(3);
    await create('other', { clusterIP: taken!.spec.clusterIP }, ledger);
    const { text, exitCode } = await runImport(usage('import', ledger, '--server', apiServer()));
    expect([text, exitCode]).toEqual([`3 Services in ${apiServer()}: 2 imported, 0 were here just so, 1 in conflict\nshop/s0: ${taken!.spec.clusterIP} is held by another Service`, 1]);
  });

  it.each<[why: string, argv: string[], message: RegExp]>([
    ['nowhere to read from', [], /^from where\?/],
    ['two places', ['--from', 'x', '--server', 'http://127.0.0.1:1'], /give one of the two/],
    ['a file that is not there', ['--from', '/none/such.json'], /^\/none\/such\.json cannot be read: ENOENT/],
    ['a kubeconfig that is not there', ['--kubeconfig', '/none/such'], /^the kubeconfig cannot be used: ENOENT/],
    ['an API server that is not there', ['--server', 'http://127.0.0.1:1'], /^no Services from the API server at http:\/\/127\.0\.0\.1:1: connect ECONNREFUSED/],
    ['a token file that is not there', ['--token-file', '/none/such'], /^--token-file cannot be read: ENOENT/],
  ])('refuses %s', async (_, argv, message) => {
    await expect(runImport(usage('import', ledger, ...argv))).rejects.toThrow(message);
    expect(await server.revision(ledger)).toBe(1);
  });

  it('says which ledger does not answer, and what one that refuses says', async () => {
    const from = await file('one.json', '{"kind":"Service","metadata":{"name":"a","namespace":"shop"}}');
    const exported = (...argv: string[]) => runExport(parseUsage(['export', '--cluster', 'nowhere', ...argv], {})!);
    await expect(exported('--ledger', 'http://127.0.0.1:47')).rejects.toThrow(/^no answer from the ipledger at http:\/\/127\.0\.0\.1:47 \(--ledger\): connect ECONNREFUSED/);
    await expect(exported('--ledger', server.url)).rejects.toThrow(/\/clusters\/nowhere\/api\/v1\/services answered 404: clusters "nowhere" not found$/);
    await expect(runImport(usage('import', 'nowhere', '--from', from))).rejects.toThrow(/services:import\?existing=keep answered 404: no cluster is registered under the name nowhere/);
  });

  it('refuses a file with a broken line, and one without Services', async () => {
    const broken = await file('broken.ndjson', '{"kind":"Service"}\n\n{"kind":');
    await expect(runImport(usage('import', ledger, '--from', broken))).rejects.toThrow(/broken\.ndjson: line 3 is not JSON/);
    const pods = await file('pods.json', '{"kind":"List","items":[{"kind":"Pod"}]}');
    await expect(runImport(usage('import', ledger, '--from', pods))).rejects.toThrow(/^there is no Service in /);
    expect(await server.revision(ledger)).toBe(1);
  });

  describe('reconcile', () => {
    const reconcile = (...argv: string[]) => runReconcile(usage('reconcile', ledger, '--server', apiServer(), ...argv));

    it('says what differs both ways, applies what fits, and forgets only when told so', async () => {
      await fill(6);
      await runImport(usage('import', ledger, '--server', apiServer()));
      expect(await reconcile()).toEqual({ text: `6 Services in ${apiServer()}, 6 in ${ledger} of ${server.url}: the same`, exitCode: 0 });
      await remove('s1');
      await patch('s2', { metadata: { labels: { a: 'b' } } });
      await remove('s3');
      const again = await create('s3');
      const fresh = await create('fresh');
      await create('thief', { clusterIP: '10.96.0.250' }, ledger);
      await create('victim', { clusterIP: '10.96.0.250' });

      const before = await server.revision(ledger);
      const { text, exitCode } = await reconcile();
      expect(exitCode).toBe(1);
      expect(text.split('\n')).toEqual([
        `7 Services in ${apiServer()}, 7 in ${ledger} of ${server.url}: 6 differences`, '  shop/fresh is not in the ledger', '  shop/s1 is in the ledger only',
        expect.stringMatching(/^ {2}shop\/s2 differs: metadata\.labels: \{"a":"b"\} there, nothing here, metadata\.managedFields/), expect.stringMatching(/^ {2}shop\/s3 is another Service there, with uid /),
        '  shop/thief is in the ledger only', '  shop/victim is not in the ledger; conflict: 10.96.0.250 is held by another Service',
        'nothing was changed; --apply brings the ledger in line', 'what the live cluster has no longer is forgotten only with --apply --forget',
      ]);
      expect(await server.revision(ledger)).toBe(before);

      expect(await reconcile('--apply')).toMatchObject({ exitCode: 1, text: expect.stringContaining('6 differences; 1 imported, 1 brought in line, 0 forgotten, 4 left as they are') });
      const holder = (address: string) => server.send('GET', `/v1/clusters/${ledger}/addresses/${address}`).then(({ json }) => (json as { holder: { name: string; uid: string } | null }).holder);
      expect(await holder(fresh.spec.clusterIP)).toMatchObject({ name: 'fresh' });
      expect(await holder('10.96.0.250')).toMatchObject({ name: 'thief' });

      expect(await reconcile('--apply', '--forget')).toMatchObject({ exitCode: 0, text: expect.stringContaining('2 imported, 0 brought in line, 3 forgotten, 0 left as they are') });
      expect(await holder('10.96.0.250')).toMatchObject({ name: 'victim' });
      expect(await holder(again.spec.clusterIP)).toMatchObject({ name: 's3', uid: again.metadata.uid });
      expect(await contents(ledger)).toEqual(await contents(live));
      expect((await reconcile()).exitCode).toBe(0);
      await expectRight(ledger);
    });

    it('gives a Service the node port that another one leaves, whichever comes first', async () => {
      const port = (nodePort: number) => ({ spec: { ports: [{ port: 80, protocol: 'TCP', nodePort }] } });
      await create('a', { type: 'NodePort', ...port(30001).spec });
      await create('b', { type: 'NodePort', ...port(30002).spec });
      await runImport(usage('import', ledger, '--server', apiServer()));
      await patch('b', port(30003));
      await patch('a', port(30002));
      expect(await reconcile('--apply')).toMatchObject({ exitCode: 0, text: expect.stringContaining('2 differences; 0 imported, 2 brought in line, 0 forgotten, 0 left as they are') });
      expect(await contents(ledger)).toEqual(await contents(live));
    });

    it('names what cannot be read here, and leaves it', async () => {
      await fill(2);
      const { items } = JSON.parse(await exported(live)) as { items: { metadata: { name: string }; spec: object }[] };
      const from = await file('newer.json', JSON.stringify({ kind: 'List', items: items.map((item) => (item.metadata.name === 's1' ? { ...item, spec: { ...item.spec, sspec: 1 } } : item)) }));
      const { text, exitCode } = await runReconcile(usage('reconcile', ledger, '--from', from, '--apply'));
      expect([text.split('\n').slice(1), exitCode]).toEqual([['  shop/s0 is not in the ledger', '  shop/s1 is not in the ledger; conflict: the line holds what is not known here: unknown field "spec.sspec"'], 1]);
      expect(text).toContain('1 imported, 0 brought in line, 0 forgotten, 1 left as they are');
    });

    it('does not forget without --apply', async () => {
      await expect(reconcile('--forget')).rejects.toThrow('--forget goes with --apply');
    });
  });

  it('follows, and everything derived is right afterwards', async () => {
    const stop = new AbortController();
    await fill(20);
    const following = follow({ config: apiServerOf({ server: apiServer() }), ledger: { server: server.url, cluster: ledger, token: undefined }, signal: stop.signal, say: () => undefined });
    try {
      for (let i = 0; i < 60; i++) await [() => remove(`s${i % 20}`), () => patch(`s${(i * 7) % 20}`, { metadata: { labels: { i: String(i) } } }), () => create(`t${i}`)][i % 3]!();
      const expected = await contents(live);
      await eventually(async () => expect(await contents(ledger)).toEqual(expected), { timeoutMs: 20_000 });
    } finally {
      stop.abort();
      await following;
    }
    await expectRight(ledger);
  });
});
