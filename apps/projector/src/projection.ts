import { createPool, type EventStore } from '@ipledger/event-store';
import { KafkaConsumer, LogTail } from '@ipledger/messaging';
import { kafkaSettings, type KafkaConfig, type Lifecycle, type Logger, type MetricsRegistry } from '@ipledger/runtime';
import { Projector, registerProjectionMetrics } from '@ipledger/views';

export interface ProjectionOptions {
  /** The log: what is followed where no transport is given, and what heals it otherwise. */
  store: EventStore;
  viewsUrl: string;
  /** With brokers Kafka delivers the commands, without them the log itself. */
  kafka: KafkaConfig;
  registry: MetricsRegistry;
  logger: Logger;
  lifecycle: Lifecycle;
  /** Told whenever the views have moved on. */
  onApplied(): void;
}

export interface Projection {
  /** Something was appended by this process. */
  hint(): void;
}

const connections = 3;
const startRetryMs = 5_000;

/**
 * Projects the log into the views from now on. Returns at once: that the views cannot be reached, or have to be built anew
 * first, keeps nobody from allocating; it is tried until it works.
 */
export const startProjection = ({ store, viewsUrl, kafka, registry, logger, lifecycle, onApplied }: ProjectionOptions): Projection => {
  const pool = createPool({
    url: viewsUrl, max: connections, applicationName: 'ipledger projection',
    asynchronousCommit: true, // a checkpoint goes back together with what it stands for, and the log heals the rest
    onIdleError: (error) => logger.warn('an idle connection to the views was lost', { error: error.message }),
  });
  lifecycle.onShutdown('close the connections of the projection', () => pool.end());
  const projector = new Projector({ pool, viewsUrl, store, logger, onApplied });
  lifecycle.onShutdown('stop the projector', () => projector.stop());
  registerProjectionMetrics(registry, projector);
  const settings = kafkaSettings(kafka);
  const tail = settings === null ? new LogTail({
    store, positionOf: (cluster) => projector.positionOf(cluster),
    onFailure: (cluster, error) => logger.warn('the log could not be projected; trying again', { cluster, error: error instanceof Error ? error.message : String(error) }),
  }) : undefined;
  // One group for all projectors of these topics: they share the partitions.
  const source = tail ?? (settings && new KafkaConsumer(settings, `${settings.topicPrefix}.projector`, logger));
  lifecycle.onShutdown('end the batch that is being projected', () => source?.stop());
  void startWhenPossible(projector, lifecycle, logger).then((started) => (started ? source?.run((batch) => projector.take(batch)) : undefined));
  return { hint: () => tail?.hint() };
};

/** @returns false when the process stops before it was possible */
const startWhenPossible = async (projector: Projector, lifecycle: Lifecycle, logger: Logger): Promise<boolean> => {
  while (!lifecycle.isStopping) {
    try {
      await projector.start();
      return true;
    } catch (error) {
      logger.error('the projection cannot start; trying again', { error: error instanceof Error ? error.message : String(error) });
      await new Promise((resolve) => { setTimeout(resolve, startRetryMs).unref(); });
    }
  }
  return false;
};
