import type { EventStore, LogRow } from '@ipledger/event-store';
import { Nap } from '@ipledger/runtime';
import { encodeService, type Event, type PreviousService, type ServiceObject } from '@ipledger/services';
import { eventsBackMax } from './list-at.js';

/** A change of one Service, read once from the log and shared by every watcher of its cluster. */
export interface ServiceChange {
  revision: number;
  namespace: string;
  name: string;
  /** undefined = created by this change. */
  previous: PreviousService | undefined;
  /** The Service after the change; its last state when it was deleted. */
  object: ServiceObject;
  /** The same as JSON text, made when the first watcher wants it and once for all of them. */
  document: string | undefined;
  deleted: boolean;
}

/** What the feed tells a watcher. Must not throw; only `catchUp` may wait. */
export interface FeedListener {
  changed(change: ServiceChange): void;
  /** A change from before the feed's own: sent on before the next one comes. @returns false when nobody listens any more */
  catchUp(change: ServiceChange): Promise<boolean>;
  /** The log was read up to this revision. */
  reached(revision: number): void;
  failed(error: unknown): void;
  /** The process stops: the stream ends as if its time were up. */
  end(): void;
}

const idleMs = 50;
const logPageRows = 500;
/** Changes kept for watchers that come back from a moment ago; the others read the log themselves. */
const keptMax = 5_000;

/**
 * The changes of one cluster for all its watchers: the log is read once, however many watch. It reads only while somebody
 * watches, every 50 ms when nothing happens, at once after a commit of this process.
 */
class ClusterFeed {
  /** Each with the revision that it has seen already, which may be past the feed's: then it is told what follows that. */
  private readonly listeners = new Map<FeedListener, number>();
  private kept: ServiceChange[] = [];
  /** Everything after this revision, up to `revision`, is in `kept`. */
  private keptAfter: number;
  private readonly nap = new Nap();
  private reading: Promise<void> | undefined;

  constructor(private readonly store: EventStore, private readonly clusterId: number, private revision: number) {
    this.keptAfter = revision;
  }

  get isIdle(): boolean {
    return this.listeners.size === 0;
  }
  get watchers(): number {
    return this.listeners.size;
  }

  /**
   * Tells the listener everything after `from` that is still at hand, then what follows: nothing is missed and nothing comes
   * twice, since both happen in one turn of the event loop.
   * @returns false when `from` lies further back than what is kept; nothing was told then
   */
  subscribe(from: number, listener: FeedListener): boolean {
    if (from < this.keptAfter) return false;
    for (const change of this.kept) if (change.revision > from) listener.changed(change);
    listener.reached(Math.max(from, this.revision));
    this.listeners.set(listener, from);
    this.reading ??= this.read().finally(() => (this.reading = undefined));
    return true;
  }

  unsubscribe(listener: FeedListener): void {
    this.listeners.delete(listener);
  }

  end(): void {
    for (const listener of this.listeners.keys()) listener.end();
  }

  hint(): void {
    this.nap.wake();
  }

  private async read(): Promise<void> {
    while (this.listeners.size > 0) {
      try {
        const rows = await this.store.readLog(this.clusterId, this.revision, logPageRows);
        for (const row of rows) this.take(row);
        if (rows.length < logPageRows) await this.nap.sleep(idleMs);
      } catch (error) {
        for (const listener of this.listeners.keys()) listener.failed(error);
        this.listeners.clear();
      }
    }
    // What happens while nobody watches is not read, so what is kept would have a hole.
    this.kept = [];
    this.keptAfter = this.revision;
  }

  private take(row: LogRow): void {
    for (const change of changesIn(row)) {
      this.kept.push(change);
      for (const [listener, from] of this.listeners) if (change.revision > from) listener.changed(change);
    }
    this.revision = row.revision;
    if (this.kept.length > keptMax) {
      const dropped = this.kept.splice(0, this.kept.length - keptMax / 2);
      this.keptAfter = dropped.at(-1)?.revision ?? this.keptAfter;
    }
    for (const listener of this.listeners.keys()) listener.reached(this.revision);
  }
}

export const changesIn = (row: LogRow): ServiceChange[] =>
  (JSON.parse(row.events) as Event[]).flatMap((event, index) => {
    if (!('object' in event.data)) return [];
    const { service, object } = event.data;
    return [{
      revision: row.revision - row.eventCount + 1 + index,
      namespace: service.namespace,
      name: service.name,
      previous: 'previous' in event.data ? event.data.previous : undefined,
      object,
      document: undefined,
      deleted: event.type === 'service.deleted',
    }];
  });

/** The feeds of all clusters that are watched here. */
export class WatchFeeds {
  private readonly feeds = new Map<number, ClusterFeed>();
  private ended = false;
  /** Told of every event that goes out on a watch. */
  onSent: (cluster: string, type: string) => void = () => {};

  constructor(private readonly store: EventStore) {}

  /**
   * Follows a cluster from a revision on. Starts far back by reading the log for this watcher alone, as fast as it reads,
   * until it has caught up: what is kept for a watcher in between is bounded.
   * @returns how to stop
   * @throws TooOld when `from` is more than 100,000 events ago
   */
  async follow(clusterId: number, from: number, listener: FeedListener): Promise<() => void> {
    const head = (await this.store.head(clusterId))?.revision ?? 0;
    if (head - from > eventsBackMax) throw new TooOld(from, head);
    for (let reached = from; ; ) {
      const feed = this.feedOf(clusterId, head);
      const stop = (): void => this.stop(clusterId, feed, listener);
      if (this.ended) listener.end();
      if (feed.subscribe(reached, listener)) return stop;
      const rows = await this.store.readLog(clusterId, reached, logPageRows);
      for (const row of rows) for (const change of changesIn(row)) if (change.revision > from && !(await listener.catchUp(change))) return stop;
      reached = rows.at(-1)?.revision ?? reached;
    }
  }

  /** A commit of this process: whoever watches the cluster need not wait for the next look. */
  hint(clusterId: number): void {
    this.feeds.get(clusterId)?.hint();
  }

  /** Ends every watch, and each that begins from now on. */
  end(): void {
    this.ended = true;
    for (const feed of this.feeds.values()) feed.end();
  }

  watchersOf(clusterId: number): number {
    return this.feeds.get(clusterId)?.watchers ?? 0;
  }

  private feedOf(clusterId: number, revision: number): ClusterFeed {
    const known = this.feeds.get(clusterId);
    if (known !== undefined) return known;
    const feed = new ClusterFeed(this.store, clusterId, revision);
    this.feeds.set(clusterId, feed);
    return feed;
  }

  private stop(clusterId: number, feed: ClusterFeed, listener: FeedListener): void {
    feed.unsubscribe(listener);
    if (feed.isIdle && this.feeds.get(clusterId) === feed) this.feeds.delete(clusterId);
  }
}

/** Thrown for a watch from further back than the log is replayed. */
export class TooOld extends Error {
  constructor(readonly asked: number, readonly now: number) {
    super(`too old resource version: ${asked} (${now})`);
  }
}

export const documentOf = (change: ServiceChange): string => (change.document ??= encodeService(change.object));
