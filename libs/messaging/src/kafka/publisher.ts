import './faster-kafkajs.js'; // before kafkajs
import type { PublishedClaim } from '@ipledger/event-store';
import type { Logger } from '@ipledger/runtime';
import { Partitioners, type ICustomPartitioner, type Kafka, type Producer, type TopicMessages, type Transaction } from 'kafkajs';
import { addressMessages, claimMessage, reachedMessage, type ReachedRecord } from '../address-record.js';
import { encodeEvent } from '../cloud-event.js';
import { Fenced, PublishFailed, type LogPublisher } from '../log.js';
import { eventsOf, type RecordedCommand } from '../recorded.js';
import { clusterOfKey, topicsOf, type Topics } from '../topics.js';
import { createClient, type KafkaSettings } from './client.js';
import { ensureTopics, missingTopics } from './ensure-topics.js';

/** After so long the broker takes back what a dead publisher left open; until then readers of committed records wait there. */
const transactionTimeoutMs = 30_000;
/** Codes by which a broker turns away a producer that another one of the same id has replaced. */
const fencedCodes = [47, 90];

/**
 * Publishes to both topics, one transaction a call. Each `connect` takes the identity over: whoever had it before is refused by
 * the broker from then on, whatever it believes (design D6). After a failure it is spent: close it and make another one.
 */
export class KafkaPublisher implements LogPublisher {
  private readonly kafka: Kafka;
  private readonly topics: Topics;
  private readonly producer: Producer;
  /** Why this publisher publishes nothing any more: what is left of a failed transaction would be in the way. */
  private spent: Fenced | PublishFailed | undefined;

  constructor(private readonly settings: KafkaSettings, private readonly logger: Logger) {
    this.kafka = createClient(settings, logger);
    this.topics = topicsOf(settings.topicPrefix);
    this.producer = this.kafka.producer({
      // One relay set is one log in one Kafka, which the prefix names.
      transactionalId: `${settings.topicPrefix}.relay`,
      idempotent: true,
      maxInFlightRequests: 1, // more would reorder on a retry
      transactionTimeout: transactionTimeoutMs,
      allowAutoTopicCreation: false,
      createPartitioner: byCluster,
    });
  }

  async connect(): Promise<void> {
    await translated(async () => {
      await this.producer.connect();
      // The producer id, and with it the fence, is taken by the first transaction only.
      await (await this.producer.transaction()).abort();
    });
  }

  async missesTopics(): Promise<boolean> {
    return translated(async () => (await missingTopics(this.kafka, Object.values(this.topics) as Topics[keyof Topics][])).length > 0);
  }

  async ensureTopics(): Promise<void> {
    await translated(async () => {
      const wrong = await ensureTopics(this.kafka, [this.topics.events, this.topics.addresses], this.settings.replicationFactor);
      for (const mismatch of wrong) this.logger.warn(`Kafka: ${mismatch}`);
    });
  }

  async publish(commands: readonly RecordedCommand[]): Promise<void> {
    const events = commands.flatMap((command) => eventsOf(command).map(encodeEvent));
    await this.commit([{ topic: this.topics.events.name, messages: events }, { topic: this.topics.addresses.name, messages: addressMessages(commands) }]);
  }

  async restate(cluster: string, epoch: number, claims: readonly PublishedClaim[]): Promise<void> {
    if (claims.length > 0) await this.commit([{ topic: this.topics.addresses.name, messages: claims.map((claim) => claimMessage(cluster, epoch, claim)) }]);
  }

  async restated(reached: ReachedRecord): Promise<void> {
    await this.commit([{ topic: this.topics.addresses.name, messages: [reachedMessage(reached)] }]);
  }

  async close(): Promise<void> {
    await this.producer.disconnect();
  }

  private async commit(topicMessages: TopicMessages[]): Promise<void> {
    if (this.spent !== undefined) throw this.spent;
    try {
      await translated(async () => {
        const transaction: Transaction = await this.producer.transaction();
        await transaction.sendBatch({ acks: -1, topicMessages });
        await transaction.commit();
      });
    } catch (error) {
      this.spent = error as Fenced | PublishFailed;
      throw error;
    }
  }
}

/** As Kafka's own default for the key, but of the cluster alone: what concerns a cluster is in order, on both topics alike. */
const byCluster: ICustomPartitioner = () => {
  const partitionOf = Partitioners.DefaultPartitioner();
  return ({ topic, partitionMetadata, message }) =>
    partitionOf({ topic, partitionMetadata, message: { ...message, key: clusterOfKey(String(message.key)) } });
};

const translated = async <T>(work: () => Promise<T>): Promise<T> => {
  try {
    return await work();
  } catch (error) {
    if (isFenced(error)) throw new Fenced('another relay has taken over', { cause: error });
    throw new PublishFailed(`Kafka: ${(error as Error).message}`, { cause: error });
  }
};

const isFenced = (error: unknown): boolean => {
  for (let cause = error as { code?: unknown; message?: string; cause?: unknown } | undefined, depth = 0; cause && depth < 8; depth++) {
    if (typeof cause.code === 'number' && fencedCodes.includes(cause.code)) return true;
    if (cause.message?.endsWith('Unknown error code 90') === true) return true; // PRODUCER_FENCED, which kafkajs does not know
    cause = cause.cause as typeof cause;
  }
  return false;
};
