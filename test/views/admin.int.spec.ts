import { PostgresEventStore } from '@ipledger/event-store';
import { useFreshDatabase } from '@ipledger/testing';
import pg from 'pg';
import { runMigrate } from '../../apps/admin/src/migrate.js';
import { decidedBy, runRebuildDerived } from '../../apps/admin/src/rebuild-derived.js';
import { runRebuildViews } from '../../apps/admin/src/rebuild-views.js';
import { runRestoreEpoch } from '../../apps/admin/src/restore-epoch.js';
import { parseUsage, UsageProblem } from '../../apps/admin/src/usage.js';
import { startServer, type TestServer } from '../../apps/allocator/test/start.js';
import { contentsOf } from './fixture.js';

describe('npm run admin --', () => {
  const database = useFreshDatabase();
  let client: pg.Client;
  let server: TestServer;
  beforeAll(async () => {
    client = new pg.Client({ connectionString: database.url });
    await client.connect();
    server = await startServer(new PostgresEventStore({ url: database.url, max: 4 }));
    for (const cluster of ['blue', 'green']) {
      await server.register(cluster, ['10.0.0.0/24', 'fd00::/120']);
      for (const [name, spec] of Object.entries({ a: {}, b: { type: 'NodePort' }, c: { type: 'LoadBalancer', externalTrafficPolicy: 'Local' }, d: { clusterIP: 'None' } }))
        expect((await server.send('POST', server.services(cluster), { metadata: { name, labels: { 'x/y': 'z' } }, spec: { ipFamilyPolicy: 'PreferDualStack', ports: [{ port: 80 }], ...spec } })).status).toBe(201);
      await server.send('DELETE', `${server.services(cluster)}/a`);
      expect((await server.send('PATCH', `${server.services(cluster)}/b`, { spec: { ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4'] } }, { 'content-type': 'application/merge-patch+json' })).status).toBe(200);
    }
  });
  afterAll(async () => {
    await server.close();
    await server.store.close();
    await client.end();
  });
  const usage = (...argv: string[]) => parseUsage([...argv, '--database-url', database.url], {})!;
  const rows = async (table: string) => (await client.query(`SELECT * FROM ${table} ORDER BY 1, 2, 3`)).rows;
  const claims = () => runRebuildDerived(usage('rebuild', 'claims'), decidedBy);
  const documents = () => runRebuildDerived(usage('rebuild', 'documents'), ['documents']);

  it('migrate says what there was to do', async () => {
    expect(await runMigrate(usage('migrate'))).toBe('log: was up to date; views: views_v1, format 3');
  });

  it('rebuild claims and documents find that what the writer derived is right, byte for byte', async () => {
    expect(await claims()).toMatch(/^2 clusters, \d+ revisions read: claims, port_claims, lb_members, lb_waiting, lb_attached, reservations, cooling, and definition were right$/);
    expect(await documents()).toMatch(/: documents were right$/);
  });

  it('rebuild claims puts right what differs, names it, and touches nothing else', async () => {
    const before = { claims: await rows('claims'), ports: await rows('port_claims'), documents: await rows('documents') };
    const [{ id }] = (await client.query<{ id: number }>("SELECT id FROM clusters WHERE name = 'blue'")).rows as [{ id: number }];
    await client.query('DELETE FROM claims WHERE cluster_id = $1 AND address = \'10.0.0.1\'', [id]);
    await client.query("UPDATE claims SET uid = 'x' WHERE cluster_id = $1 AND family(address) = 6 AND address = (SELECT max(address) FROM claims WHERE cluster_id = $1)", [id]);
    await client.query("INSERT INTO claims VALUES ($1, '10.0.0.9', 1, now(), 'n', 'm', 'u')", [id]); // of the static band: chance gives nobody that one
    await client.query('DELETE FROM port_claims WHERE cluster_id = $1', [id]);
    const said = await claims();
    expect(said).toMatch(/claims of blue: 1 missing, 1 too many, 1 different; such as .*10\.0\.0\.1/);
    expect(said).toMatch(/port_claims of blue: 3 missing, 0 too many, 0 different/);
    expect(said).not.toContain('green');
    expect({ claims: await rows('claims'), ports: await rows('port_claims'), documents: await rows('documents') }).toEqual(before);
    expect(await claims()).toMatch(/were right$/);
  });

  it('rebuild documents brings back a document, and takes away one that nobody wrote', async () => {
    const before = await rows('documents');
    await client.query("DELETE FROM documents WHERE name = 'b'");
    await client.query("UPDATE documents SET document = '{}' WHERE name = 'c'");
    await client.query("INSERT INTO documents SELECT cluster_id, namespace, 'ghost', revision, uid, document FROM documents WHERE name = 'd'");
    expect(await documents()).toMatch(/documents of blue: 1 missing, 1 too many, 1 different; such as default\/b, default\/c, default\/ghost/);
    expect(await rows('documents')).toEqual(before);
  });

  it('rebuild views swaps in a new set, says what was wrong in the old one, and can go back', async () => {
    expect(await runRebuildViews(usage('rebuild', 'views'))).toMatch(/^live is views_v2, built from \d+ revisions in [\d.]+ s; views_v1 is kept for --rollback\nthe same as before/);
    await client.query("UPDATE views_v2.pool_usage SET allocated = 99 WHERE cluster = 'green' AND family = 'IPv4'");
    await client.query("DELETE FROM views_v2.address_history WHERE cluster = 'blue' AND address = '10.0.0.1'");
    const said = await runRebuildViews(usage('rebuild', 'views'));
    expect(said).toMatch(/^live is views_v3.*views_v2 is kept/);
    expect(said).toMatch(/pool_usage of green: 1 rows were wrong, 1 are right now/);
    expect(said).toMatch(/address_history of blue: 0 rows were wrong, 1 are right now, such as .*10\.0\.0\.1/);
    expect((await client.query("SELECT allocated FROM views.pools WHERE cluster = 'green' AND family = 'IPv4'")).rows).toEqual([{ allocated: '3' }]);
    const live = await contentsOf(client, 'views_v3');

    expect(await runRebuildViews(usage('rebuild', 'views', '--rollback'))).toBe('live is views_v2 again; projectors bring it forward from the log');
    expect((await client.query("SELECT allocated FROM views.pools WHERE cluster = 'green' AND family = 'IPv4'")).rows).toEqual([{ allocated: '99' }]);
    await runRebuildViews(usage('rebuild', 'views'));
    expect(await contentsOf(client, (await client.query<{ schema: string }>('SELECT schema FROM views.live_set')).rows[0]!.schema)).toEqual(live);
    expect(await runRebuildViews(usage('rebuild', 'views', '--prune'))).toMatch(/^dropped views_v\d+$/);
    await expect(runRebuildViews(usage('rebuild', 'views', '--rollback'))).rejects.toThrow('there is no set of views to go back to');
  });

  it('restore-epoch begins a new life of every log', async () => {
    expect(await runRestoreEpoch(usage('restore-epoch'))).toMatch(/epoch 2 \(2 clusters\)/);
    expect((await server.store.tips()).map(({ epoch }) => epoch)).toEqual([2, 2]);
    expect((await server.send('POST', server.services('blue'), { metadata: { name: 'after' }, spec: { ports: [{ port: 80 }] } })).status).toBe(201);
  });

  it('refuses what it does not know', () => {
    expect(() => parseUsage(['migrate', '--x'], {})).toThrow(UsageProblem);
    expect(parseUsage(['--help'], {})).toBeUndefined();
  });
});
