import { createPool, PostgresEventStore } from '@ipledger/event-store';
import { LogTail, type RecordedCommand } from '@ipledger/messaging';
import { createLogger } from '@ipledger/runtime';
import type { Event } from '@ipledger/services';
import { eventually, freshDatabase, type TestDatabase } from '@ipledger/testing';
import { Projector, rebuildViews } from '@ipledger/views';
import type pg from 'pg';
import { create, declare, patch, register, remove, service } from '../../libs/services/src/testing/commands.js';
import { contentsOf } from './fixture.js';
import { appendToLog } from './log.js';
import { recorded, recordedOf } from './recorded.js';

const ranges = ['10.0.0.0/24', 'fd00::/120'];
const dual = { ipFamilyPolicy: 'PreferDualStack' };
const logOf = (cluster: string, services: number): RecordedCommand[] => recorded([
  register(ranges, { name: cluster, apiServerService: true }),
  ...Array.from({ length: services }, (_, i) => create(service(`s${i}`, dual), { seed: [i, 2, 3, 4] })),
  patch('s0', { spec: { type: 'NodePort' } }), remove('s1'), declare(['10.0.0.0/16', 'fd00::/120'], { name: cluster }),
], undefined, cluster);
const strange = (after: RecordedCommand): RecordedCommand =>
  recordedOf(after.cluster, [{ type: 'ip.lent', data: {} } as unknown as Event], after.revision + 1, after.time, 'LendAddress');

