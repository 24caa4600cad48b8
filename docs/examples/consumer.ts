// A consumer of ipledger's events that knows at any time who holds which address, and needs nothing but the two topics.
// It starts from the compacted topic (who holds what now), and joins it to the events from there on.
//
//   KAFKA_BROKERS=127.0.0.1:9092 node --import ./libs/testing/src/ts-loader.mjs docs/examples/consumer.ts
import { randomUUID } from 'node:crypto';
import { Kafka, logLevel, type KafkaMessage } from 'kafkajs';

const prefix = process.env['KAFKA_TOPIC_PREFIX'] ?? 'ipledger';
const kafka = new Kafka({ brokers: (process.env['KAFKA_BROKERS'] ?? '127.0.0.1:9092').split(','), clientId: 'example', logLevel: logLevel.ERROR });

interface Holder {
  cluster: string;
  address: string;
  service: { namespace: string; name: string; uid: string };
  revision: number;
  epoch: number;
}
/** How far a cluster is known: everything up to this revision of this epoch is in `holders`. */
interface Position {
  epoch: number;
  revision: number;
}

/** `cluster/address` -> who holds it. A real consumer keeps this and `positions` in its database, and writes both in one transaction. */
const holders = new Map<string, Holder>();
const positions = new Map<string, Position>();

/** Step 1: the compacted topic, from the beginning to where it ends now. The last record of a key counts; no value = released. */
const readHolders = async (): Promise<void> => {
  const topic = `${prefix}.addresses.v1`;
  const admin = kafka.admin();
  await admin.connect();
  const ends = await admin.fetchTopicOffsets(topic);
  await admin.disconnect();
  const left = new Map(ends.filter(({ low, high }) => low !== high).map(({ partition, high }) => [partition, BigInt(high)]));
  if (left.size > 0) await readUntilEnd(topic, left);
  // After the database was restored from a backup the epoch is raised: what an older one said is void.
  for (const [key, { cluster, epoch }] of holders) if (epoch < (positions.get(cluster)?.epoch ?? 0)) holders.delete(key);
};

const readUntilEnd = async (topic: string, left: Map<number, bigint>): Promise<void> => {
  // A group of its own each time: this reads all of it, on one process, and commits nothing.
  const consumer = kafka.consumer({ groupId: `example-${randomUUID()}`, maxWaitTimeInMs: 200 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  let done = (): void => {};
  const ended = new Promise<void>((resolve) => { done = resolve; });
  const reached = (partition: number, next: bigint): void => {
    if (next >= (left.get(partition) ?? 0n)) left.delete(partition);
    if (left.size === 0) done();
  };
  // The last offset of a partition is the marker of a transaction, which is no message: only the batch knows that it was passed.
  consumer.on('consumer.end_batch_process', ({ payload }) => reached(payload.partition, BigInt(payload.lastOffset) + 1n));
  await consumer.run({ autoCommit: false, eachBatch: async ({ batch }) => {
    for (const { key, value } of batch.messages) takeRecord(key?.toString() ?? '', value?.toString());
    reached(batch.partition, BigInt(batch.lastOffset()) + 2n);
  } });
  await ended;
  await consumer.disconnect();
};

const takeRecord = (key: string, value: string | undefined): void => {
  if (value === undefined) holders.delete(key);
  else if (key.includes('/')) holders.set(key, JSON.parse(value) as Holder);
  else positions.set(key, JSON.parse(value) as Position); // how far the records of this cluster have come
};

/** Step 2: the events. What the first step knew already, and whatever Kafka delivers again, is told by epoch and revision. */
const takeEvent = ({ key, value, headers }: KafkaMessage): void => {
  const header = (name: string): string => headers?.[name]?.toString() ?? '';
  const cluster = key?.toString() ?? '';
  const [epoch, revision] = [Number(header('ce_epoch')), Number(header('ce_sequence'))];
  const known = positions.get(cluster) ?? { epoch: 0, revision: 0 };
  if (epoch < known.epoch || (epoch === known.epoch && revision <= known.revision)) return;
  if (known.epoch !== 0 && epoch > known.epoch) throw new Error(`the log of ${cluster} was restored: start again from the compacted topic`);
  if (known.epoch !== 0 && revision !== known.revision + 1) throw new Error(`${cluster} lacks revision ${known.revision + 1}: start again from the compacted topic`);
  const data = JSON.parse(value?.toString() ?? '{}') as Omit<Holder, 'cluster' | 'revision' | 'epoch'>;
  // A type that is not known here is passed over: there will be more of them.
  if (header('ce_type') === 'ip.allocated.v1') holders.set(`${cluster}/${data.address}`, { cluster, address: data.address, service: data.service, revision, epoch });
  if (header('ce_type') === 'ip.released.v1') holders.delete(`${cluster}/${data.address}`);
  positions.set(cluster, { epoch, revision });
  if (header('ce_type').startsWith('ip.')) console.log(`${header('ce_id')} ${header('ce_type')} ${data.address} ${header('ce_subject')}`);
};

await readHolders();
console.log(`${holders.size} addresses are held in ${positions.size} clusters`);
const consumer = kafka.consumer({ groupId: `example-${randomUUID()}`, maxWaitTimeInMs: 200 });
await consumer.connect();
await consumer.subscribe({ topic: `${prefix}.events.v1`, fromBeginning: true });
await consumer.run({ autoCommit: false, eachMessage: async ({ message }) => takeEvent(message) });
const stop = (): void => void consumer.disconnect().then(() => process.exit(0));
process.on('SIGINT', stop).on('SIGTERM', stop);
