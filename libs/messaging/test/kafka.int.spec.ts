import { createLogger } from '@ipledger/runtime';
import { describeWithKafka, eventually } from '@ipledger/testing';
import { Kafka, logLevel, type EachMessagePayload } from 'kafkajs';
import { Fenced, KafkaConsumer, KafkaPublisher, topicsOf, type CommandBatch, type KafkaSettings, type RecordedCommand } from '../src/index.js';
import { TestLog } from '../src/testing/commands.js';

const logs: string[] = [];
const logger = createLogger({ level: 'warn', format: 'json', write: (line) => logs.push(line) });

await describeWithKafka('the Kafka side of the log', ({ brokers, prefix }) => {
  const settings: KafkaSettings = { brokers, clientId: 'test', topicPrefix: prefix, replicationFactor: 1, sasl: null, tls: null };
  const raw = new Kafka({ brokers, logLevel: logLevel.NOTHING });
  const open: (() => Promise<void>)[] = [];
  afterAll(async () => {
    await Promise.all(open.map((close) => close()));
  });
  const publisher = async (): Promise<KafkaPublisher> => {
    const made = new KafkaPublisher(settings, logger);
    open.push(() => made.close());
    await made.ensureTopics();
    await made.connect();
    return made;
  };
  /** What a consumer group delivers from the beginning on, as it comes. */
  const consume = (group: string, handler?: (batch: CommandBatch) => Promise<void>): RecordedCommand[] => {
    const delivered: RecordedCommand[] = [];
    const consumer = new KafkaConsumer(settings, `${prefix}.${group}`, logger);
    open.push(() => consumer.stop());
    void consumer.run(handler ?? (async ({ commands }) => { delivered.push(...commands); }));
    return delivered;
  };
  /** The compacted topic as a reader from the beginning sees it. */
  const holders = async (group: string): Promise<Map<string, string>> => {
    const seen = new Map<string, string>();
    const admin = raw.admin();
    await admin.connect();
    const ends = await admin.fetchTopicOffsets(topicsOf(prefix).addresses.name);
    await admin.disconnect();
    const left = new Map(ends.filter(({ high, low }) => high !== low).map(({ partition, high }) => [partition, BigInt(high)]));
    const consumer = raw.consumer({ groupId: `${prefix}.${group}`, maxWaitTimeInMs: 50 });
    await consumer.subscribe({ topic: topicsOf(prefix).addresses.name, fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      if (left.size === 0) resolve();
      consumer.run({ eachMessage: async ({ partition, message }: EachMessagePayload) => {
        const key = message.key?.toString() ?? '';
        if (message.value === null) seen.delete(key);
        else seen.set(key, message.value.toString());
        // Past every record comes the marker of its transaction, which has an offset too.
        if (BigInt(message.offset) + 2n >= (left.get(partition) ?? 0n)) left.delete(partition);
        if (left.size === 0) resolve();
      } }).catch(reject);
    });
    await consumer.disconnect();
    return seen;
  };

  const blue = new TestLog('blue');
  const red = new TestLog('red');
  const sent: RecordedCommand[] = [];

  it('makes its topics, and finds nothing wrong with them', async () => {
    const first = new KafkaPublisher(settings, logger);
    open.push(() => first.close());
    expect(await first.missesTopics()).toBe(true);
    await first.ensureTopics();
    expect(await first.missesTopics()).toBe(false);
    await first.ensureTopics();
    expect(logs).toEqual([]);
  });

  it('says what is wrong with a topic that somebody else made', async () => {
    const admin = raw.admin();
    await admin.connect();
    await admin.createTopics({ waitForLeaders: false, topics: [{ topic: `${prefix}x.events.v1`, numPartitions: 3 }] });
    await admin.disconnect();
    const warned: string[] = [];
    const other = new KafkaPublisher({ ...settings, topicPrefix: `${prefix}x` }, createLogger({ level: 'warn', format: 'json', write: (line) => warned.push((JSON.parse(line) as { message: string }).message) }));
    await other.ensureTopics();
    await other.close();
    const name = `${prefix}x.events.v1`;
    expect(warned.sort()).toEqual([
      `Kafka: topic ${name} has 3 partitions, not 12: both topics need the same number, for life`,
      `Kafka: topic ${name} has max.message.bytes=1048588, not 10485760`,
      `Kafka: topic ${name} has message.timestamp.type=CreateTime, not LogAppendTime`,
    ]);
  });

  it('delivers whole commands, in order per cluster', async () => {
    const relay = await publisher();
    const batch = [blue.take('10.0.0.1'), red.take('10.0.0.1'), blue.take('fd00::1'), blue.free('10.0.0.1'), red.take('10.0.0.2')];
    await relay.publish(batch);
    sent.push(...batch);
    const delivered = consume('order');
    await eventually(() => expect(delivered).toHaveLength(sent.length), { timeoutMs: 20_000 });
    for (const cluster of ['blue', 'red']) expect(delivered.filter((command) => command.cluster === cluster)).toEqual(sent.filter((command) => command.cluster === cluster));
  });

  it('keeps who holds what on the compacted topic, and how far it has come', async () => {
    const found = await holders('holders');
    expect([...found.keys()].sort()).toEqual(['blue', 'blue/fd00::1', 'red', 'red/10.0.0.1', 'red/10.0.0.2']);
    expect(JSON.parse(found.get('blue/fd00::1')!)).toEqual({
      cluster: 'blue', address: 'fd00::1', family: 'IPv6', service: { namespace: 'shop', name: 's-fd00-1', uid: 'uid-s-fd00-1' },
      since: '2026-01-02T03:04:05.678Z', revision: 3, epoch: 1,
    });
    expect(JSON.parse(found.get('blue')!)).toEqual({ cluster: 'blue', epoch: 1, revision: 6, time: '2026-01-02T03:04:05.678Z' });
  });

  it('turns away a publisher that another one has replaced, and shows nothing of what it tried', async () => {
    const old = await publisher();
    await old.publish([blue.take('10.0.0.3')]);
    const newer = await publisher();
    const late = new TestLog('blue');
    late.revision = blue.revision;
    await expect(old.publish([late.free('10.0.0.3')])).rejects.toThrow(Fenced);
    await newer.publish([blue.take('10.0.0.4')]);
    await expect(old.publish([late.free('10.0.0.3')])).rejects.toThrow(Fenced);
    expect([...(await holders('fenced')).keys()].filter((key) => key.startsWith('blue/10')).sort()).toEqual(['blue/10.0.0.3', 'blue/10.0.0.4']);
    const delivered = consume('fenced-events');
    await eventually(() => expect(delivered.filter(({ cluster }) => cluster === 'blue').at(-1)?.revision).toBe(blue.revision), { timeoutMs: 20_000 });
    expect(delivered.filter(({ cluster }) => cluster === 'blue').flatMap(({ events }) => events).filter(({ type }) => type === 'ip.released')).toHaveLength(1);
  });

  it('holds up only the cluster whose commands cannot be applied, and comes back to it', async () => {
    const applied: RecordedCommand[] = [];
    let failures = 0;
    consume('failing', async ({ cluster, commands }) => {
      if (cluster === 'blue' && failures++ < 2) throw new Error('told to fail');
      applied.push(...commands);
    });
    await eventually(() => expect(applied.filter(({ cluster }) => cluster === 'red')).toHaveLength(2), { timeoutMs: 20_000 });
    await eventually(() => expect(applied.filter(({ cluster }) => cluster === 'blue').at(-1)?.revision).toBe(blue.revision), { timeoutMs: 20_000 });
    expect(failures).toBeGreaterThanOrEqual(3); // more often when its commands came in several batches
  });

  it('starts where it left off, and delivers again what was not applied', async () => {
    const first = new KafkaConsumer(settings, `${prefix}.resume`, logger);
    const before: RecordedCommand[] = [];
    void first.run(async ({ cluster, commands }) => {
      if (cluster === 'red') throw new Error('told to fail');
      before.push(...commands);
    });
    await eventually(() => expect(before.at(-1)?.revision).toBe(blue.revision), { timeoutMs: 20_000 });
    await first.stop();
    const after = consume('resume');
    await eventually(() => expect(after.filter(({ cluster }) => cluster === 'red')).toHaveLength(2), { timeoutMs: 20_000 });
  });

  it('says that a message cannot be read, and goes on with the next command', async () => {
    const damaged = raw.producer();
    await damaged.connect();
    await damaged.send({ topic: topicsOf(prefix).events.name, messages: [{ key: 'green', value: 'x' }] });
    await damaged.disconnect();
    const relay = await publisher();
    const green = new TestLog('green');
    await relay.publish([green.take('10.0.0.1')]);
    const delivered = consume('damaged');
    await eventually(() => expect(delivered.filter(({ cluster }) => cluster === 'green')).toHaveLength(1), { timeoutMs: 20_000 });
    expect(logs.join('')).toContain('a message on Kafka cannot be read: the header ce_specversion is missing');
  });
});
