import type { ServerResponse } from 'node:http';
import type { EventStore, LogRow } from '@ipledger/event-store';
import { eventsOf, recordedCommand } from '@ipledger/messaging';

const idleMs = 50;
const pageRows = 500;
const heartbeatMs = 15_000;
/** What may wait for a slow reader; with more the stream is cut off, and the client comes back with the last id that it has. */
const waitingBytesMax = 4 * 1024 * 1024;
/** How long a reader that is still catching up may keep the connection full. */
const drainMsMax = 30_000;

type Log = Pick<EventStore, 'readLog'>;

/** Server-sent events of the log: `id` is the revision, `data` the event. The log of a cluster is read once, however many follow it. */
export class LogFollowers {
  private readonly feeds = new Map<number, Feed>();
  private readonly followers = new Set<Follower>();

  constructor(private readonly log: Log) {}

  /** Serves one follower from a revision on, until it goes or the process stops. */
  async follow(cluster: { id: number; name: string }, after: number, response: ServerResponse): Promise<void> {
    const follower = new Follower(response, after);
    this.followers.add(follower);
    try {
      while (!follower.isOver) {
        const rows = await this.log.readLog(cluster.id, follower.reached, pageRows);
        for (const row of rows) await follower.sendWaiting(row.revision, eventsText(cluster.name, row, after));
        if (rows.length < pageRows && this.feedOf(cluster, follower.reached).join(follower)) break;
      }
      await follower.over;
    } finally {
      this.followers.delete(follower);
      this.feeds.get(cluster.id)?.leave(follower);
      follower.end();
    }
  }

  /** Something was appended to a cluster by this process: no need to wait for the next look. */
  hint(clusterId: number): void {
    this.feeds.get(clusterId)?.hint();
  }

  get count(): number {
    return this.followers.size;
  }

  /** Ends every stream; clients come back elsewhere with their last id. */
  end(): void {
    for (const follower of this.followers) follower.end();
  }

  private feedOf(cluster: { id: number; name: string }, revision: number): Feed {
    const known = this.feeds.get(cluster.id);
    if (known !== undefined) return known;
    const feed = new Feed(this.log, cluster, revision, () => this.feeds.delete(cluster.id));
    this.feeds.set(cluster.id, feed);
    return feed;
  }
}

/** Reads the log of one cluster while anybody follows it. */
class Feed {
  private readonly followers = new Set<Follower>();
  private wake: () => void = () => {};
  private reading = false;

  constructor(private readonly log: Log, private readonly cluster: { id: number; name: string }, private revision: number, private readonly onIdle: () => void) {}

  /** @returns false when the feed is past what the follower has: it must read on by itself first */
  join(follower: Follower): boolean {
    if (this.revision > follower.reached) return false;
    this.followers.add(follower);
    if (!this.reading) void this.read();
    return true;
  }

  leave(follower: Follower): void {
    this.followers.delete(follower);
    this.wake();
  }

  hint(): void {
    this.wake();
  }

  private async read(): Promise<void> {
    this.reading = true;
    while (this.followers.size > 0) {
      const rows = await this.log.readLog(this.cluster.id, this.revision, pageRows).catch(() => {
        // The streams end: the clients come back with their last id when the database answers again.
        for (const follower of this.followers) follower.end();
        return [];
      });
      for (const row of rows) {
        const text = eventsText(this.cluster.name, row, 0);
        for (const follower of this.followers) follower.send(row.revision, text);
        this.revision = row.revision;
      }
      if (rows.length < pageRows && this.followers.size > 0) await this.pause();
    }
    this.onIdle();
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, idleMs);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** One open stream. */
class Follower {
  readonly over: Promise<void>;
  private readonly heartbeat: NodeJS.Timeout;

  constructor(private readonly response: ServerResponse, public reached: number) {
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache, private', 'x-accel-buffering': 'no' });
    response.write('retry: 1000\n\n');
    this.heartbeat = setInterval(() => response.write(': still here\n\n'), heartbeatMs);
    this.over = new Promise((resolve) => {
      response.once('close', () => {
        clearInterval(this.heartbeat);
        resolve();
      });
    });
  }

  get isOver(): boolean {
    return this.response.destroyed || this.response.writableEnded;
  }

  /** Must not wait: the others would wait too. What the follower has already is not sent again. */
  send(revision: number, text: string): void {
    if (revision <= this.reached || this.isOver) return;
    this.reached = revision;
    this.response.write(text);
    if (this.response.writableLength > waitingBytesMax) this.response.destroy();
  }

  async sendWaiting(revision: number, text: string): Promise<void> {
    this.reached = revision;
    if (this.isOver || this.response.write(text)) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => this.response.destroy(), drainMsMax);
      const go = (): void => {
        clearTimeout(timer);
        this.response.off('drain', go).off('close', go);
        resolve();
      };
      this.response.on('drain', go).on('close', go);
    });
  }

  end(): void {
    clearInterval(this.heartbeat);
    if (!this.response.writableEnded) this.response.end();
  }
}

/** The events of a row past a revision, as they go over the wire: a client may come back in the middle of a command. */
const eventsText = (cluster: string, row: LogRow, after: number): string =>
  eventsOf(recordedCommand(cluster, row)).filter(({ revision }) => revision > after).map((event) => `id: ${event.revision}\ndata: ${JSON.stringify(event)}\n\n`).join('');
