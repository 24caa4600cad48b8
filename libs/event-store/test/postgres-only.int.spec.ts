import { randomUUID } from 'node:crypto';
import { BadAppend, ClaimConflict, createPool, OutcomeUnknown, PostgresEventStore, RevisionConflict, StoreUnavailable } from '@ipledger/event-store';
import type { AppendBatch, ClusterHead } from '@ipledger/event-store';
import { eventually, useFreshDatabase } from '@ipledger/testing';
import pg from 'pg';
import { batch, claim, document, row } from './batches.js';

/** What only a database can break, and what it must refuse by itself. */

const database = useFreshDatabase();
let store: PostgresEventStore;
let client: pg.Client;
let cluster: ClusterHead;

beforeEach(async () => {
  store = new PostgresEventStore({ url: database.url });
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  cluster = await store.nameCluster(`c-${randomUUID()}`);
});
afterEach(async () => {
  await client.end();
  await store.close();
});

const revisionNow = async (): Promise<number> => (await store.head(cluster.id))!.revision;

describe('the log is append-only', () => {
  it.each([
    ['UPDATE', "UPDATE log SET kind = 'other'"],
    ['UPDATE', 'UPDATE log SET cluster_id = 7 WHERE false'],
    ['DELETE', 'DELETE FROM log'],
    ['DELETE', 'DELETE FROM log WHERE false'],
    ['TRUNCATE', 'TRUNCATE log'],
    ['TRUNCATE', 'TRUNCATE clusters, cluster_revisions, log CASCADE'],
    ['UPDATE', 'INSERT INTO log SELECT * FROM log ON CONFLICT ON CONSTRAINT log_pkey DO UPDATE SET revision = 9'],
    ['DELETE', 'SET session_replication_role = replica; DELETE FROM log'],
  ])('%s is refused: %s', async (operation, sql) => {
    await store.append(batch(cluster, {}));
    await expect(client.query(sql)).rejects.toMatchObject({ message: `the log is append-only: ${operation} refused`, code: '23001' });
    expect(await store.readLog(cluster.id, 0, 10)).toHaveLength(1);
  });
});

describe('the connection of a lock', () => {
  it('is asked in two round trips: for the row and what was missed, and for the last append and the commit', async () => {
    const { query } = pg.Client.prototype;
    const asked: [string, number][] = [];
    let underWay = 0;
    const spy = vi.spyOn(pg.Client.prototype as { query: (...args: unknown[]) => unknown }, 'query').mockImplementation(async function (this: pg.Client, ...args) {
      const text = typeof args[0] === 'string' ? args[0] : (args[0] as { text: string }).text;
      asked.push([text.split(' ', 3).join(' '), ++underWay]);
      return (query as (...given: unknown[]) => Promise<unknown>).apply(this, args).finally(() => underWay--);
    });
    await store.locked(cluster.id, (session) => session.appendLast(batch(session.locked, {})), 0);
    spy.mockRestore();
    expect(asked).toEqual([
      ['BEGIN ISOLATION LEVEL', 1], ['SELECT FROM cluster_revisions', 2], ['SELECT c.id, c.name,', 3], ['SELECT cluster_id, epoch,', 4],
      ['WITH head AS', 1], ['COMMIT', 2],
    ]);
  });
});

