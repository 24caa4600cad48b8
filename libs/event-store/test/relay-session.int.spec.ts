import { randomUUID } from 'node:crypto';
import { PostgresEventStore, RelaySession, StoreUnavailable, TermOver } from '@ipledger/event-store';
import { eventually, useFreshDatabase } from '@ipledger/testing';
import pg from 'pg';

const database = useFreshDatabase();
let store: PostgresEventStore;
const sessions: RelaySession[] = [];
beforeAll(() => { store = new PostgresEventStore({ url: database.url }); });
afterEach(async () => {
  await Promise.all(sessions.splice(0).map((session) => session.close()));
});
afterAll(() => store.close());

const open = async (): Promise<RelaySession> => {
  const session = await RelaySession.open(database.url);
  sessions.push(session);
  return session;
};
/** A session with the lock and a term; waits until the one before has let go. */
const lead = async (): Promise<RelaySession> => {
  const session = await open();
  await eventually(async () => expect(await session.tryLock()).toBe(true));
  await session.beginTerm();
  return session;
};
/** Appends `count` commands of two events each; `bytes` is the size of each. */
const append = async (clusterId: number, count: number, bytes = 20): Promise<void> => {
  const head = await store.head(clusterId);
  const events = JSON.stringify([{ type: 'a', data: {} }, { type: 'b', data: 'x'.repeat(bytes) }]);
  await store.append({
    clusterId, at: head!.revision, epoch: head!.epoch, claims: { taken: [], moved: [], released: [] }, portClaims: { taken: [], moved: [], released: [] },
    documents: { written: [], removed: [] }, requests: [],
    rows: Array.from({ length: count }, () => ({ time: new Date(), eventCount: 2, events, command: { id: randomUUID(), kind: 'X', requestId: null, actor: null, userAgent: null, traceparent: null } })),
  });
};
const cluster = async (name: string): Promise<number> => (await store.nameCluster(name)).id;

describe('the relay session', () => {
  it('gives the lock to one at a time, and to the next when that one is gone', async () => {
    const first = await lead();
    const second = await open();
    expect(await second.tryLock()).toBe(false);
    await first.close();
    await eventually(async () => expect(await second.tryLock()).toBe(true));
  });

  it('shows who is behind, and by how much, until the checkpoint is there', async () => {
    const id = await cluster('behind');
    await append(id, 2);
    const session = await lead();
    const mine = async () => (await session.behind(0, 100)).filter(({ clusterId }) => clusterId === id);
    expect(await mine()).toEqual([{ clusterId: id, cluster: 'behind', revision: 4, epoch: 1, published: { revision: 0, epoch: null } }]);
    await session.checkpoint([{ clusterId: id, epoch: 1, revision: 2 }]);
    expect(await mine()).toEqual([{ clusterId: id, cluster: 'behind', revision: 4, epoch: 1, published: { revision: 2, epoch: 1 } }]);
    expect((await store.relayLag()).find((lag) => lag.cluster === 'behind')).toMatchObject({ publishedRevision: 2, events: 2, oldest: expect.any(Date) as Date });
    await session.checkpoint([{ clusterId: id, epoch: 1, revision: 4 }]);
    expect(await mine()).toEqual([]);
    expect((await store.relayLag()).find((lag) => lag.cluster === 'behind')).toEqual({ cluster: 'behind', publishedRevision: 4, events: 0, oldest: null });
  });

  it('begins with the clusters after the one it ended with', async () => {
    const ids = [await cluster('turn-a'), await cluster('turn-b'), await cluster('turn-c')];
    for (const id of ids) await append(id, 1);
    const session = await lead();
    const order = (await session.behind(ids[0]!, 100)).map(({ clusterId }) => clusterId).filter((id) => ids.includes(id));
    expect(order).toEqual([ids[1], ids[2], ids[0]]);
  });

  it('reads whole rows after each revision, as many of each cluster as asked for', async () => {
    const [a, b] = [await cluster('read-a'), await cluster('read-b')];
    await append(a, 5);
    await append(b, 5);
    const session = await lead();
    const rows = await session.read([{ clusterId: b, after: 4, limit: 2 }, { clusterId: a, after: 0, limit: 3 }], 1_000_000);
    expect(rows.map(({ clusterId, revision }) => [clusterId, revision])).toEqual([[b, 6], [b, 8], [a, 2], [a, 4], [a, 6]]);
    expect(rows[0]).toEqual((await store.readLog(b, 4, 1))[0]);
  });

  it('cuts at the bytes evenly, and never below one row', async () => {
    const [a, b] = [await cluster('bytes-a'), await cluster('bytes-b')];
    await append(a, 4, 1_000);
    await append(b, 4, 1_000);
    const session = await lead();
    const read = async (bytesMax: number, perEvent?: number) => (await session.read([{ clusterId: a, after: 0, limit: 4 }, { clusterId: b, after: 0, limit: 4 }], bytesMax, perEvent)).map(({ clusterId, revision }) => [clusterId, revision]);
    expect(await read(1)).toEqual([[a, 2]]);
    expect(await read(3_000)).toEqual([[a, 2], [a, 4], [b, 2]]);
    expect(await read(100_000)).toHaveLength(8);
    expect(await read(100_000, 30_000)).toEqual([[a, 2], [b, 2]]); // two events each
  });

  it('lets nobody move a checkpoint, or forget them, in a term that is over', async () => {
    const id = await cluster('terms');
    await append(id, 2);
    const first = await lead();
    await first.checkpoint([{ clusterId: id, epoch: 1, revision: 2 }]);
    const second = await open();
    await second.beginTerm();
    await expect(first.checkpoint([{ clusterId: id, epoch: 1, revision: 4 }])).rejects.toThrow(TermOver);
    await expect(first.forget()).rejects.toThrow(TermOver);
    expect((await second.behind(0, 100)).find(({ clusterId }) => clusterId === id)?.published.revision).toBe(2);
    await second.forget();
    expect((await second.behind(0, 100)).find(({ clusterId }) => clusterId === id)?.published).toEqual({ revision: 0, epoch: null });
  });

  it('outlives the idle timeout by its heartbeat, and says so when it is gone', async () => {
    const session = await lead();
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    const others = (extra: string) => client.query<{ pid: number }>(`SELECT pid FROM pg_stat_activity WHERE application_name = 'ipledger relay' AND datname = current_database() ${extra}`);
    await eventually(async () => expect((await others("AND state_change > backend_start + interval '5500 ms'")).rows).toHaveLength(1), { everyMs: 100 });
    await client.query(`SELECT pg_terminate_backend(${(await others('')).rows[0]?.pid})`);
    await client.end();
    await eventually(() => expect(session.tryLock()).rejects.toThrow(StoreUnavailable));
  });
});
