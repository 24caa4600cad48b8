import { randomUUID } from 'node:crypto';
import type { Logger } from '@ipledger/runtime';
import type { ReadMessage } from '../cloud-event.js';
import type { Consumer } from 'kafkajs';
import { createClient, type KafkaSettings } from './client.js';

/** A topic that nobody writes to answers so many fetches in a row with nothing once it is read to the end. */
const emptyFetchesMax = 3;
const fetchMsMax = 500;
const silentMsMax = 60_000;

/**
 * Reads what is on a topic now, committed, each partition from its beginning and in order, with a group of its own that
 * leaves nothing behind. What is written meanwhile may be read too.
 * @param onMessage is awaited: the topic is read no faster than it is dealt with
 * @throws when the topic is not there, or the broker falls silent for a minute
 */
export const readTopic = async (settings: KafkaSettings, topic: string, logger: Logger, onMessage: (message: ReadMessage) => Promise<void> | void): Promise<void> => {
  const kafka = createClient(settings, logger);
  const admin = kafka.admin();
  await admin.connect();
  const offsets = await admin.fetchTopicOffsets(topic).finally(() => void admin.disconnect());
  if (offsets.every(({ high, low }) => high === low)) return;
  const consumer = kafka.consumer({ groupId: `${settings.topicPrefix}.verify.${randomUUID()}`, maxWaitTimeInMs: fetchMsMax, allowAutoTopicCreation: false });
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await toTheEnd(consumer, onMessage);
  } finally {
    await consumer.disconnect();
  }
};

const toTheEnd = async (consumer: Consumer, onMessage: (message: ReadMessage) => Promise<void> | void): Promise<void> => {
  let [empty, readMs] = [0, performance.now()];
  let watch: NodeJS.Timeout | undefined;
  const ended = new Promise<void>((resolve, reject) => {
    // Control records end a partition too, and nobody is told of them: that it is over shows in fetches without a batch.
    consumer.on('consumer.fetch', ({ payload }) => {
      empty = payload.numberOfBatches === 0 ? empty + 1 : 0;
      if (empty >= emptyFetchesMax) resolve();
    });
    consumer.on('consumer.crash', ({ payload }) => { if (!payload.restart) reject(payload.error); });
    watch = setInterval(() => { if (performance.now() - readMs > silentMsMax) reject(new Error('the broker fell silent')); }, 1_000);
  });
  await consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: false,
    eachBatch: async ({ batch, resolveOffset, heartbeat }) => {
      for (const message of batch.messages) {
        await onMessage(message);
        resolveOffset(message.offset);
      }
      [empty, readMs] = [0, performance.now()];
      await heartbeat();
    },
  });
  await ended.finally(() => clearInterval(watch));
};
