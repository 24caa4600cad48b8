import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createPool, migrate, PostgresEventStore, RelaySession, requireSchema } from '@ipledger/event-store';
import { freshDatabase, type TestDatabase } from '@ipledger/testing';
import pg from 'pg';
import { startServer, type Answer, type TestServer } from './start.js';

/** `deploy/postgres` as it is documented, with roles that are only this test's: roles belong to the whole server. */
describe('roles with the least rights', () => {
  const suffix = randomUUID().slice(0, 8);
  const own = (text: string): string => text.replaceAll(/ipledger_(owner|service|views)\b/g, `ipledger_$1_${suffix}`);
  const sql = (name: string): string => own(readFileSync(new URL(`../../../deploy/postgres/${name}.sql`, import.meta.url), 'utf8'));
  let database: TestDatabase;
  let admin: pg.Client;
  let server: TestServer;
  const urlOf = (role: string): string => {
    const url = new URL(database.url);
    [url.username, url.password] = [own(`ipledger_${role}`), 'secret'];
    return url.href;
  };
  const as = async (role: string, statement: string): Promise<pg.QueryResult> => {
    const client = new pg.Client({ connectionString: urlOf(role) });
    await client.connect();
    return client.query(statement).finally(() => void client.end());
  };

  beforeAll(async () => {
    database = await freshDatabase({ migrated: false });
    admin = new pg.Client({ connectionString: database.url });
    await admin.connect();
    await admin.query(sql('roles'));
    for (const role of ['owner', 'service', 'views']) await admin.query(`ALTER ROLE ${own(`ipledger_${role}`)} PASSWORD 'secret'`);
    await migrate(urlOf('owner'));
    await as('owner', sql('grants'));
    await as('owner', sql('grants'));
    await requireSchema(urlOf('service'));
    server = await startServer(new PostgresEventStore(createPool({ url: urlOf('service') })));
  });
  afterAll(async () => {
    await server.close();
    await server.store.close();
    for (const role of ['views', 'service', 'owner']) await admin.query(`DROP OWNED BY ${own(`ipledger_${role}`)} CASCADE; DROP ROLE ${own(`ipledger_${role}`)}`);
    await admin.end();
    await database.drop();
  });

  it('let the service do all that it does', async () => {
    const expectOk = ({ status, text }: Answer, code: number): void => expect([status, text]).toEqual([code, text]);
    const key = { 'idempotency-key': 'once' };
    const service = { metadata: { name: 's' }, spec: { type: 'NodePort', ipFamilyPolicy: 'PreferDualStack', ports: [{ port: 80 }] } };
    await server.register('c', ['10.96.0.0/16', 'fd00::/112']);
    expectOk(await server.send('POST', server.services('c'), service, key), 201);
    expectOk(await server.send('POST', server.services('c'), service, key), 201);
    expectOk(await server.send('PATCH', `${server.services('c')}/s`, { spec: { ipFamilyPolicy: 'SingleStack' } }, { 'content-type': 'application/merge-patch+json' }), 200);
    expectOk(await server.send('GET', `${server.services('c')}/s`), 200);
    expectOk(await server.send('POST', '/v1/clusters/c/cidrs', { cidr: '10.100.0.0/16' }), 200);
    expectOk(await server.send('DELETE', `${server.services('c')}/s`), 200);
    expectOk(await server.send('GET', '/v1/clusters/c/events'), 200);
    expectOk(await server.send('GET', '/v1/clusters/c/addresses/10.96.0.1'), 200);
    expectOk(await server.send('DELETE', '/v1/clusters/c'), 200);
    expectOk(await server.send('GET', '/readyz'), 200);
    expect(await server.store.purgeRequests(new Date(Date.now() + 1_000), 10)).toBe(1);
    expect(await server.store.locked((await server.store.clusterByName('c'))!.id, async () => 'locked')).toBe('locked'); // lock-first appends
    const relay = await RelaySession.open(urlOf('service'));
    expect(await relay.tryLock()).toBe(true);
    await relay.beginTerm();
    const [behind] = await relay.behind(0, 1);
    await relay.checkpoint([{ clusterId: behind!.clusterId, epoch: behind!.epoch, revision: behind!.revision }]);
    await relay.forget();
    await relay.close();
  });

  it.each([
    ["UPDATE log SET actor = 'nobody'", 'log'],
    ['DELETE FROM log', 'log'],
    ['TRUNCATE log', 'log'],
    ['DELETE FROM clusters', 'clusters'],
    ["UPDATE clusters SET name = 'x'", 'clusters'],
    ['UPDATE cluster_revisions SET epoch = 9', 'cluster_revisions'],
    ['DELETE FROM cluster_revisions', 'cluster_revisions'],
    ['UPDATE log_epoch SET epoch = 9', 'log_epoch'],
    ['DELETE FROM schema_migrations', 'schema_migrations'],
  ])('do not let the service %s', async (statement, table) => {
    await expect(as('service', statement)).rejects.toThrow(`permission denied for table ${table}`);
  });

  it.each(['ALTER TABLE log DISABLE TRIGGER ALL', 'DROP TABLE log', 'CREATE TABLE mine (a int)', 'CREATE SCHEMA mine', 'DROP FUNCTION refuse_log_change CASCADE'])('do not let the service %s', async (statement) => {
    await expect(as('service', statement)).rejects.toThrow(/permission denied|must be owner/);
  });

  it('do not let even the owner change the log', async () => {
    await expect(as('owner', 'DELETE FROM log')).rejects.toThrow('the log is append-only: DELETE refused');
  });

  it('let a projector read the log and make schemas of its own, and write nothing else', async () => {
    expect((await as('views', 'SELECT count(*)::int AS n FROM log')).rows[0].n).toBeGreaterThan(0);
    await as('views', 'CREATE SCHEMA views_v1; CREATE TABLE views_v1.t (a int); INSERT INTO views_v1.t VALUES (1)');
    await expect(as('views', 'INSERT INTO log_epoch (epoch) VALUES (2)')).rejects.toThrow('permission denied for table log_epoch');
    await expect(as('views', 'DELETE FROM claims')).rejects.toThrow('permission denied for table claims');
  });
});
