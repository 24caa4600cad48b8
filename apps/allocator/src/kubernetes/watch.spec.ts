import { EventEmitter } from 'node:events';
import type { ClusterReader, EventStore, LogRow } from '@ipledger/event-store';
import { eventually } from '@ipledger/testing';
import type { FastifyReply } from 'fastify';
import type { ListQuery } from './list-query.js';
import { StatusError } from './status-error.js';
import { WatchFeeds } from './watch-feed.js';
import { serveWatch } from './watch.js';

/** A log in which revision R says that the Service `a` has the label n = R; it grows as a test wants. */
class CountingLog implements Pick<ClusterReader, 'head' | 'readLog' | 'listDocuments'> {
  rowsRead = 0;
  constructor(public revision: number) {}

  head = () => Promise.resolve({ id: 1, name: 'c', revision: this.revision, epoch: 1, definition: '{}' });
  listDocuments = () => Promise.resolve([]);
  readLog = (_: number, after: number, limit: number): Promise<LogRow[]> => {
    const count = Math.max(0, Math.min(this.revision - after, limit));
    this.rowsRead += count;
    return Promise.resolve(Array.from({ length: count }, (_item, i) => row(after + 1 + i)));
  };
}

const row = (revision: number): LogRow => {
  const metadata = { name: 'a', namespace: 'ns', resourceVersion: String(revision), labels: { n: String(revision) } };
  const object = { apiVersion: 'v1', kind: 'Service', metadata, spec: { type: 'ClusterIP', ipFamilies: ['IPv4'] }, status: { loadBalancer: {} } };
  const previous = { labels: { n: String(revision - 1) }, revision: revision - 1, clusterIP: '', type: 'ClusterIP' };
  const events = JSON.stringify([{ type: 'service.updated', data: { service: { namespace: 'ns', name: 'a', uid: 'u' }, object, previous } }]);
  const command = { id: String(revision), kind: 'UpdateService', requestId: null, actor: null, userAgent: null, traceparent: null };
  return { clusterId: 1, revision, eventCount: 1, epoch: 1, time: new Date(0), command, events };
};

