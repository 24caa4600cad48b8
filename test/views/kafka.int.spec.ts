import { createPool, PostgresEventStore } from '@ipledger/event-store';
import { KafkaConsumer, KafkaPublisher, type KafkaSettings, type RecordedCommand } from '@ipledger/messaging';
import { createLogger } from '@ipledger/runtime';
import { describeWithKafka, eventually, useFreshDatabase } from '@ipledger/testing';
import { Projector, rebuildViews } from '@ipledger/views';
import type pg from 'pg';
import { create, register, remove, service } from '../../libs/services/src/testing/commands.js';
import { appendToLog } from './log.js';
import { recorded } from './recorded.js';

const logger = createLogger({ level: 'error', format: 'json' });
const clusters = ['blue', 'green', 'red', 'white'];
const logOf = (cluster: string): RecordedCommand[] => recorded([
  register(['10.0.0.0/24', 'fd00::/120'], { name: cluster }),
  ...Array.from({ length: 30 }, (_, i) => create(service(`s${i}`, { ipFamilyPolicy: 'PreferDualStack' }), { seed: [i, 2, 3, 4] })),
  remove('s3'), remove('s4'),
], undefined, cluster);

await describeWithKafka('projectors behind Kafka', ({ brokers, prefix }) => {
  const settings: KafkaSettings = { brokers, clientId: 'test', topicPrefix: prefix, replicationFactor: 1, sasl: null, tls: null };
  const database = useFreshDatabase();
  let pool: pg.Pool;
  let store: PostgresEventStore;
  let publisher: KafkaPublisher;
  const closers: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    pool = createPool({ url: database.url, max: 8 });
    store = new PostgresEventStore({ url: database.url, max: 4 });
    publisher = new KafkaPublisher(settings, logger);
    await publisher.ensureTopics();
    await publisher.connect();
  });
  afterAll(async () => {
    await Promise.all(closers.map((close) => close()));
    await publisher.close();
    await store.close();
    await pool.end();
  });
  const startProjector = async (): Promise<() => Promise<void>> => {
    const projector = new Projector({ pool, viewsUrl: database.url, store, logger });
    await projector.start();
    const consumer = new KafkaConsumer(settings, `${prefix}.projector`, logger);
    void consumer.run((batch) => projector.take(batch));
    const close = async (): Promise<void> => {
      await consumer.stop();
      await projector.stop();
    };
    closers.push(close);
    return close;
  };
  const reached = async (): Promise<Record<string, number>> =>
    Object.fromEntries((await pool.query<{ cluster: string; revision: number }>('SELECT cluster, revision::float8 AS revision FROM views.checkpoints')).rows.map((row) => [row.cluster, row.revision]));

  it('share the partitions, and have every command once in effect, though some come twice and some never', async () => {
    const logs = clusters.map(logOf);
    const stopFirst = await startProjector();
    await startProjector();
    for (const log of logs) await appendToLog(store, log);
    for (const log of logs) await publisher.publish(log.slice(0, 12));
    for (const log of logs) await publisher.publish(log.slice(5, 12)); // a relay that did not get to its checkpoint
    await stopFirst();
    for (const log of logs) await publisher.publish(log.slice(20)); // what retention or a new topic has lost
    await eventually(async () => expect(await reached()).toEqual(Object.fromEntries(logs.map((log) => [log[0]!.cluster, log.at(-1)!.revision]))), { timeoutMs: 90_000, everyMs: 100 });
    expect(await rebuildViews({ viewsUrl: database.url, store })).toMatchObject({ differences: [], notCompared: [], stopped: {} });
  });
});
