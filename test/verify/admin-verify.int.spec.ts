import { PostgresEventStore } from '@ipledger/event-store';
import { KafkaPublisher, topicsOf, type KafkaSettings } from '@ipledger/messaging';
import { createLogger } from '@ipledger/runtime';
import { describeWithKafka, eventually, useFreshDatabase } from '@ipledger/testing';
import { rebuildViews } from '@ipledger/views';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import pg from 'pg';
import { decidedBy, everything, runRebuildDerived } from '../../apps/admin/src/rebuild-derived.js';
import { parseUsage, UsageProblem } from '../../apps/admin/src/usage.js';
import { runVerify } from '../../apps/admin/src/verify.js';
import { Relay } from '../../apps/allocator/src/relay/relay.js';
import { startServer, type TestServer } from '../../apps/allocator/test/start.js';

/** What the tests cannot know in advance. */
const plain = (text: string): string => text.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'UID').replace(/content [\w-]{27}/g, 'content DIGEST').replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME');

interface Verified {
  lines: string[];
  text: string;
  exitCode: number;
}

/** Two clusters with Services, node ports, a reservation and a cool-down, and views of them. */
const useLedger = () => {
  const database = useFreshDatabase();
  let client: pg.Client;
  let server: TestServer;
  beforeAll(async () => {
    client = new pg.Client({ connectionString: database.url });
    await client.connect();
    server = await startServer(new PostgresEventStore({ url: database.url, max: 4 }));
    const ok = async (method: string, path: string, body?: object): Promise<void> => expect((await server.send(method, path, body)).status).toBeLessThan(300);
    for (const cluster of ['blue', 'green']) {
      await server.register(cluster, ['10.0.0.0/24', 'fd00::/120']);
      const create = (name: string, clusterIP: string, more: object = {}) =>
        ok('POST', server.services(cluster), { metadata: { name }, spec: { clusterIP, ports: [{ port: 80 }], ...more } });
      await ok('PUT', `/v1/clusters/${cluster}/cidrs/10.0.0.0/24`, { coolDownSeconds: 3600 });
      await ok('POST', `/v1/clusters/${cluster}/reservations`, { name: 'dns', addresses: '10.0.0.20', reason: 'later', owner: 'net' });
      await create('web', '10.0.0.10', { type: 'NodePort', ports: [{ port: 80, nodePort: 30100 }] });
      await create('gone', '10.0.0.11');
      await ok('DELETE', `${server.services(cluster)}/gone`);
    }
    await rebuildViews({ viewsUrl: database.url, store: server.store });
  });
  afterAll(async () => {
    await server.close();
    await server.store.close();
    await client.end();
  });
  return {
    get client() { return client; },
    get server() { return server; },
    url: () => database.url,
    verify: async (argv: string[] = [], env: Record<string, string> = {}): Promise<Verified> => {
      const lines: string[] = [];
      return { ...(await runVerify(parseUsage(['verify', ...argv, '--database-url', database.url], env)!, (line) => lines.push(line))), lines };
    },
  };
};

