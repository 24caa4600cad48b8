import type { PublishedClaim } from '@ipledger/event-store';
import type { ReachedRecord } from './address-record.js';
import type { RecordedCommand } from './recorded.js';

/**
 * The log as others see it: a port with three sides (Kafka, Postgres, memory). Kafka is transport; the log in Postgres is
 * the truth and heals what the transport loses or repeats (design D7).
 */
export interface LogPublisher {
  /** Takes the identity of this set of publishers over: from here on, whoever had it before is `Fenced`. @throws PublishFailed */
  connect(): Promise<void>;
  /** Whether what was published before may be gone, since there is no place for it: then all of it must come again. @throws PublishFailed */
  missesTopics(): Promise<boolean>;
  /** Makes the place for what will be published, and reports what is not as it should be. @throws PublishFailed */
  ensureTopics(): Promise<void>;
  /**
   * Publishes whole commands: those of one cluster in order of revision, all of the call or none. Resolves when every
   * replica that must have them has them; only then may a checkpoint move.
   * @throws Fenced         another publisher of this set has taken over: this one must stop for good
   * @throws PublishFailed  nothing of the call is visible to readers of committed messages, or (when the answer to the commit was
   *                        lost) all of it; this publisher is spent, and the next one publishes the same again
   */
  publish(commands: readonly RecordedCommand[]): Promise<void>;
  /**
   * States anew who holds what in a cluster, for a new epoch: every claim, in any number of calls, then `restated`, which voids
   * what an older epoch said about other addresses. @throws Fenced, PublishFailed
   */
  restate(cluster: string, epoch: number, claims: readonly PublishedClaim[]): Promise<void>;
  restated(reached: ReachedRecord): Promise<void>;
  close(): Promise<void>;
}

export interface LogConsumer {
  /**
   * Delivers commands at least once until `stop`. A batch holds commands of one cluster in order of revision; batches of one
   * cluster come one after the other, of several clusters possibly at once. A batch whose handler rejects comes again, after
   * a delay, and holds up its own cluster only; of what comes for that cluster meanwhile, only the newest may be delivered. The
   * transport may repeat and skip: the handler judges by revision. Resolves when stopped; the loss of the transport is not an end.
   */
  run(handler: CommandBatchHandler): Promise<void>;
  /** Resolves when the handler has returned for the last time. */
  stop(): Promise<void>;
}

export interface CommandBatch {
  readonly cluster: string;
  /** Which life of the log they were read in, where the transport knows: it still holds commands of earlier ones. */
  readonly epoch?: number;
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