describe('appends of many clusters at once', () => {
  const nameMany = async (count: number): Promise<ClusterHead[]> => {
    const heads: ClusterHead[] = [];
    for (let i = 0; i < count; i++) heads.push(await store.nameCluster(`m-${randomUUID()}`));
    return heads;
  };
  const create = (head: ClusterHead, name = 'web', commands = 1): AppendBatch => batch(head, {
    rows: Array.from({ length: commands }, () => row(2)), claims: { taken: [claim('10.0.0.9', head.revision + 1)] }, documents: { written: [document(name, head.revision + 2)] },
  });
  const contents = async ({ id }: ClusterHead): Promise<unknown> => ({
    revision: (await store.head(id))?.revision, events: (await store.readLog(id, 0, 100)).map(({ revision, eventCount }) => [revision, eventCount]),
    claims: (await store.listClaims(id, undefined, 10)).map(({ address }) => address), documents: (await store.listDocuments(id, { limit: 10 })).map(({ name }) => name),
  });
  const untouched = { revision: 0, events: [], claims: [], documents: [] };
  const written = { revision: 2, events: [[2, 2]], claims: ['10.0.0.9'], documents: ['web'] };

  it('share commits, and are each whole', async () => {
    const heads = await nameMany(100);
    await Promise.all(heads.map((head) => store.append(create(head))));
    for (const head of heads) expect(await contents(head)).toEqual(written);
    const { rows: [found] } = await client.query<{ commits: number }>('SELECT count(DISTINCT xmin::text)::int AS commits FROM log WHERE cluster_id = ANY ($1)', [heads.map(({ id }) => id)]);
    expect(found?.commits).toBeLessThan(20);
    await Promise.all(heads.map((head) => store.append({ ...create({ ...head, revision: 2 }, 'next'), claims: { taken: [], moved: [], released: [] } })));
    for (const head of heads) expect(await contents(head)).toMatchObject({ revision: 4, documents: ['next', 'web'] });
  });

  it('fail by themselves, each with its own error, and leave the others alone', async () => {
    const heads = await nameMany(65);
    const [moved, claimed, poisoned, renewed, twice, ...others] = heads as [ClusterHead, ClusterHead, ClusterHead, ClusterHead, ClusterHead, ...ClusterHead[]];
    await store.append(batch(moved, { rows: [row(1)] }));
    await client.query("INSERT INTO claims (cluster_id, address, revision, since, namespace, name, uid) VALUES ($1, '10.0.0.9', 1, now(), 'shop', 'other', 'u')", [claimed.id]);
    const before = await Promise.all([moved, claimed, poisoned, renewed].map(contents));
    const appendWith = async (neighbours: ClusterHead[], ...odd: AppendBatch[]): Promise<unknown[]> => {
      const all = Promise.all(neighbours.map((head) => store.append(create(head))));
      const outcomes = await Promise.allSettled(odd.map((one) => store.append(one)));
      await all;
      for (const head of neighbours) expect(await contents(head)).toEqual(written);
      return outcomes.map((outcome) => (outcome.status === 'rejected' ? [outcome.reason.constructor, outcome.reason.clusterId] : outcome));
    };
    expect(await appendWith(others.slice(0, 20), create(moved), { ...create(renewed), epoch: 7 })).toEqual([[RevisionConflict, moved.id], [RevisionConflict, renewed.id]]);
    expect(await appendWith(others.slice(20, 40), create(claimed))).toEqual([[ClaimConflict, claimed.id]]);
    expect(await appendWith(others.slice(40, 50), create(twice), batch(twice, { rows: [row(3)] }))).toContainEqual([RevisionConflict, twice.id]);
    expect((await store.readLog(twice.id, 0, 10)).length).toBe(1);
    expect(await appendWith(others.slice(50), create(poisoned, 'a\u0000b'))).toEqual([[BadAppend, undefined]]);
    expect(await Promise.all([moved, claimed, poisoned, renewed].map(contents))).toEqual(before);
    expect(before.slice(2)).toEqual([untouched, untouched]);
  });

  it('do not wait for clusters whose rows somebody holds', async () => {
    const heads = await nameMany(40);
    const [held, others] = [heads.slice(0, 4), heads.slice(4)];
    await client.query('BEGIN');
    await client.query('SELECT FROM cluster_revisions WHERE cluster_id = ANY ($1) FOR NO KEY UPDATE', [held.map(({ id }) => id)]);
    const later = Promise.all(held.map((head) => store.append(create(head))));
    await Promise.all(others.map((head) => store.append(create(head))));
    for (const head of held) expect(await contents(head)).toEqual(untouched);
    await client.query('ROLLBACK');
    await later;
    for (const head of heads) expect(await contents(head)).toEqual(written);
  });

  it('are as unknown as one when the connection is lost during their commit', async () => {
    const heads = await nameMany(30);
    const ended = (store as unknown as { queryable: pg.Pool }).queryable;
    ended.on('acquire', (lost) => {
      const { query } = lost;
      lost.query = ((...args: unknown[]) => {
        lost.query = query;
        const answer = (query as (...given: unknown[]) => Promise<unknown>).apply(lost, args);
        const isShared = (args[0] as { name?: string }).name === 'append_many';
        if (isShared) (lost as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
        return answer;
      }) as typeof lost.query;
    });
    const outcomes = await Promise.allSettled(heads.map((head) => store.append(create(head))));
    const unknown = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(unknown.length).toBeGreaterThan(1);
    for (const { reason } of unknown) expect(reason).toBeInstanceOf(OutcomeUnknown);
    await eventually(async () => {
      for (const head of heads) expect([untouched, written]).toContainEqual(await contents(head)); // whole, or not at all
      expect(outcomes.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThan(0);
    });
  });
});

describe('writers that race', () => {
  /** Appends as a writer does: at what it knows, and from the log when somebody was faster. */
  async function writeMany(writer: number, target: ClusterHead, count: number): Promise<void> {
    const own = new PostgresEventStore({ url: database.url, max: 2 });
    let head = target;
    for (let written = 0; written < count;) {
      const address = `10.${writer}.0.${written + 1}`;
      const changes = { rows: [row(1 + (written % 3))], claims: { taken: [claim(address, head.revision + 1)] }, documents: { written: [document(`s-${writer}-${written}`)] } };
      const outcome = await own.append(batch(head, changes)).then(() => 'written', (error: unknown) => error);
      if (outcome === 'written') written += 1;
      else expect(outcome).toBeInstanceOf(RevisionConflict);
      head = (await own.head(target.id))!;
    }
    await own.close();
  }

  async function expectGapless(target: ClusterHead, commands: number): Promise<void> {
    const log = await store.readLog(target.id, 0, 10_000);
    expect(log).toHaveLength(commands);
    let revision = 0;
    for (const { eventCount, revision: last } of log) {
      revision += eventCount;
      expect(last).toBe(revision);
    }
    expect((await store.head(target.id))?.revision).toBe(revision);
    expect(await store.listClaims(target.id, undefined, 10_000)).toHaveLength(commands);
    expect(await store.countDocuments(target.id)).toBe(commands);
  }

  it('number one cluster without a gap, two of them', async () => {
    await Promise.all([writeMany(1, cluster, 60), writeMany(2, cluster, 60)]);
    await expectGapless(cluster, 120);
  });

  it('append to several clusters in parallel, each gapless', async () => {
    const clusters = await Promise.all(Array.from({ length: 5 }, (_, i) => store.nameCluster(`parallel-${i}-${cluster.name}`)));
    await Promise.all(clusters.map((target, i) => writeMany(i, target, 30)));
    for (const target of clusters) await expectGapless(target, 30);
  });

  it('hide nothing from a reader that asks for revision > checkpoint', async () => {
    const writing = Promise.all([1, 2, 3].map((writer) => writeMany(writer, cluster, 50)));
    const seen: number[] = [];
    let checkpoint = 0;
    for (let commands = 0; commands < 150;) {
      for (const { revision, eventCount } of await store.readLog(cluster.id, checkpoint, 7)) {
        for (let event = revision - eventCount + 1; event <= revision; event += 1) seen.push(event);
        checkpoint = revision;
        commands += 1;
      }
    }
    await writing;
    expect(seen).toEqual(Array.from({ length: await revisionNow() }, (_, i) => i + 1));
  });
});

describe('two transactions held by hand', () => {
  it('commit in the order of their revisions, whichever was begun first', async () => {
    const slow = gate();
    const fast = gate();
    const begun = gate();
    const first = store.locked(cluster.id, async (session) => {
      await session.append(batch(session.locked, { rows: [row(2)] }));
      begun.open();
      await slow.opened;
    });
    await begun.opened;
    const second = store.locked(cluster.id, async (session) => {
      expect(session.locked.revision).toBe(2); // read after the wait, not before
      expect(session.missed.map(({ revision }) => revision)).toEqual([2]);
      expect(await session.readLog(cluster.id, 0, 10)).toHaveLength(1);
      await session.append(batch(session.locked, { rows: [row(1)] }));
      await fast.opened;
    }, 0);
    await waitingForLock(1);
    expect(await store.readLog(cluster.id, 0, 10)).toEqual([]); // the second has no number yet, so none can come out of order
    slow.open();
    await first;
    expect((await store.readLog(cluster.id, 0, 10)).map(({ revision }) => revision)).toEqual([2]);
    fast.open();
    await second;
    expect((await store.readLog(cluster.id, 2, 10)).map(({ revision }) => revision)).toEqual([3]);
  });

  it('an append waits for a lock, then sees that it came too late', async () => {
    const held = gate();
    const begun = gate();
    const lock = store.locked(cluster.id, async (session) => {
      await session.append(batch(session.locked, {}));
      begun.open();
      await held.opened;
    });
    await begun.opened;
    const append = store.append(batch(cluster, { claims: { taken: [claim('10.0.0.1')] } })).catch((error: unknown) => error);
    await waitingForLock(1);
    held.open();
    await lock;
    expect(await append).toEqual(new RevisionConflict(cluster.id, 0));
    expect(await store.listClaims(cluster.id, undefined, 10)).toEqual([]);
  });

  it('an append goes through when the lock before it wrote nothing', async () => {
    const held = gate();
    const begun = gate();
    const lock = store.locked(cluster.id, async () => {
      begun.open();
      await held.opened;
    });
    await begun.opened;
    const append = store.append(batch(cluster, {}));
    await waitingForLock(1);
    held.open();
    await Promise.all([lock, append]);
    expect(await revisionNow()).toBe(3);
  });

  /** Until a lock is held, and so many sessions wait for one. */
  async function waitingForLock(count: number): Promise<void> {
    await eventually(async () => {
      const { rows } = await client.query(`SELECT count(*) FILTER (WHERE state = 'idle in transaction')::int AS holders,
        count(*) FILTER (WHERE wait_event_type = 'Lock')::int AS waiting FROM pg_stat_activity WHERE datname = current_database()`);
      expect(rows).toEqual([{ holders: 1, waiting: count }]);
    });
  }
});

describe('a database that is lost', () => {
  /** Ends the sessions of the store whose statement matches, as a fail-over or an administrator would. */
  async function killSessions(condition: string): Promise<void> {
    await eventually(async () => {
      const { rowCount } = await client.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND ${condition}`);
      expect(rowCount).toBeGreaterThan(0);
    });
  }

  /** On a connection of its own: within a transaction pg_stat_activity does not change. */
  async function hold(statement = `SELECT FROM cluster_revisions WHERE cluster_id = ${cluster.id} FOR UPDATE`): Promise<() => Promise<void>> {
    const holder = new pg.Client({ connectionString: database.url });
    await holder.connect();
    await holder.query('BEGIN');
    await holder.query(statement);
    return () => holder.end();
  }

  it('during an append leaves the outcome unknown; the command id tells it', async () => {
    const letGo = await hold();
    const lost = row(2);
    const pool = createPool({ url: database.url });
    const append = new PostgresEventStore(pool).append(batch(cluster, { rows: [lost] })).catch((error: unknown) => error);
    await killSessions("wait_event_type = 'Lock'");
    expect(await append).toBeInstanceOf(OutcomeUnknown);
    expect(pool.totalCount).toBe(0); // the next caller is not handed what is left of the connection
    await pool.end();
    await letGo();
    expect(await store.findCommands(cluster.id, [lost.command.id])).toEqual(new Map());
    await store.append(batch(cluster, { rows: [lost] }));
    expect(await store.findCommands(cluster.id, [lost.command.id])).toEqual(new Map([[lost.command.id, 2]]));
  });

  it('during the last append of a lock leaves the outcome unknown, for the commit is on its way', async () => {
    const letGo = await hold('LOCK TABLE claims IN SHARE MODE');
    const lost = row(2);
    const work = store.locked(cluster.id, (session) => session.appendLast(batch(session.locked, { rows: [lost], claims: { taken: [claim('10.0.0.1')] } }))).catch((error: unknown) => error);
    await killSessions("wait_event_type = 'Lock'");
    expect(await work).toBeInstanceOf(OutcomeUnknown);
    await letGo();
    expect(await store.findCommands(cluster.id, [lost.command.id])).toEqual(new Map());
    expect(await revisionNow()).toBe(0);
  });

  it('while idle is replaced without anybody noticing', async () => {
    const errors: Error[] = [];
    const idle = new PostgresEventStore({ url: database.url, onIdleError: (error) => errors.push(error), applicationName: 'idle-one' });
    await idle.clusters();
    await killSessions("application_name = 'idle-one' AND state = 'idle'");
    await eventually(() => expect(errors).toHaveLength(1));
    expect((await idle.head(cluster.id))?.id).toBe(cluster.id);
    await idle.close();
  });

  it('inside a lock undoes it', async () => {
    await expect(store.locked(cluster.id, async (session) => {
      await session.append(batch(session.locked, {}));
      await killSessions("state = 'idle in transaction'");
      await session.readLog(cluster.id, 0, 1);
    })).rejects.toBeInstanceOf(StoreUnavailable);
    expect(await revisionNow()).toBe(0);
  });

  it('that finds the disk full has written nothing, and says so without the names of files', async () => {
    await client.query(`CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE 'could not extend file "base/5/16384": No space left on device' USING ERRCODE = 'disk_full'; END $$`);
    await client.query('CREATE TRIGGER disk_full BEFORE INSERT ON log FOR EACH ROW EXECUTE FUNCTION disk_full()');
    const refused = await store.append(batch(cluster, {})).catch((error: unknown) => error);
    await client.query('DROP TRIGGER disk_full ON log; DROP FUNCTION disk_full');
    expect(refused).toBeInstanceOf(StoreUnavailable);
    expect(refused).toMatchObject({ message: 'the disk of the database is full', retriable: true });
    expect(await revisionNow()).toBe(0);
    await store.append(batch(cluster, {}));
  });

  it('before anything was sent is no question at all', async () => {
    const nowhere = new PostgresEventStore({ url: 'postgresql://postgres@127.0.0.1:1/none' });
    await expect(nowhere.append(batch(cluster, {}))).rejects.toBeInstanceOf(StoreUnavailable);
    await expect(nowhere.head(1)).rejects.toBeInstanceOf(StoreUnavailable);
    await nowhere.close();
  });

  it('is not waited for longer than the statement may take', async () => {
    const hasty = new PostgresEventStore(createPool({ url: database.url, statementTimeoutMs: 100 }));
    const letGo = await hold();
    await expect(hasty.append(batch(cluster, {}))).rejects.toBeInstanceOf(StoreUnavailable);
    await letGo();
    await hasty.close();
    expect(await revisionNow()).toBe(0);
  });
});

describe('the tables refuse by themselves what no writer should send', () => {
  it.each([
    ['claims_address_check', "INSERT INTO claims VALUES (1, '10.0.0.0/24', 1, now(), 'a', 'b', 'c')"],
    ['log_event_count_check', "INSERT INTO log VALUES (1, 1, 1, now(), gen_random_uuid(), 0, 'k', null, null, null, null, '[]')"],
    ['port_claims_port_check', "INSERT INTO port_claims VALUES (1, 65536, 1, 'node-port', 'a', 'b', 'c')"],
    ['port_claims_purpose_check', "INSERT INTO port_claims VALUES (1, 6, 1, 'other', 'a', 'b', 'c')"],
    ['cluster_revisions_revision_check', 'UPDATE cluster_revisions SET revision = 9007199254740992'],
    ['log_epoch_pkey', 'INSERT INTO log_epoch (epoch) VALUES (2)'],
    ['log_epoch_only_row_check', 'INSERT INTO log_epoch VALUES (false, 2)'],
  ])('%s', async (constraint, sql) => {
    await expect(client.query(sql)).rejects.toMatchObject({ constraint });
  });
});

function gate(): { open: () => void; opened: Promise<void> } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => { open = resolve; });
  return { open, opened };
}
