import type { RecordedCommand } from './recorded.js';

/**
 * The log as others see it: a port with three sides (Kafka, Postgres, memory). Kafka is transport; the log in Postgres is
 * the truth and heals what the transport loses or repeats (design D7).
 */
export interface LogPublisher {
  /** @throws Fenced, PublishFailed */
  connect(): Promise<void>;
  /**
   * Publishes whole commands: those of one cluster in order of revision, all of the call or none. Resolves when every
   * replica that must have them has them; only then may a checkpoint move.
   * @throws Fenced         another publisher of this set has taken over: this one must stop for good
   * @throws PublishFailed  nothing of the call is visible to readers of committed messages; the same call may be made again
   */
  publish(commands: readonly RecordedCommand[]): Promise<void>;
  close(): Promise<void>;
}

export interface LogConsumer {
  /**
   * Delivers commands at least once until `stop`. A batch holds commands of one cluster in order of revision; batches of one
   * cluster come one after the other, of several clusters possibly at once. A batch whose handler rejects comes again, after
   * a delay, and holds up its own cluster only. The transport may repeat and skip: the handler judges by revision.
   */
  run(handler: CommandBatchHandler): Promise<void>;
  /** Resolves when the handler has returned for the last time. */
  stop(): Promise<void>;
}

export interface CommandBatch {
  readonly cluster: string;
  /** At least one. */
  readonly commands: readonly RecordedCommand[];
}
export type CommandBatchHandler = (batch: CommandBatch) => Promise<void>;

/** Another publisher with the same identity has taken over. Final: resuming would publish old facts after newer ones. */
export class Fenced extends Error {
  readonly retriable = false;
}

/** The transport did not take a batch. Nothing of it is visible. */
export class PublishFailed extends Error {
  readonly retriable = true;
}
