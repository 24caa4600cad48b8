import { eventsOf, recordedCommand, type RecordedEvent } from '@ipledger/messaging';
import { invalidRequest, wholeNumberIn } from '@ipledger/runtime';
import type { AskedLog, Sources } from './ask.js';

/** The log after a revision, in order. `continue` is the revision to go on after; it is missing at the end. */
export const queryEvents = async ({ store }: Sources, log: AskedLog, query: unknown): Promise<{ items: RecordedEvent[]; continue?: string }> => {
  const limit = wholeNumberIn(query, 'limit', { min: 1, max: 1000, otherwise: 100 });
  const after = afterIn(query);
  const rows = await store.readLog(log.id, after, limit + 1);
  const events = rows.flatMap((row) => eventsOf(recordedCommand(log.name, row))).filter(({ revision }) => revision > after);
  const items = events.slice(0, limit);
  const last = items.at(-1);
  return events.length > limit && last !== undefined ? { items, continue: String(last.revision) } : { items };
};

/** What a stream of the log begins after: the `Last-Event-ID` of a client that comes back, else `?after=`. */
export const followFrom = (log: AskedLog, query: unknown, lastEventId: string | undefined): number => {
  if (lastEventId !== undefined && !/^\d{1,16}$/.test(lastEventId)) throw invalidRequest('Last-Event-ID', lastEventId, 'is not a revision');
  const after = lastEventId === undefined ? afterIn(query) : Number(lastEventId);
  if (after > log.revision) throw invalidRequest(lastEventId === undefined ? 'after' : 'Last-Event-ID', String(after), `is past the end of the log, which is at revision ${log.revision}`);
  return after;
};

/** `?follow=true`. */
export const isFollowing = (query: unknown): boolean => {
  const value = (query as Record<string, unknown>)['follow'];
  if (value !== undefined && value !== 'true' && value !== 'false') throw invalidRequest('follow', value, 'is neither true nor false');
  return value === 'true';
};

const afterIn = (query: unknown): number => wholeNumberIn(query, 'after', { min: 0, max: Number.MAX_SAFE_INTEGER, otherwise: 0 });
