import type { Command, Rejection } from '@ipledger/services';

/** A command with what the edge knows about its sender. */
export interface Order {
  command: Command;
  /** UUID (version 7), unique in the log. */
  commandId: string;
  requestId: string | null;
  actor: string | null;
  userAgent: string | null;
  traceparent: string | null;
  idempotency: { key: string; fingerprint: string } | null;
}

/** What an order came to. `revision` is the state of the cluster that the answer reflects; `changed`, whether this very order appended. */
export type Outcome =
  | { kind: 'accepted'; status: 200 | 201 | 202; answer: string | undefined; warnings: readonly string[]; revision: number; changed: boolean; replayed: boolean }
  | { kind: 'rejected'; rejection: Rejection; warnings: readonly string[] }
  /** The Idempotency-Key was used for something else. */
  | { kind: 'request_differs'; key: string };

/** What an order of a unit came to: `abandoned` = another one was not accepted, so nothing of this one is kept. An Error = deciding it broke. */
export type UnitOutcome = Outcome | { kind: 'abandoned' } | Error;

/** Thrown when the cluster's queue is full. Nothing was decided; the same order can be sent again. */
export class QueueFull extends Error {
  readonly retryAfterSeconds = 1;
  constructor(readonly cluster: string, readonly limit: number) {
    super(`cluster ${cluster} has ${limit} commands waiting, which is the limit; retry later`);
  }
}

/** Thrown when this process is stopping, or the database cannot be used. Nothing is known to have changed. */
export class WriterUnavailable extends Error {
  readonly retryAfterSeconds = 1;
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
  }
}