describe('npm run admin -- verify', () => {
  const ledger = useLedger();
  const views = 'views: 24 revisions: no difference';
  const topics = 'topics: not compared, KAFKA_BROKERS is not set';
  const sets = async (): Promise<unknown[]> => (await ledger.client.query("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'views%' ORDER BY 1")).rows;

  it('finds no difference, says what it compared, and leaves no set of views behind', async () => {
    const before = await sets();
    expect(await ledger.verify()).toEqual({ lines: [], text: `tables: 2 clusters, 24 revisions: no difference\n${views}\n${topics}`, exitCode: 0 });
    expect(await sets()).toEqual(before);
  });

  it.each<[string, string, string, string[]]>([
    ['claims', "UPDATE claims SET address = '10.0.0.12' WHERE address = '10.0.0.10' AND cluster_id = 2", "UPDATE claims SET address = '10.0.0.10' WHERE address = '10.0.0.12'", [
      'green: claims: leak: 10.0.0.12 is there (default/web (UID) since revision 6 at TIME), and the log does not say so (revision 12)',
      'green: claims: missing: 10.0.0.10 is not there, and the log says default/web (UID) since revision 6 at TIME (revision 12)',
    ]],
    ['port claims', "UPDATE port_claims SET name = 'other' WHERE cluster_id = 1", "UPDATE port_claims SET name = 'web'", [
      'blue: port claims: differs: 30100 is node-port of default/other (UID) since revision 7, and the log says node-port of default/web (UID) since revision 7 (revision 12)',
    ]],
    ['documents', "UPDATE documents SET document = replace(document, '30100', '30101') WHERE cluster_id = 1", "UPDATE documents SET document = replace(document, '30101', '30100')", [
      'blue: documents: differs: default/web is UID at revision 8 with content DIGEST, and the log says UID at revision 8 with content DIGEST (revision 12)',
    ]],
    ['reservations', "UPDATE reservations SET last = '10.0.0.21', owner = 'eve' WHERE cluster_id = 2", "UPDATE reservations SET last = first, owner = 'net'", [
      'green: reservations: differs: dns is 10.0.0.20 to 10.0.0.21 in 10.0.0.0/24 for ever for eve (later) since revision 5, and the log says 10.0.0.20 to 10.0.0.20 in 10.0.0.0/24 for ever for net (later) since revision 5 (revision 12)',
    ]],
    ['cool-downs', 'UPDATE cooling SET cluster_id = 2, address = \'10.0.0.99\' WHERE cluster_id = 1', "UPDATE cooling SET cluster_id = 1, address = '10.0.0.11' WHERE address = '10.0.0.99'", [
      'blue: cool-downs: missing: 10.0.0.11 is not there, and the log says until TIME after default/gone (UID) since revision 11 (revision 12)',
      'green: cool-downs: leak: 10.0.0.99 is there (until TIME after default/gone (UID) since revision 11), and the log does not say so (revision 12)',
    ]],
  ])('says in a line each what is wrong in %s, and exits with 1', async (_table, damage, repair, lines) => {
    await ledger.client.query(damage);
    const found = await ledger.verify();
    await ledger.client.query(repair);
    expect({ ...found, lines: found.lines.map(plain) })
      .toEqual({ lines, text: `tables: 2 clusters, 24 revisions: ${lines.length} difference${lines.length === 1 ? '' : 's'}\n${views}\n${topics}`, exitCode: 1 });
    expect((await ledger.verify()).exitCode).toBe(0);
  });

  it('does not mind what has ended, whether it is there or not', async () => {
    await ledger.client.query("INSERT INTO reservations VALUES (1, 'over', 3, now(), '10.0.0.0/24', '10.0.0.30', '10.0.0.30', now() - interval '1 s', 'r', 'o')");
    await ledger.client.query("INSERT INTO cooling VALUES (1, '10.0.0.31', 3, now() - interval '1 s', 'n', 'm', 'u')");
    expect((await ledger.verify()).exitCode).toBe(0);
    await ledger.client.query("DELETE FROM reservations WHERE name = 'over'; DELETE FROM cooling WHERE address = '10.0.0.31'");
  });

  it.each<[string, string, string, RegExp[], string]>([
    ['claims', 'rebuild claims', "UPDATE claims SET uid = 'x' WHERE address = '10.0.0.10' AND cluster_id = 2; DELETE FROM claims WHERE address = '10.0.0.1' AND cluster_id = 1; INSERT INTO claims VALUES (1, '10.0.0.77', 1, now(), 'n', 'm', 'u')",
      [/^blue: claims: leak: 10.0.0.77 /, /^blue: claims: missing: 10.0.0.1 /, /^green: claims: differs: 10.0.0.10 /],
      'claims of blue: 1 missing, 1 too many, 0 different; such as 10.0.0.1/32, 10.0.0.77/32\n  claims of green: 0 missing, 0 too many, 1 different; such as 10.0.0.10/32'],
    ['port claims', 'rebuild claims', 'DELETE FROM port_claims WHERE cluster_id = 1', [/^blue: port claims: missing: 30100 /], 'port_claims of blue: 1 missing, 0 too many, 0 different; such as 30100'],
    ['reservations', 'rebuild claims', "UPDATE reservations SET until = now() + interval '1 h' WHERE cluster_id = 1; DELETE FROM reservations WHERE cluster_id = 2; INSERT INTO reservations VALUES (2, 'mine', 3, now(), '10.0.0.0/24', '10.0.0.30', '10.0.0.39', NULL, 'r', 'o')",
      [/^blue: reservations: differs: dns /, /^green: reservations: leak: mine /, /^green: reservations: missing: dns /],
      'reservations of blue: 0 missing, 0 too many, 1 different; such as dns\n  reservations of green: 1 missing, 1 too many, 0 different; such as dns, mine'],
    ['a reservation that the table ends too early', 'rebuild claims', "UPDATE reservations SET until = now() - interval '1 h' WHERE cluster_id = 1", [/^blue: reservations: missing: dns /], 'reservations of blue: 1 missing, 0 too many, 0 different; such as dns'],
    ['cool-downs', 'rebuild claims', "UPDATE cooling SET until = until + interval '1 h' WHERE cluster_id = 1; UPDATE cooling SET address = '10.0.0.99' WHERE cluster_id = 2",
      [/^blue: cool-downs: differs: 10.0.0.11 /, /^green: cool-downs: leak: 10.0.0.99 /, /^green: cool-downs: missing: 10.0.0.11 /],
      'cooling of blue: 0 missing, 0 too many, 1 different; such as 10.0.0.11/32\n  cooling of green: 1 missing, 1 too many, 0 different; such as 10.0.0.11/32, 10.0.0.99/32'],
    ['a definition', 'rebuild claims', "UPDATE clusters SET definition = NULL WHERE id = 1; UPDATE clusters SET definition = 'no JSON' WHERE id = 2",
      [/^blue: definition: differs: the definition is none, /, /^green: definition: differs: the definition is no JSON, /],
      'definition of blue: 1 missing, 0 too many, 0 different; such as blue\n  definition of green: 0 missing, 0 too many, 1 different; such as green'],
    ['documents', 'rebuild documents', "DELETE FROM documents WHERE cluster_id = 1 AND name = 'web'", [/^blue: documents: missing: default\/web /], 'documents of blue: 1 missing, 0 too many, 0 different; such as default/web'],
    ['several tables', 'rebuild tables', 'DELETE FROM documents; DELETE FROM claims WHERE cluster_id = 2; DELETE FROM cooling',
      [/^blue: documents: missing/, /^blue: documents: missing/, /^blue: cool-downs: missing/, /^green: claims: missing/, /^green: claims: missing/, /^green: documents: missing/, /^green: documents: missing/, /^green: cool-downs: missing/],
      'cooling of blue: 1 missing, 0 too many, 0 different; such as 10.0.0.11/32\n  documents of blue: 2 missing'],
  ])('finds what is wrong in %s, and nothing after %s, which names it and changes nothing else', async (_table, verb, damage, lines, said) => {
    const rowsOf = async (): Promise<unknown> => {
      const found: Record<string, unknown> = {};
      for (const table of ['clusters', 'claims', 'port_claims', 'reservations', 'cooling', 'documents', 'log', 'cluster_revisions'])
        found[table] = (await ledger.client.query(`SELECT * FROM ${table} ORDER BY 1, 2, 3`)).rows;
      return found;
    };
    const rebuild = () => runRebuildDerived(parseUsage([...verb.split(' '), '--database-url', ledger.url()], {})!, verb === 'rebuild claims' ? decidedBy : verb === 'rebuild documents' ? ['documents'] : everything);
    const before = await rowsOf();
    await ledger.client.query(damage);
    expect((await ledger.verify()).lines).toEqual(lines.map((line) => expect.stringMatching(line) as string));
    expect(await rebuild()).toContain(`put right:\n  ${said}`);
    expect(await ledger.verify()).toMatchObject({ lines: [], exitCode: 0 });
    expect(await rowsOf()).toEqual(before);
    expect(await rebuild()).toMatch(/were right$/);
  });

  it('looks at one cluster only when told, and knows which there are', async () => {
    await ledger.client.query("UPDATE claims SET name = 'x' WHERE cluster_id = 1 AND address = '10.0.0.10'");
    expect(await ledger.verify(['--cluster', 'green'])).toEqual({ lines: [], text: `tables: 1 cluster, 12 revisions: no difference\nviews: 12 revisions: no difference\n${topics}`, exitCode: 0 });
    expect((await ledger.verify(['--cluster', 'blue'])).exitCode).toBe(1);
    await ledger.client.query("UPDATE claims SET name = 'web' WHERE name = 'x'");
    await expect(ledger.verify(['--cluster', 'red'])).rejects.toThrow(new UsageProblem('there is no cluster "red"'));
    await expect(ledger.verify(['--cluster', 'blue', '--repair-views'])).rejects.toThrow('leave --cluster out');
  });

  it('compares only the parts that it is told, and knows which there are', async () => {
    expect((await ledger.verify(['--part', 'tables'])).text).toBe('tables: 2 clusters, 24 revisions: no difference');
    expect((await ledger.verify(['--part', 'views', '--part', 'topics'])).text).toBe(`${views}\n${topics}`);
    await expect(ledger.verify(['--part', 'kafka'])).rejects.toThrow(new UsageProblem('--part is one of tables, views, topics, not "kafka"'));
    await expect(ledger.verify(['--part', 'tables', '--repair-views'])).rejects.toThrow(new UsageProblem('--repair-views needs the part views'));
  });

  it('lists 200 differences and counts the rest', async () => {
    await ledger.client.query("INSERT INTO claims SELECT 1, '10.0.0.0'::inet + n, 1, now(), 'n', 'm', 'u' FROM generate_series(12, 254) AS n");
    const found = await ledger.verify();
    await ledger.client.query("DELETE FROM claims WHERE namespace = 'n'");
    expect(found.lines).toHaveLength(200);
    expect(found.text).toBe(`and 43 more differences\ntables: 2 clusters, 24 revisions: 243 differences\n${views}\n${topics}`);
    expect(found.exitCode).toBe(1);
  });

  it('finds what is wrong in the views, and puts right ones in their place when told', async () => {
    const live = async (): Promise<string> => (await ledger.client.query<{ schema: string }>('SELECT schema FROM views.live_set')).rows[0]!.schema;
    const before = await live();
    await ledger.client.query(`UPDATE ${before}.pool_usage SET allocated = 99 WHERE cluster = 'green' AND family = 'IPv4'`);
    await ledger.client.query(`DELETE FROM ${before}.address_history WHERE cluster = 'blue' AND address = '10.0.0.1'`);
    const lines = [
      expect.stringMatching(/^green: views: differs: pool_usage has 1 row that the log does not say, and lacks 1, such as \{.*"cluster": "green".*\}$/),
      expect.stringMatching(/^blue: views: missing: address_history has 0 rows that the log does not say, and lacks 1, such as \{.*"10\.0\.0\.1".*\}$/),
    ];
    const tables = 'tables: 2 clusters, 24 revisions: no difference';
    expect(await ledger.verify()).toEqual({ lines, text: `${tables}\nviews: 24 revisions: 2 differences\n${topics}`, exitCode: 1 });
    expect(await live()).toBe(before);
    expect(await ledger.verify(['--repair-views'])).toEqual({ lines, text: expect.stringMatching(/views: 24 revisions: 2 differences; views_v\d+ is live now/), exitCode: 1 });
    const repaired = await live();
    expect(repaired).not.toBe(before);
    expect(await ledger.verify(['--repair-views'])).toEqual({ lines: [], text: `${tables}\n${views}\n${topics}`, exitCode: 0 });
    expect(await live()).toBe(repaired);
    expect(await sets()).toContainEqual({ nspname: before }); // for rebuild views --rollback
  });

  it('exits with 2 when a part cannot be compared, and tells of the others', async () => {
    await ledger.client.query('ALTER TABLE views.live_set RENAME TO gone');
    const found = await ledger.verify();
    await ledger.client.query('ALTER TABLE views.gone RENAME TO live_set');
    expect(found).toEqual({ lines: [], exitCode: 2, text:
      `tables: 2 clusters, 24 revisions: no difference\nthe views could not be compared: there are none of this version; npm run admin -- rebuild views makes them\n${topics}` });
    const away = await ledger.verify([], { KAFKA_BROKERS: '127.0.0.1:1' });
    expect(away.exitCode).toBe(2);
    expect(away.text).toMatch(/^tables: .*no difference\nviews: .*no difference\nthe topics could not be compared: .+/);
    await expect(ledger.verify([], { KAFKA_BROKERS: 'nonsense' })).rejects.toThrow(UsageProblem);
  });
});

