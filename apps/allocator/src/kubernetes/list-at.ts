import type { ClusterReader, LogRow, ServiceKey } from '@ipledger/event-store';
import { encodeService, serviceKey, type Event } from '@ipledger/services';
import { status } from './status.js';
import { StatusError } from './status-error.js';

const pageRows = 500;
const logPageRows = 1_000;
/** A list or watch from further back than this is told to start anew (design D9). */
export const eventsBackMax = 100_000;

/** A Service as it was: its document, as stored. */
export interface ListedService extends ServiceKey {
  document: string;
}

/**
 * The Services of a cluster as they were at a revision, in order of (namespace, name), in pages. The documents table holds
 * the present; what has changed since the revision is read from the log: the first event after it that touches a Service
 * says what the Service was before. So a list stays consistent while the cluster changes, and no snapshot is held.
 * @throws StatusError 410 when the revision is more than `eventsBackMax` events ago
 */
export async function* listAt(
  store: ClusterReader, clusterId: number, revision: number, where: { namespace?: string | undefined; after?: ServiceKey | undefined },
): AsyncGenerator<ListedService[]> {
  const changes = new Changes(store, clusterId, revision);
  const inNamespace = where.namespace === undefined ? {} : { namespace: where.namespace };
  for (let after = where.after; ; ) {
    const page = await store.listDocuments(clusterId, { limit: pageRows, ...inNamespace, ...(after && { after }) });
    const isLast = page.length < pageRows;
    const until = isLast ? undefined : page.at(-1);
    await changes.readOn();
    yield changes.isEmpty ? page : await changes.restore(page, after, until, where.namespace);
    if (isLast) return;
    after = until;
  }
}

/** Services that changed after a revision -> the revision of their last event before, 0 when there was no such Service. */
class Changes {
  private readonly before = new Map<string, ServiceKey & { revision: number }>();
  private readUpTo: number;

  constructor(private readonly store: ClusterReader, private readonly clusterId: number, private readonly revision: number) {
    this.readUpTo = revision;
  }

  get isEmpty(): boolean {
    return this.before.size === 0;
  }

  /** Reads the log to its present end, which is at or after what the last page showed. */
  async readOn(): Promise<void> {
    for (;;) {
      const rows = await this.store.readLog(this.clusterId, this.readUpTo, logPageRows);
      for (const row of rows) this.note(row);
      this.readUpTo = rows.at(-1)?.revision ?? this.readUpTo;
      if (this.readUpTo - this.revision > eventsBackMax) throw new StatusError(expired(this.revision, this.readUpTo));
      if (rows.length < logPageRows) return;
    }
  }

  /** A page of the present, with everything that changed put back to what it was. Keys lie after `after`, up to `until`. */
  async restore(page: readonly ListedService[], after: ServiceKey | undefined, until: ServiceKey | undefined, namespace: string | undefined): Promise<ListedService[]> {
    const restored: ListedService[] = page.filter((found) => !this.before.has(serviceKey(found.namespace, found.name)));
    for (const was of this.before.values()) {
      const inRange = (after === undefined || compareKeys(was, after) > 0) && (until === undefined || compareKeys(was, until) <= 0);
      if (was.revision === 0 || !inRange || (namespace !== undefined && was.namespace !== namespace)) continue;
      restored.push({ namespace: was.namespace, name: was.name, document: await documentAt(this.store, this.clusterId, was.revision) });
    }
    return restored.sort(compareKeys);
  }

  private note(row: LogRow): void {
    for (const event of JSON.parse(row.events) as Event[]) {
      if (!('object' in event.data)) continue;
      const { namespace, name } = event.data.service;
      const key = serviceKey(namespace, name);
      if (!this.before.has(key)) this.before.set(key, { namespace, name, revision: 'previous' in event.data ? event.data.previous.revision : 0 });
    }
  }
}

/** A Service as it was left by the event with this revision. */
export const documentAt = async (store: ClusterReader, clusterId: number, revision: number): Promise<string> => {
  const row = await store.logRowAt(clusterId, revision);
  const event = row && (JSON.parse(row.events) as Event[])[revision - (row.revision - row.eventCount) - 1];
  if (event === undefined || !('object' in event.data)) throw new Error(`cluster ${clusterId}: revision ${revision} is not that of a Service`);
  return encodeService(event.data.object);
};

export const expired = (asked: number, now: number) =>
  status(410, 'Expired', `too old resource version: ${asked} (${now})`);

/** As bytes, the order of the store: names are ASCII, so that the order of JavaScript's strings is the same. */
export const compareKeys = (a: ServiceKey, b: ServiceKey): number =>
  a.namespace < b.namespace ? -1 : a.namespace > b.namespace ? 1 : a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
