import type { StatusAnswer } from './status.js';

/** Thrown by the Kubernetes surface to answer with a `Status`. Warnings go out with it: a refused request may have some. */
export class StatusError extends Error {
  constructor(readonly answer: StatusAnswer, readonly warnings: readonly string[] = []) {
    super(`${answer.code}`);
  }
}
