import { setTimeout as delay } from 'node:timers/promises';
import type { CommandBatch, CommandBatchHandler } from '../log.js';

const retryMsFirst = 500;
const retryMsMax = 30_000;

/**
 * Delivers the batches of one cluster, one after the other. A batch that its handler rejects is held and delivered again
 * after a growing pause, while the other clusters of the partition go on. Of what comes meanwhile only the newest batch is
 * kept: the handler then sees a gap and heals it from the log, so a failing cluster costs one batch of memory, however long
 * it fails.
 */
export class Lane {
  /** Where to read again from after a restart: offset of the first batch that is not delivered. */
  heldSince: bigint | undefined;
  private held: CommandBatch | undefined;
  private retrying: Promise<void> | undefined;
  private readonly stopped = new AbortController();

  constructor(private readonly handler: CommandBatchHandler, private readonly onFailure: (error: unknown, retryMs: number) => void) {}

  /** Resolves when the batch is delivered, or held. Never rejects. */
  async deliver(batch: CommandBatch, offset: bigint): Promise<void> {
    if (this.heldSince !== undefined && this.retrying !== undefined) {
      this.held = batch;
      return;
    }
    try {
      await this.handler(batch);
      this.heldSince = undefined;
    } catch (error) {
      this.heldSince ??= offset;
      this.held = batch;
      this.onFailure(error, retryMsFirst);
      this.retrying = this.retry().finally(() => { this.retrying = undefined; });
    }
  }

  /** There is a command that cannot be read: what was committed stays in front of it until the next one is delivered. */
  hold(offset: bigint): void {
    this.heldSince ??= offset;
  }

  /** Ends the retries; resolves when the handler has returned. */
  async stop(): Promise<void> {
    this.stopped.abort();
    await this.retrying;
  }

  private async retry(): Promise<void> {
    for (let pauseMs = retryMsFirst; this.held !== undefined; ) {
      await delay(pauseMs, undefined, { signal: this.stopped.signal }).catch(() => undefined);
      if (this.stopped.signal.aborted) return;
      const batch = this.held;
      try {
        await this.handler(batch);
        // What came while the handler ran goes at once: it may hold what this batch did not.
        pauseMs = 0;
        if (this.held === batch) this.held = undefined;
      } catch (error) {
        pauseMs = Math.min(Math.max(pauseMs, retryMsFirst) * 2, retryMsMax);
        this.onFailure(error, pauseMs);
      }
    }
    this.heldSince = undefined;
  }
}
