import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '@ipledger/runtime';
import type { Consumer, EachBatchPayload, Kafka } from 'kafkajs';
import type { CommandBatchHandler, LogConsumer } from '../log.js';
import { topicsOf } from '../topics.js';
import { createClient, type KafkaSettings } from './client.js';
import { Partition } from './partition.js';

const restartMsFirst = 500;
const restartMsMax = 15_000;
/** Twice the time a rebalance may take: whoever has not been heard of for longer hangs. */
const stuckMs = 120_000;
const lookMs = 1_000;
const disconnectMsMax = 10_000;

/**
 * The Kafka side of the log: one member of a consumer group. kafkajs gives up for good on some errors and has been seen to
 * hang after a network loss; both are noticed, and a new member takes over in this process.
 */
export class KafkaConsumer implements LogConsumer {
  private readonly kafka: Kafka;
  private readonly topic: string;
  private readonly partitions = new Map<number, Partition>();
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;
  private heardMs = performance.now();

  constructor(settings: KafkaSettings, private readonly groupId: string, private readonly logger: Logger) {
    this.kafka = createClient(settings, logger);
    this.topic = topicsOf(settings.topicPrefix).events.name;
  }

  /** How long ago the broker was last heard of, in seconds; grows while the connection is lost, or hangs. */
  get silenceSeconds(): number {
    return (performance.now() - this.heardMs) / 1000;
  }

  run(handler: CommandBatchHandler): Promise<void> {
    this.running ??= this.keepRunning(handler);
    return this.running;
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async keepRunning(handler: CommandBatchHandler): Promise<void> {
    for (let pauseMs = restartMsFirst; !this.stopping.signal.aborted; pauseMs = Math.min(pauseMs * 2, restartMsMax)) {
      const consumer = this.makeConsumer();
      const startedMs = performance.now();
      try {
        await this.runOnce(consumer, handler);
      } catch (error) {
        this.logger.warn('the Kafka consumer ended and starts again', { error: (error as Error).message, groupId: this.groupId });
        if (performance.now() - startedMs > 60_000) pauseMs = restartMsFirst;
      }
      // One that hangs must not keep the next one from starting.
      await Promise.race([consumer.disconnect().catch(() => undefined), delay(disconnectMsMax, undefined, { ref: false })]);
      await Promise.all([...this.partitions.values()].map((partition) => partition.stop()));
      this.partitions.clear();
      await delay(pauseMs, undefined, { signal: this.stopping.signal }).catch(() => undefined);
    }
  }

  private makeConsumer(): Consumer {
    return this.kafka.consumer({
      groupId: this.groupId,
      allowAutoTopicCreation: false,
      sessionTimeout: 30_000,
      heartbeatInterval: 3_000,
      rebalanceTimeout: 60_000,
      maxWaitTimeInMs: 100, // kafkajs' 5 s would be the delay of a view
      maxBytesPerPartition: 4 * 1024 * 1024,
      retry: { restartOnFailure: async () => !this.stopping.signal.aborted },
    });
  }

  /** Resolves when stopped; rejects when the consumer has crashed for good, or hangs. */
  private async runOnce(consumer: Consumer, handler: CommandBatchHandler): Promise<void> {
    this.heardMs = performance.now();
    const crashed = new Promise<never>((_, reject) => {
      consumer.on('consumer.crash', ({ payload: { error, restart } }) => {
        if (!restart) reject(error);
      });
    });
    crashed.catch(() => undefined); // it may crash while it still connects, before anybody waits for this
    for (const sign of ['consumer.heartbeat', 'consumer.fetch', 'consumer.group_join'] as const) consumer.on(sign, () => { this.heardMs = performance.now(); });
    consumer.on('consumer.group_join', ({ payload }) => this.keepOnly(payload.memberAssignment[this.topic] ?? []));
    await consumer.connect();
    await consumer.subscribe({ topic: this.topic, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: 3,
      eachBatch: (payload) => this.takeBatch(payload, consumer, handler),
    });
    await Promise.race([crashed, this.stoppedOrStuck()]);
  }

  private async takeBatch({ batch, resolveOffset, heartbeat, isRunning, isStale }: EachBatchPayload, consumer: Consumer, handler: CommandBatchHandler): Promise<void> {
    let partition = this.partitions.get(batch.partition);
    if (partition === undefined) {
      partition = new Partition(handler, this.logger);
      this.partitions.set(batch.partition, partition);
    }
    const goesOn = (): boolean => isRunning() && !isStale() && !this.stopping.signal.aborted;
    if (!goesOn()) return;
    let whole = true;
    await partition.take(batch.messages, async () => {
      await heartbeat();
      whole = goesOn();
      return whole;
    });
    if (!whole) return;
    resolveOffset(batch.lastOffset());
    const safe = partition.safeOffset(BigInt(batch.lastOffset()) + 1n);
    await consumer.commitOffsets([{ topic: this.topic, partition: batch.partition, offset: String(safe) }]);
  }

  /** What others read now is theirs to deliver; they begin at what was committed. */
  private keepOnly(assigned: readonly number[]): void {
    for (const [number, partition] of this.partitions) {
      if (assigned.includes(number)) continue;
      this.partitions.delete(number);
      void partition.stop();
    }
  }

  private async stoppedOrStuck(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      if (this.silenceSeconds * 1000 > stuckMs) throw new Error(`nothing was heard of the broker for ${stuckMs / 1000} s`);
      await delay(lookMs, undefined, { signal: this.stopping.signal }).catch(() => undefined);
    }
  }
}
