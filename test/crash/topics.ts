import { Kafka, logLevel, type Consumer } from 'kafkajs';

interface SeenEvent {
  revision: number;
  type: string;
  commandId: string;
  data: string;
}

/** Both topics as any consumer sees them: read committed, from the beginning on, by names and headers alone. */
export class Topics {
  /** Cluster -> events in order of first appearance. */
  readonly events = new Map<string, SeenEvent[]>();
  /** Ids that came again with another content: there must be none. */
  readonly contradictions: string[] = [];
  repeats = 0;
  /** The compacted topic: key -> value. */
  readonly addresses = new Map<string, string>();
  private readonly seen = new Map<string, SeenEvent>();

  private constructor(private readonly consumer: Consumer) {}

  static async follow(brokers: string[], prefix: string): Promise<Topics> {
    const kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING, retry: { retries: 100, maxRetryTime: 1_000 } });
    const consumer = kafka.consumer({ groupId: `${prefix}.test`, maxWaitTimeInMs: 50, retry: { retries: 100, maxRetryTime: 1_000 } });
    const topics = new Topics(consumer);
    await consumer.connect();
    await consumer.subscribe({ topics: [`${prefix}.events.v1`, `${prefix}.addresses.v1`], fromBeginning: true });
    await consumer.run({ eachMessage: async ({ topic, message: { key, value, headers } }) => {
      const text = (name: string): string => headers?.[name]?.toString() ?? '';
      if (topic.endsWith('.events.v1')) topics.event(key?.toString() ?? '', text('ce_id'), { revision: Number(text('ce_sequence')), type: text('ce_type'), commandId: text('ce_commandid'), data: value?.toString() ?? '' });
      else if (value === null) topics.addresses.delete(key?.toString() ?? '');
      else topics.addresses.set(key?.toString() ?? '', value.toString());
    } });
    return topics;
  }

  async close(): Promise<void> {
    await this.consumer.disconnect();
  }

  private event(cluster: string, id: string, event: SeenEvent): void {
    const before = this.seen.get(id);
    if (before !== undefined) {
      this.repeats++;
      if (JSON.stringify(before) !== JSON.stringify(event)) this.contradictions.push(id);
      return;
    }
    this.seen.set(id, event);
    const list = this.events.get(cluster);
    if (list === undefined) this.events.set(cluster, [event]);
    else list.push(event);
  }
}