/** The connection of a watcher. A slow one is full after every line, a stuck one for ever. */
class Connection extends EventEmitter {
  readonly lines: string[] = [];
  destroyed = false;
  ended = false;
  constructor(private readonly reader: 'quick' | 'slow' | 'stuck' = 'quick') {
    super();
  }
  writeHead(): void {}
  flushHeaders(): void {}
  write(line: string): boolean {
    this.lines.push(line);
    if (this.reader === 'slow') setImmediate(() => this.emit('drain'));
    return this.reader === 'quick';
  }
  end(): void {
    this.ended = true;
  }
  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
  get events(): { type: string; object: { metadata: { resourceVersion: string; annotations?: object }; code?: number } }[] {
    return this.lines.map((line) => JSON.parse(line));
  }
  get revisions(): number[] {
    return this.events.map(({ object }) => Number(object.metadata.resourceVersion));
  }
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe('a watch', () => {
  let log: CountingLog;
  let feeds: WatchFeeds;
  const cluster = { id: 1, definition: {} as never, primary: 'IPv4' as const, revision: 1 };
  const plain: ListQuery = {
    watch: true, selects: undefined, limit: undefined, continueFrom: undefined, revision: undefined, exact: false, sendInitialEvents: undefined,
    allowBookmarks: false, timeoutSeconds: undefined, demands: { namespace: undefined, name: undefined },
  };
  const watch = (query: Partial<ListQuery>, connection = new Connection()): { connection: Connection; done: Promise<void> } => {
    const reply = { raw: connection, hijack: () => undefined } as unknown as FastifyReply;
    const done = serveWatch(log as unknown as EventStore, feeds, { cluster, namespace: 'ns', query: { ...plain, ...query }, form: { kind: 'object', yaml: false } }, reply);
    return { connection, done };
  };
  const grow = (revision: number): void => {
    log.revision = revision;
    feeds.hint(1);
  };

  beforeEach(() => {
    log = new CountingLog(1);
    feeds = new WatchFeeds(log as unknown as EventStore);
  });
  afterEach(() => feeds.end());

  it('from far back gets everything once and in order, however slowly it reads and though the log grows', async () => {
    log.revision = 25_000;
    const { connection } = watch({ revision: 1 }, new Connection('slow'));
    await eventually(() => expect(connection.lines.length).toBeGreaterThan(5_000), { timeoutMs: 30_000 });
    grow(26_000);
    await eventually(() => expect(connection.lines.length).toBeGreaterThanOrEqual(25_999), { timeoutMs: 30_000 });
    expect(connection.revisions).toEqual(range(2, 26_000));
    expect(connection.destroyed).toBe(false);
  });

  it('that may last for longer than any timer lasts as long as a timer can', () => {
    const set = vi.spyOn(globalThis, 'setTimeout');
    watch({ timeoutSeconds: 2_147_484 });
    const delaysMs = set.mock.calls.map(([, ms]) => ms);
    set.mockRestore();
    expect(delaysMs).toEqual([2 ** 31 - 1]);
  });

  it('costs one read of the log, shared by 2,000 watchers of a cluster', async () => {
    const watches = range(1, 2_000).map(() => watch({ revision: 1 }));
    await eventually(() => expect(feeds.watchersOf(1)).toBe(2_000));
    for (const revision of [2, 10, 40]) grow(revision);
    await eventually(() => watches.forEach(({ connection }) => expect(connection.lines.length).toBe(39)));
    expect(log.rowsRead).toBe(39);
    for (const { connection } of watches) expect(connection.lines).toEqual(watches[0]?.connection.lines);
  });

  it('is cut off when its reader is stuck and more waits than is kept, while others go on', async () => {
    const stuck = watch({ revision: 1 }, new Connection('stuck'));
    const other = watch({ revision: 1 });
    await eventually(() => expect(feeds.watchersOf(1)).toBe(2));
    for (const revision of [4_000, 8_000, 12_000]) {
      grow(revision);
      await eventually(() => expect(other.connection.lines.length).toBe(revision - 1));
    }
    await stuck.done;
    expect(stuck.connection).toMatchObject({ destroyed: true, ended: true });
    expect(stuck.connection.lines).toHaveLength(1);
    expect(feeds.watchersOf(1)).toBe(1);
    expect(other.connection.revisions).toEqual(range(2, 12_000));
  });

  it('from more than 100,000 events ago is told to start anew, but never when it asks for what is there first', async () => {
    log.revision = 100_002;
    const old = watch({ revision: 1 });
    await old.done;
    expect(old.connection.events).toMatchObject([{ type: 'ERROR', object: { code: 410, reason: 'Expired', message: 'too old resource version: 1 (100002)' } }]);
    const { connection } = watch({ revision: 1, sendInitialEvents: true, allowBookmarks: true });
    await eventually(() => expect(feeds.watchersOf(1)).toBe(1));
    grow(100_003);
    await eventually(() => expect(connection.events).toMatchObject([
      { type: 'BOOKMARK', object: { metadata: { resourceVersion: '100002', annotations: { 'k8s.io/initial-events-end': 'true' } } } },
      { type: 'MODIFIED', object: { metadata: { resourceVersion: '100003' } } },
    ]));
  });

  it('sends what is there only at a revision that was reached', async () => {
    const { done, connection } = watch({ revision: 2, sendInitialEvents: true });
    const error: unknown = await done.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(StatusError);
    expect(JSON.parse((error as StatusError).answer.body)).toMatchObject({ code: 504, reason: 'Timeout', message: 'Timeout: Too large resource version: 2, current: 1' });
    expect(connection.lines).toEqual([]);
  });

  it('from a revision of the future waits for it', async () => {
    const { connection } = watch({ revision: 5 });
    await eventually(() => expect(feeds.watchersOf(1)).toBe(1));
    grow(7);
    await eventually(() => expect(connection.revisions).toEqual([6, 7]));
  });

  it('sends a bookmark a minute, which says how far it is', async () => {
    vi.useFakeTimers();
    try {
      const { connection } = watch({ revision: 1, allowBookmarks: true, selects: () => false });
      await vi.advanceTimersByTimeAsync(10);
      grow(9);
      await vi.advanceTimersByTimeAsync(125_000);
      expect(connection.events).toMatchObject([
        { type: 'BOOKMARK', object: { metadata: { resourceVersion: '9' } } }, { type: 'BOOKMARK', object: { metadata: { resourceVersion: '9' } } },
      ]);
      feeds.end();
    } finally {
      vi.useRealTimers();
    }
  });

  it('ends when its time is up, when the process stops, and when it begins after that', async () => {
    const timed = watch({ revision: 1, timeoutSeconds: 0.01 });
    await timed.done;
    const open = watch({ revision: 1 });
    await eventually(() => expect(feeds.watchersOf(1)).toBe(1));
    feeds.end();
    await open.done;
    const late = watch({ revision: 1 });
    await late.done;
    expect([timed, open, late].map(({ connection }) => [connection.ended, connection.destroyed])).toEqual([[true, false], [true, false], [true, false]]);
    expect(feeds.watchersOf(1)).toBe(0);
  });
});
