import type { ServerResponse } from 'node:http';
import type { EventStore, LogRow } from '@ipledger/event-store';
import { eventsOf, recordedCommand } from '@ipledger/messaging';
import { drained, Nap } from '@ipledger/runtime';

const idleMs = 50;
const pageRows = 500;
const heartbeatMs = 15_000;
/** What may wait in memory for one reader; with more it leaves the others and reads on by itself, as fast as it takes it. */
const waitingBytesMax = 4 * 1024 * 1024;
/** How long a reader may keep the connection full. Then it is cut off, and comes back with the last id that it has. */
const drainMsMax = 30_000;

type Log = Pick<EventStore, 'readLog'>;
type Cluster = { id: number; name: string };

/** Server-sent events of the log: `id` is the revision, `data` the event. The log of a cluster is read once, however many follow it. */
export class LogFollowers {
  private readonly feeds = new Map<number, Feed>();
  private readonly followers = new Set<Follower>();
  private ended = false;

  constructor(private readonly log: Log) {}

  /** Serves one follower from a revision on, until it goes or the process stops. */
  async follow(cluster: Cluster, after: number, response: ServerResponse): Promise<void> {
    const follower = new Follower(response, after);
    this.followers.add(follower);
    if (this.ended) follower.end();
    try {
      while (!follower.isOver) {
        await follower.drained();
        const rows = await this.log.readLog(cluster.id, follower.reached, pageRows);
        for (const row of rows) {
          follower.send(row.revision, eventsText(cluster.name, row, after));
          await follower.drained();
        }
        if (rows.length < pageRows) await this.feedOf(cluster, follower.reached).join(follower);
      }
    } finally {
      this.followers.delete(follower);
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

  /** Ends every stream, and each that begins from now on; clients come back elsewhere with their last id. */
  end(): void {
    this.ended = true;
    for (const follower of this.followers) follower.end();
  }

  private feedOf(cluster: Cluster, revision: number): Feed {
    const known = this.feeds.get(cluster.id);
    if (known !== undefined) return known;
    const feed = new Feed(this.log, cluster, revision, () => this.feeds.delete(cluster.id));
    this.feeds.set(cluster.id, feed);
    return feed;
  }
}

/** Reads the log of one cluster while anybody follows it. */
class Feed {
  /** Each with what tells it that it follows no longer. */
  private readonly followers = new Map<Follower, () => void>();
  private readonly nap = new Nap();
  private reading = false;

  constructor(private readonly log: Log, private readonly cluster: Cluster, private revision: number, private readonly onIdle: () => void) {}

  /**
   * Sends the follower what comes, until it is over or too slow for that; then it must read on by itself. At once when the feed
   * is past what it has. What it has already it does not get again.
   */
  async join(follower: Follower): Promise<void> {
    if (this.revision > follower.reached || follower.isOver) return;
    const left = new Promise<void>((resolve) => this.followers.set(follower, resolve));
    if (!this.reading) void this.read();
    await Promise.race([left, follower.over]);
    this.followers.delete(follower);
    this.nap.wake();
  }

  hint(): void {
    this.nap.wake();
  }

  private async read(): Promise<void> {
    this.reading = true;
    while (this.followers.size > 0) {
      const rows = await this.log.readLog(this.cluster.id, this.revision, pageRows).catch(() => {
        // The streams end: the clients come back with their last id when the database answers again.
        for (const follower of this.followers.keys()) follower.end();
        return [];
      });
      for (const row of rows) this.take(row);
      if (rows.length < pageRows && this.followers.size > 0) await this.nap.sleep(idleMs);
    }
    this.onIdle();
  }

  /** Must not wait: the others would wait too. */
  private take(row: LogRow): void {
    const text = eventsText(this.cluster.name, row, 0);
    for (const [follower, leave] of this.followers) {
      follower.send(row.revision, text);
      if (follower.waitingBytes <= waitingBytesMax) continue;
      this.followers.delete(follower);
      leave();
    }
    this.revision = row.revision;
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

  /** Also of a client that went before its stream began. */
  get isOver(): boolean {
    return this.response.destroyed || this.response.writableEnded;
  }

  get waitingBytes(): number {
    return this.response.writableLength;
  }

  send(revision: number, text: string): void {
    if (revision <= this.reached || this.isOver) return;
    this.reached = revision;
    this.response.write(text);
  }

  /** Waits until the connection takes more. */
  async drained(): Promise<void> {
    if (!this.isOver && this.response.writableNeedDrain) await drained(this.response, drainMsMax);
  }

  end(): void {
    clearInterval(this.heartbeat);
    if (!this.response.writableEnded) this.response.end();
  }
}

/** The events of a row past a revision, as they go over the wire: a client may come back in the middle of a command. */
const eventsText = (cluster: string, row: LogRow, after: number): string =>
  eventsOf(recordedCommand(cluster, row)).filter(({ revision }) => revision > after).map((event) => `id: ${event.revision}\ndata: ${JSON.stringify(event)}\n\n`).join('');
