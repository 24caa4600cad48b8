import type { EventStore } from '@ipledger/event-store';
import { invalidRequest, problem, ProblemError, wholeNumberIn } from '@ipledger/runtime';
import { sharedPoolLog, sharedPoolOf, type ClusterDefinition, type Pool } from '@ipledger/services';
import { allPoolsOf } from '../pool-usage.view.js';
import type { AsOf, ViewsReader } from './views-reader.js';

/** What queries read from: the log and the claims, and the views where there are any. */
export interface Sources {
  store: EventStore;
  views: ViewsReader | null;
}

/** The log of a registered cluster or of a shared LB pool, as of now. */
export interface AskedLog {
  id: number;
  name: string;
  revision: number;
  /** Service CIDRs and ranges of LB pools. */
  pools: readonly Pool[];
}

/** A registered cluster, as of now. */
export interface AskedCluster extends AskedLog {
  definition: ClusterDefinition;
}

/** A moment of the past: an instant (RFC 3339) or a revision. */
export type At = { revision: number } | { time: string };

const timeoutMsDefault = 5_000;
const timeoutMsMax = 30_000;

/** @throws ProblemError cluster_not_found */
export const askedCluster = async ({ store }: Sources, name: string): Promise<AskedCluster> => {
  const head = sharedPoolOf(name) === undefined ? await store.clusterByName(name) : undefined;
  if (head?.definition == null) throw new ProblemError(problem('cluster_not_found', `no cluster is registered under the name ${name}; GET /v1/clusters lists those that are`));
  const definition = JSON.parse(head.definition) as ClusterDefinition;
  return { id: head.id, name, revision: head.revision, definition, pools: allPoolsOf(definition) };
};

/** The log of a shared LB pool. One that was deleted is still to be read. @throws ProblemError not_found */
export const askedSharedPool = async ({ store }: Sources, pool: string): Promise<AskedLog> => {
  const head = await store.clusterByName(sharedPoolLog(pool));
  if (head === undefined || head.revision === 0)
    throw new ProblemError(problem('not_found', `there is no shared LB pool named ${pool}; the events of a pool of one cluster are in the log of that cluster`));
  return { id: head.id, name: head.name, revision: head.revision, pools: head.definition === null ? [] : allPoolsOf(JSON.parse(head.definition) as ClusterDefinition) };
};

/** @throws ProblemError unavailable */
export const viewsOf = ({ views }: Sources): ViewsReader => {
  if (views === null) throw new ProblemError(problem('unavailable', 'this process serves no views'));
  return views;
};

/** `?at=`: RFC 3339 with a zone, or a revision. */
export const atIn = (query: unknown, head: number): At | undefined => {
  const text = (query as Record<string, unknown>)['at'];
  if (text === undefined) return undefined;
  if (typeof text === 'string' && /^\d{1,16}$/.test(text)) {
    const revision = Number(text);
    if (revision <= head) return { revision };
    throw invalidRequest('at', text, `is past the end of the log, which is at revision ${head}`);
  }
  const isTime = typeof text === 'string' && /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(Date.parse(text));
  if (isTime) return { time: new Date(text).toISOString() };
  throw invalidRequest('at', text, 'is neither a revision nor an instant; write 4711, or 2026-03-01T14:00:00Z (a + in a URL is %2B)');
};

/**
 * Waits until the views reflect what the query must see: `?minRevision=`, at most for `?timeout=` (5s; also 500ms, or seconds
 * as a number). A moment of the past needs as much: its revision, or for an instant whatever the log holds now, unless the
 * views are past that instant already.
 */
export const waitAsAsked = async (views: ViewsReader, { name, revision: head }: AskedLog, query: unknown, at: At | undefined): Promise<void> => {
  const asked = wholeNumberIn(query, 'minRevision', { min: 0, max: Number.MAX_SAFE_INTEGER, otherwise: 0 });
  const timeoutMs = timeoutIn(query);
  let needed = at === undefined ? 0 : 'revision' in at ? at.revision : head;
  if (at !== undefined && 'time' in at) {
    const { asOf } = await views.read(name, 'SELECT 1 AS one');
    if (asOf.time !== null && asOf.time > at.time) needed = 0;
  }
  if (Math.max(asked, needed) > 0) await views.waitFor(name, Math.max(asked, needed), timeoutMs);
};

const timeoutIn = (query: unknown): number => {
  const text = (query as Record<string, unknown>)['timeout'];
  if (text === undefined) return timeoutMsDefault;
  const match = typeof text === 'string' ? /^(\d{1,6}(?:\.\d{1,3})?)(ms|s)?$/.exec(text) : null;
  const ms = match === null ? NaN : Number(match[1]) * (match[2] === 'ms' ? 1 : 1000);
  if (ms >= 0 && ms <= timeoutMsMax) return ms;
  throw invalidRequest('timeout', text, `is not a time up to ${timeoutMsMax / 1000}s; write 5s or 500ms`);
};

/** SQL that says whether a row was there at a moment: from `from` on, and not yet at `until`, which null puts off for ever. */
export const thereAt = (at: At, from: { revision: string; time: string }, until: { revision: string; time: string }, parameter: string): { sql: string; value: unknown } =>
  'revision' in at
    ? { sql: `${from.revision} <= ${parameter}::bigint AND (${until.revision} IS NULL OR ${until.revision} > ${parameter}::bigint)`, value: at.revision }
    : { sql: `${from.time} <= ${parameter}::timestamptz AND (${until.time} IS NULL OR ${until.time} > ${parameter}::timestamptz)`, value: at.time };

/** A page with one row more than was asked for: the rest is on the next. */
export const cutPage = <T>(rows: readonly T[], limit: number): { page: T[]; last: T | undefined } => {
  const page = rows.slice(0, limit);
  return { page, last: rows.length > limit ? page.at(-1) : undefined };
};

/** A token for the next page: nothing that anybody should read or make. */
export const encodeToken = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
export const tokenIn = (query: unknown): unknown => {
  const text = (query as Record<string, unknown>)['continue'];
  if (text === undefined) return undefined;
  try {
    const value = JSON.parse(Buffer.from(String(text), 'base64url').toString()) as unknown;
    if (Array.isArray(value)) return value;
  } catch {
    // falls through: whatever it is, we did not make it
  }
  throw invalidRequest('continue', text, 'is not a token of an earlier answer');
};

export type { AsOf };