await describeWithKafka('npm run admin -- verify with Kafka', ({ brokers, prefix }) => {
  const ledger = useLedger();
  const env = { KAFKA_BROKERS: brokers.join(','), KAFKA_TOPIC_PREFIX: prefix };
  const settings: KafkaSettings = { brokers, clientId: 'test', topicPrefix: prefix, replicationFactor: 1, sasl: null, tls: null };
  const logger = createLogger({ level: 'error', format: 'json', write: () => undefined });
  const client = new Kafka({ brokers, logLevel: logLevel.NOTHING });
  const relayAll = async (): Promise<void> => {
    const relay = new Relay(ledger.url(), () => new KafkaPublisher(settings, logger), logger);
    relay.start();
    await eventually(async () => expect((await (ledger.server.store as PostgresEventStore).relayLag()).filter(({ events }) => events > 0)).toEqual([]), { timeoutMs: 30_000, everyMs: 100 });
    await relay.stop();
  };
  const topicLine = (text: string): string => text.split('\n').at(-1)!;

  it('finds both topics to be what the log says', async () => {
    await relayAll();
    const found = await ledger.verify([], env);
    expect(found).toMatchObject({ lines: [], exitCode: 0 });
    expect(topicLine(found.text)).toBe('topics: no difference');
  });

  it('looks at the end of every cluster on the topic, also beyond the thousand whose lag is a metric', async () => {
    const many = 1_000;
    await ledger.client.query(`WITH made AS (INSERT INTO clusters (name) SELECT 'a-' || n FROM generate_series(1, ${many}) AS n RETURNING id)
      INSERT INTO cluster_revisions SELECT id, 0, 1 FROM made`);
    const ids = (await ledger.client.query<{ id: number }>("SELECT id FROM clusters WHERE name LIKE 'a-%'")).rows.map(({ id }) => id);
    await ledger.client.query('INSERT INTO relay_checkpoints SELECT unnest($1::int[]), 1, 1', [ids]);
    // One revision more than there is: the relay says that it has published it.
    await ledger.client.query("UPDATE relay_checkpoints SET revision = revision + 1 WHERE cluster_id = (SELECT id FROM clusters WHERE name = 'green')");
    const found = await ledger.verify([], env);
    await ledger.client.query("UPDATE relay_checkpoints SET revision = revision - 1 WHERE cluster_id = (SELECT id FROM clusters WHERE name = 'green')");
    await ledger.client.query('DELETE FROM relay_checkpoints WHERE cluster_id = ANY ($1)', [ids]);
    await ledger.client.query('DELETE FROM cluster_revisions WHERE cluster_id = ANY ($1)', [ids]);
    await ledger.client.query('DELETE FROM clusters WHERE id = ANY ($1)', [ids]);
    expect(found.lines).toEqual(['green: events topic: missing: revision 13 and what follows up to 13 is not there, though the relay has published it (revision 13)']);
  });

  it('finds an event that was never published, and a wrong holder on the compacted topic', async () => {
    // What a relay whose checkpoint ran ahead would leave out.
    await ledger.server.send('POST', ledger.server.services('blue'), { metadata: { name: 'lost' }, spec: { clusterIP: '10.0.0.13', ports: [{ port: 80 }] } });
    await ledger.client.query('UPDATE relay_checkpoints k SET revision = h.revision FROM cluster_revisions h WHERE h.cluster_id = k.cluster_id');
    const lost = await ledger.verify([], env);
    expect(lost.lines.map(plain)).toEqual(['blue: events topic: missing: revision 13 and what follows up to 14 is not there, though the relay has published it (revision 13)']);
    expect(lost.exitCode).toBe(1);

    await ledger.server.send('POST', ledger.server.services('blue'), { metadata: { name: 'next' }, spec: { clusterIP: '10.0.0.14', ports: [{ port: 80 }] } });
    await relayAll();
    // By the cluster, as the relay does: order counts within a partition only.
    const byCluster = Partitioners.DefaultPartitioner();
    const producer = client.producer({ createPartitioner: () => (args) => byCluster({ ...args, message: { ...args.message, key: 'green' } }) });
    await producer.connect();
    const record = { address: '10.0.0.10', cluster: 'green', epoch: 1, revision: 6, service: { namespace: 'default', name: 'thief', uid: 'u' } };
    await producer.send({ topic: topicsOf(prefix).addresses.name, messages: [{ key: 'green/10.0.0.10', value: JSON.stringify(record) }, { key: 'green/10.0.0.77', value: JSON.stringify(record) }, { key: 'green/10.0.0.1', value: null }] });
    await producer.disconnect();
    const found = await ledger.verify([], env);
    expect(found.lines.map(plain).sort()).toEqual([
      'blue: addresses topic: missing: 10.0.0.13 is held by nobody, and the log says default/lost (UID) (revision 16)',
      'blue: events topic: missing: revision 13 is not there: revision 15 follows 12 (revision 13)',
      'green: addresses topic: differs: 10.0.0.10 is held by default/thief (u), and the log says default/web (UID) (revision 12)',
      'green: addresses topic: leak: 10.0.0.77 is held by default/thief (u), and the log says nobody (revision 12)',
      'green: addresses topic: missing: 10.0.0.1 is held by nobody, and the log says default/kubernetes (UID) (revision 12)',
    ]);
    expect(topicLine(found.text)).toBe('topics: 5 differences');
    const green = await ledger.verify(['--cluster', 'green'], env);
    expect(green.lines).toHaveLength(3);
  });
});