describe('the projector', () => {
  let database: TestDatabase;
  let pool: pg.Pool;
  let store: PostgresEventStore;
  let logged: string[];
  const closers: (() => Promise<void>)[] = [];
  beforeEach(async () => {
    database = await freshDatabase();
    pool = createPool({ url: database.url, max: 4 });
    store = new PostgresEventStore({ url: database.url, max: 4 });
    logged = [];
  });
  afterEach(async () => {
    for (const close of closers.splice(0).toReversed()) await close();
    await store.close();
    await pool.end();
    await database.drop();
  });

  const startProjector = async (): Promise<Projector> => {
    const logger = createLogger({ level: 'error', format: 'json', write: (line: string) => logged.push(line) });
    const projector = new Projector({ pool, viewsUrl: database.url, store, logger });
    await projector.start();
    closers.push(() => projector.stop());
    return projector;
  };
  const follow = (projector: Projector): LogTail => {
    const tail = new LogTail({ store, positionOf: (cluster) => projector.positionOf(cluster), onFailure: () => undefined });
    void tail.run((batch) => projector.take(batch));
    closers.push(() => tail.stop());
    return tail;
  };
  const positions = async (): Promise<Record<string, number>> =>
    Object.fromEntries((await pool.query<{ cluster: string; revision: string }>('SELECT cluster, revision FROM views.checkpoints ORDER BY cluster')).rows.map((row) => [row.cluster, Number(row.revision)]));
  const ends = (...logs: RecordedCommand[][]): Record<string, number> => Object.fromEntries(logs.map((log) => [log[0]!.cluster, log.at(-1)!.revision]));
  /** What a fold from nothing makes of the log. */
  const expectLikeRebuilt = async (): Promise<void> => {
    const report = await rebuildViews({ viewsUrl: database.url, store });
    expect(report).toMatchObject({ differences: [], notCompared: [] });
  };

  it('follows every cluster of the log, and what is appended later', async () => {
    const [blue, green] = [logOf('blue', 5), logOf('green', 9)];
    await appendToLog(store, blue);
    const projector = await startProjector();
    follow(projector);
    await appendToLog(store, green);
    await eventually(async () => expect(await positions()).toEqual(ends(blue, green)));
    await expectLikeRebuilt();
  });

  it('ignores what it has seen, and fills from the log what never came', async () => {
    const log = logOf('blue', 20);
    await appendToLog(store, log);
    const projector = await startProjector();
    for (const [from, to] of [[0, 3], [0, 3], [9, 12], [4, 8], [20, 21], [9, 12]] as const) await projector.take({ cluster: 'blue', commands: log.slice(from, to) });
    await projector.take({ cluster: 'blue', commands: [...log.slice(20, 22), ...log.slice(23)] });
    expect(await positions()).toEqual(ends(log));
    await expectLikeRebuilt();
  });

  it('stops a cluster at an event that it does not know, with the reason, and goes on with the others', async () => {
    const [blue, green] = [logOf('blue', 3), logOf('green', 3)];
    await appendToLog(store, [...blue, strange(blue.at(-1)!)]);
    await appendToLog(store, green);
    const projector = await startProjector();
    follow(projector);
    await eventually(async () => expect(await positions()).toEqual(ends(blue, green)));
    const { rows } = await pool.query('SELECT cluster, stopped_reason FROM views.checkpoints WHERE stopped_at IS NOT NULL');
    expect(rows).toEqual([{ cluster: 'blue', stopped_reason: expect.stringMatching(/has the type "ip\.lent", which this version of ipledger does not know/) }]);
    expect(await projector.progress()).toMatchObject([
      { tip: { name: 'blue' }, revision: blue.at(-1)!.revision, stoppedReason: expect.stringContaining('ip.lent'), lagSeconds: expect.any(Number) },
      { tip: { name: 'green' }, revision: green.at(-1)!.revision, stoppedReason: null, lagSeconds: 0 },
    ]);
    expect(logged.join()).toContain('the projection of a cluster has stopped');
  });

  it('stops a cluster whose log ends before what the transport has', async () => {
    const log = logOf('blue', 5);
    await appendToLog(store, log.slice(0, 4));
    const projector = await startProjector();
    await projector.take({ cluster: 'blue', commands: log.slice(5, 7) });
    expect(await positions()).toEqual(ends(log.slice(0, 4)));
    const { rows: [row] } = await pool.query<{ stopped_reason: string }>('SELECT stopped_reason FROM views.checkpoints');
    expect(row?.stopped_reason).toMatch(new RegExp(`the transport has revision ${log[6]!.revision}, but the log ends at ${log[3]!.revision}: was the database restored`));
  });

  it('builds the views anew when the log has begun a new life', async () => {
    const [lost, kept] = [logOf('blue', 8), logOf('blue', 4)];
    const projector = await startProjector();
    await projector.take({ cluster: 'blue', commands: lost }); // what the transport had before the restore
    await appendToLog(store, kept);
    await store.raiseEpoch();
    await eventually(async () => expect(await positions()).toEqual(ends(kept)));
    const { rows } = await pool.query('SELECT epoch, stopped_reason FROM views.checkpoints');
    expect(rows).toEqual([{ epoch: 2, stopped_reason: null }]);
    await projector.take({ cluster: 'blue', commands: lost });
    await expectLikeRebuilt();
  });

  it('leaves nothing of a batch whose commit does not come', async () => {
    const log = logOf('blue', 4);
    const projector = await startProjector();
    await projector.take({ cluster: 'blue', commands: log.slice(0, 2) });
    const before = await contentsOf(pool, 'views_v1');
    const connect = pool.connect.bind(pool) as () => Promise<pg.PoolClient>;
    const cut = vi.spyOn(pool as { connect: () => Promise<pg.PoolClient> }, 'connect').mockImplementationOnce(async () => {
      const client = await connect();
      const { query } = client;
      client.query = ((text: unknown, ...rest: unknown[]) => {
        if (text !== 'COMMIT') return (query as (...args: unknown[]) => unknown).call(client, text, ...rest);
        (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
        return Promise.reject(new Error('Connection terminated'));
      }) as typeof client.query;
      return client;
    });
    await expect(projector.take({ cluster: 'blue', commands: log.slice(2) })).rejects.toThrow('Connection terminated');
    cut.mockRestore();
    expect(await contentsOf(pool, 'views_v1')).toEqual(before);
    await projector.take({ cluster: 'blue', commands: log.slice(2) });
    await appendToLog(store, log);
    await expectLikeRebuilt();
  });
});
