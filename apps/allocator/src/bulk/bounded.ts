import { setTimeout as delay } from 'node:timers/promises';
import { CommandBus } from '@nestjs/cqrs';
import { QueueFull, WriterUnavailable, type Outcome } from '../writer/order.js';
import type { SubmitOrder } from '../writer/submit.handler.js';

/**
 * Commands of one bulk request under way at once. One append takes up to 256, so a bulk request never fills more than an
 * eighth of a batch, and the orders of others do not wait for it.
 */
const inFlightMax = 32;
const triesMax = 30;

export interface Bounds {
  /** Items begun per second; undefined = as fast as they are answered. */
  ratePerSecond: number | undefined;
  /** Aborted when nobody waits for the result any more: nothing new is begun then. */
  signal: AbortSignal;
}

/**
 * Does `work` for each item, a bounded number at once. Resolves when all of it is done, or when the signal is aborted.
 * @throws the first error of `work` or of `items`, after everything that was begun has ended
 */
export const forEachBounded = async <T>(items: AsyncIterable<T>, { ratePerSecond, signal }: Bounds, work: (item: T) => Promise<void>): Promise<void> => {
  const underWay = new Set<Promise<void>>();
  let failure: { error: unknown } | undefined;
  let nextMs = performance.now();
  try {
    for await (const item of items) {
      if (ratePerSecond !== undefined) nextMs = await paced(nextMs, 1000 / ratePerSecond, signal);
      if (signal.aborted || failure !== undefined) break;
      const one: Promise<void> = work(item).catch((error: unknown) => void (failure ??= { error })).finally(() => underWay.delete(one));
      underWay.add(one);
      if (underWay.size >= inFlightMax) await Promise.race(underWay);
    }
  } finally {
    await Promise.all(underWay);
  }
  if (failure !== undefined) throw failure.error;
};

/** Waits until `atMs`; @returns when the next one may begin. What was missed by being slow is not caught up in a burst. */
const paced = async (atMs: number, gapMs: number, signal: AbortSignal): Promise<number> => {
  const waitMs = atMs - performance.now();
  if (waitMs > 0) await delay(waitMs, undefined, { signal }).catch(() => undefined);
  return Math.max(atMs, performance.now() - 1000) + gapMs;
};

/**
 * Submits one order of a bulk request, again and again while the queue is full or the database is away, for about half a
 * minute. Only for orders that may be sent twice: whether a lost commit happened is not known.
 * @throws QueueFull, WriterUnavailable
 */
export const submitPatiently = async (commands: CommandBus, order: SubmitOrder, signal: AbortSignal): Promise<Outcome> => {
  for (let attempt = 1; ; attempt++) {
    try {
      return await commands.execute(order);
    } catch (error) {
      if (!(error instanceof QueueFull || error instanceof WriterUnavailable) || attempt === triesMax || signal.aborted) throw error;
      await delay(error.retryAfterSeconds * 1000, undefined, { signal }).catch(() => undefined);
    }
  }
};
