import { PostgresEventStore, RelaySession } from '@ipledger/event-store';
import { KafkaPublisher } from '@ipledger/messaging';
import { createLogger } from '@ipledger/runtime';
import { describeWithKafka, eventually, freshDatabase, runSql, useFreshDatabase, withDatabase, type TestDatabase } from '@ipledger/testing';
import { runRebuildViews } from '../../apps/admin/src/rebuild-views.js';
import { runRestoreEpoch } from '../../apps/admin/src/restore-epoch.js';
import { parseUsage, type Usage } from '../../apps/admin/src/usage.js';
import { runVerify } from '../../apps/admin/src/verify.js';
import { Relay } from '../../apps/allocator/src/relay/relay.js';
import { startServer, type TestServer } from '../../apps/allocator/test/start.js';

/** What docs/backup.md tells to do: the log comes back from a backup, its views and Kafka do not and know of a life that is lost. */
await describeWithKafka('a log restored from a backup', ({ brokers, prefix }) => {
  const views = useFreshDatabase();
  const logger = createLogger({ level: 'error', format: 'json', write: () => undefined });
  let live: TestDatabase;
  let restored: string;
  beforeAll(async () => {
    live = await freshDatabase();
    restored = withDatabase(live.url, `${nameOf(live.url)}_restored`);
  });
  afterAll(async () => {
    await eventually(() => runSql(views.url, `DROP DATABASE IF EXISTS ${nameOf(restored)}`));
    await live.drop();
  });

  const usage = (url: string, ...argv: string[]): Usage => parseUsage([...argv, '--database-url', url, '--views-database-url', views.url], { KAFKA_BROKERS: brokers.join(','), KAFKA_TOPIC_PREFIX: prefix })!;
  const verify = async (url: string): Promise<{ lines: string[]; text: string; exitCode: number }> => {
    const lines: string[] = [];
    return { ...(await runVerify(usage(url, 'verify'), (line) => lines.push(line))), lines };
  };
  /** An allocator on the database, for as long as `work` takes, and what its relay has to do afterwards. */
  const serving = async <T>(url: string, work: (server: TestServer) => Promise<T>): Promise<T> => {
    const store = new PostgresEventStore({ url, max: 4 });
    const server = await startServer(store);
    const relay = new Relay(url, () => new KafkaPublisher({ brokers, clientId: 'test', topicPrefix: prefix, replicationFactor: 1, sasl: null, tls: null }, logger), logger);
    try {
      const result = await work(server);
      relay.start();
      await eventually(() => expectNothingToPublish(url), { timeoutMs: 30_000, everyMs: 100 });
      return result;
    } finally {
      await relay.stop();
      await server.close();
      await store.close();
    }
  };
  const create = async (server: TestServer, name: string, clusterIP: string): Promise<number> => {
    const answer = await server.send('POST', server.services('blue'), { metadata: { name }, spec: { clusterIP, ports: [{ port: 80 }] } });
    expect(answer.status).toBe(201);
    return Number(answer.json.metadata.resourceVersion);
  };

  it('is told apart by its epoch: views and both topics follow the new life, and verify is clean', async () => {
    await serving(live.url, async (server) => {
      await server.register('blue', ['10.0.0.0/24']);
      await create(server, 'kept', '10.0.0.10');
      await create(server, 'deleted-later', '10.0.0.11');
    });
    await runRebuildViews(usage(live.url, 'rebuild', 'views'));
    expect(await verify(live.url)).toMatchObject({ lines: [], exitCode: 0 });

    await eventually(() => runSql(views.url, `CREATE DATABASE ${nameOf(restored)} TEMPLATE ${nameOf(live.url)}`));
    const lost = await serving(live.url, async (server) => {
      expect((await server.send('DELETE', `${server.services('blue')}/deleted-later`)).status).toBe(200);
      return create(server, 'lost', '10.0.0.12');
    });
    await runRebuildViews(usage(live.url, 'rebuild', 'views'));

    // Before the epoch is raised, views and topics say what the log does not.
    const before = await verify(restored);
    expect(before.exitCode).toBe(1);
    expect(before.text.split('\n')).toEqual([
      'tables: 1 cluster, 7 revisions: no difference',
      'blue: the views could not be brought to the revision of the log, so they were not compared',
      'views: 7 revisions: no difference in what was compared',
      'topics: 6 differences',
    ]);
    expect(before.lines.map((line) => line.replace(/\([0-9a-f-]{36}\)/g, '(UID)'))).toEqual([
      ...[8, 9, 10, 11].map((revision) => `blue: events topic: leak: revision ${revision} is there, and the log has no such revision (revision ${revision})`),
      'blue: addresses topic: missing: 10.0.0.11 is held by nobody, and the log says default/deleted-later (UID) (revision 11)',
      'blue: addresses topic: leak: 10.0.0.12 is held by default/lost (UID), and the log says nobody (revision 11)',
    ]);

    expect(await runRestoreEpoch(usage(restored, 'restore-epoch'))).toMatch(/epoch 2 \(1 clusters\)/);
    const again = await serving(restored, async (server) => {
      await create(server, 'another', '10.0.0.13');
      return create(server, 'new', '10.0.0.12');
    });
    expect(again).toBe(lost); // the revision is used again, for something else
    expect(await runRebuildViews(usage(restored, 'rebuild', 'views'))).toMatch(/^live is views_v\d+/);
    expect(await verify(restored)).toEqual({
      lines: [], exitCode: 0, text: expect.stringMatching(/^tables: 1 cluster, \d+ revisions: no difference\nviews: \d+ revisions: no difference\ntopics: no difference$/),
    });
  });
});

const nameOf = (url: string): string => new URL(url).pathname.slice(1);

/** Not even that the epoch was raised. */
const expectNothingToPublish = async (url: string): Promise<void> => {
  const session = await RelaySession.open(url);
  try {
    expect(await session.behind(0, 10)).toEqual([]);
  } finally {
    await session.close();
  }
};
