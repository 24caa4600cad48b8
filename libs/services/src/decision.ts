import type { Event } from './events.js';
import type { Rejection } from './rejection.js';

/** What comes of a command. */
export type Decision = Accepted | Rejected;

export interface Accepted {
  outcome: 'accepted';
  /** Empty when nothing changes: a dry run, or an update that leaves the object as it is. */
  events: readonly Event[];
  /** The Service as it is to be stored; undefined when it is deleted, or for a cluster command. */
  document?: string;
  /** The Service as the caller sees it (read defaults applied); undefined for a cluster command. */
  answer?: string;
  /** 200, 201, or 202 for a deletion that waits for finalizers and was asked not to orphan. */
  status: 200 | 201 | 202;
  /** Texts of `Warning` headers, in order. */
  warnings: readonly string[];
}

export interface Rejected {
  outcome: 'rejected';
  rejection: Rejection;
  /** Warnings go out with some refusals: what comes after full validation. */
  warnings: readonly string[];
}
