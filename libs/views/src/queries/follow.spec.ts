import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { LogRow } from '@ipledger/event-store';
import { eventually } from '@ipledger/testing';
import { LogFollowers } from './follow.js';

/** A log of commands with one event each, of `eventBytes`; it grows as a test wants. */
class CountingLog {
  rowsRead = 0;
  eventBytes = 10;
  constructor(public revision: number) {}

  readLog = (_: number, after: number, limit: number): Promise<LogRow[]> => {
    const count = Math.max(0, Math.min(this.revision - after, limit));
    this.rowsRead += count;
    return Promise.resolve(Array.from({ length: count }, (_item, i) => this.row(after + 1 + i)));
  };

  private row(revision: number): LogRow {
    const command = { id: String(revision), kind: 'X', requestId: null, actor: null, userAgent: null, traceparent: null };
    return { clusterId: 1, revision, eventCount: 1, epoch: 1, time: new Date(0), command, events: JSON.stringify([{ type: 'x', data: 'x'.repeat(this.eventBytes) }]) };
  }
}

/** The connection of a follower. What it was given waits until the next turn of the event loop, or for ever when it is stuck. */
class Connection extends EventEmitter {
  readonly ids: number[] = [];
  destroyed = false;
  writableEnded = false;
  writableLength = 0;
  writableNeedDrain = false;
  mostWaiting = 0;
  stuck = false;
  private taking = false;

  writeHead(): void {}
  write(text: string): boolean {
    if (text.startsWith('id: ')) this.ids.push(Number(/^id: (\d+)/.exec(text)?.[1]));
    this.writableLength += text.length;
    this.mostWaiting = Math.max(this.mostWaiting, this.writableLength);
    this.writableNeedDrain = this.writableLength > 16_384;
    if (!this.taking && !this.stuck) setImmediate(() => this.take());
    this.taking = true;
    return !this.writableNeedDrain;
  }
  private take(): void {
    this.taking = false;
    this.writableLength = 0;
    const emits = this.writableNeedDrain;
    this.writableNeedDrain = false;
    if (emits) this.emit('drain');
  }
  end(): void {
    this.writableEnded = true;
    this.close();
  }
  destroy(): void {
    this.destroyed = true;
    this.close();
  }
  private close(): void {
    setImmediate(() => this.emit('close'));
  }
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const mebibyte = 1024 * 1024;

describe('a followed log', () => {
  let log: CountingLog;
  let followers: LogFollowers;
  const follow = (after: number, connection = new Connection()): { connection: Connection; done: Promise<void> } =>
    ({ connection, done: followers.follow({ id: 1, name: 'c' }, after, connection as unknown as ServerResponse) });
  const grow = (revision: number): void => {
    log.revision = revision;
    followers.hint(1);
  };
  const expectAll = (connection: Connection, from: number, to: number): Promise<void> =>
    eventually(() => expect(connection.ids.length).toBeGreaterThanOrEqual(to - from + 1), { timeoutMs: 30_000 }).then(() => expect(connection.ids).toEqual(range(from, to)));

  beforeEach(() => {
    log = new CountingLog(1);
    followers = new LogFollowers(log);
  });
  afterEach(() => followers.end());

  it('from far back gives everything once and in order, though it grows meanwhile and others follow its end', async () => {
    const atEnd = follow(1);
    grow(3_000);
    log.eventBytes = 20_000; // each event fills the connection
    const { connection } = follow(0);
    for (const revision of [3_100, 3_600, 5_000]) {
      const before = connection.ids.length;
      await eventually(() => expect(connection.ids.length).toBeGreaterThan(before), { timeoutMs: 30_000 });
      grow(revision);
    }
    await expectAll(connection, 1, 5_000);
    await expectAll(atEnd.connection, 2, 5_000);
    expect([connection.destroyed, atEnd.connection.destroyed]).toEqual([false, false]);
  });

  it('cuts off nobody who takes what he gets, however much comes at once', async () => {
    const follows = [follow(1), follow(1), follow(1)];
    await eventually(() => expect(followers.count).toBe(3));
    log.eventBytes = 100_000;
    grow(400); // 40 MB in one page
    for (const { connection } of follows) {
      await expectAll(connection, 2, 400);
      expect(connection.destroyed).toBe(false);
      expect(connection.mostWaiting).toBeLessThan(5 * mebibyte);
    }
    log.eventBytes = 10;
    await eventually(async () => { // they follow together again
      const read = log.rowsRead;
      grow(log.revision + 1);
      for (const { connection } of follows) await expectAll(connection, 2, log.revision);
      expect(log.rowsRead - read).toBe(1);
    });
  });

  it('costs one read, shared by 1,000 followers', async () => {
    const follows = range(1, 1_000).map(() => follow(1));
    await eventually(() => expect(followers.count).toBe(1_000));
    for (const revision of [2, 10, 40]) {
      grow(revision);
      await expectAll(follows.at(-1)!.connection, 2, revision);
    }
    expect(log.rowsRead).toBe(39);
    for (const { connection } of follows) expect(connection.ids).toEqual(range(2, 40));
  });

  it('cuts off a reader that takes nothing for 30 s, and keeps no more than 4 MiB and one event for him; others go on', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const turns = async (count: number): Promise<void> => {
        for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
      };
      const stuck = follow(1);
      const other = follow(1);
      await turns(5);
      stuck.connection.stuck = true;
      log.eventBytes = 100_000;
      grow(400);
      await turns(1_000);
      expect(other.connection.ids).toEqual(range(2, 400));
      expect(stuck.connection.mostWaiting).toBeLessThan(5 * mebibyte);
      await vi.advanceTimersByTimeAsync(29_000);
      expect(stuck.connection.destroyed).toBe(false);
      await vi.advanceTimersByTimeAsync(2_000);
      expect(stuck.connection.destroyed).toBe(true);
      await stuck.done;
      expect(followers.count).toBe(1);
    } finally {
      vi.useRealTimers();
    }
  });

  it('ends when the process stops, when it begins after that, and when the client went before it began', async () => {
    const gone = new Connection();
    gone.destroyed = true;
    await follow(1, gone).done;
    const open = follow(0);
    await expectAll(open.connection, 1, 1);
    followers.end();
    await open.done;
    const late = follow(0);
    await late.done;
    expect([open, late].map(({ connection }) => [connection.writableEnded, connection.destroyed])).toEqual([[true, false], [true, false]]);
    expect(late.connection.ids).toEqual([]);
    expect(followers.count).toBe(0);
  });
});
