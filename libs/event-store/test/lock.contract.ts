import { randomUUID } from 'node:crypto';
import { BadAppend, ClaimConflict, RevisionConflict } from '@ipledger/event-store';
import type { AppendBatch, ClusterHead, EventStore } from '@ipledger/event-store';
import { batch, claim, document, row } from './batches.js';
import { expectRefused } from './unchanged.js';

/** What every event store promises about its lock. @see eventStoreContract */
export function lockContract(open: () => Promise<EventStore>): void {
  let store: EventStore;
  let cluster: ClusterHead;

  beforeEach(async () => {
    store = await open();
    cluster = await store.nameCluster(`c-${randomUUID()}`);
  });
  afterEach(() => store.close());

  const now = async (): Promise<ClusterHead> => (await store.head(cluster.id))!;
  const append = async (changes: Parameters<typeof batch>[1]): Promise<void> => store.append(batch(await now(), changes));
  const expectNothingWritten = (attempt: () => Promise<unknown>, error: Function, fields?: object): Promise<void> => expectRefused(store, cluster, attempt, error, fields);

  describe('a lock', () => {
    it('shows the cluster as it is held, and what was appended in it', async () => {
      await append({ definition: '{}' });
      const answer = await store.locked(cluster.id, async (session) => {
        expect(session.locked).toEqual({ ...cluster, revision: 3, definition: '{}' });
        const mine = row(3);
        await session.append(batch(session.locked, { rows: [mine], claims: { taken: [claim('10.0.0.1')] } }));
        expect(await session.head(cluster.id)).toEqual({ ...cluster, revision: 6, definition: '{}' });
        expect(await session.claim(cluster.id, '10.0.0.1')).toEqual(claim('10.0.0.1'));
        expect(await session.findCommands(cluster.id, [mine.command.id, randomUUID()])).toEqual(new Map([[mine.command.id, 6]]));
        return 'answer';
      });
      expect(answer).toBe('answer');
      expect((await now()).revision).toBe(6);
    });

    it('keeps others from seeing half of it', async () => {
      await store.locked(cluster.id, async (session) => {
        await session.append(batch(session.locked, { claims: { taken: [claim('10.0.0.1')] } }));
        expect(await store.listClaims(cluster.id, undefined, 10)).toEqual([]);
        expect((await now()).revision).toBe(0);
      });
      expect(await store.listClaims(cluster.id, undefined, 10)).toEqual([claim('10.0.0.1')]);
    });

    it('leaves no trace when the work fails', async () => {
      const failure = new Error('changed my mind');
      await expectNothingWritten(() => store.locked(cluster.id, async (session) => {
        await session.append(batch(session.locked, { claims: { taken: [claim('10.0.0.1')] }, definition: '{}' }));
        throw failure;
      }), Error, { message: 'changed my mind' });
      await append({}); // the lock was let go of
    });

    it('fails with the error of an append, even if the work swallows it', async () => {
      await append({ claims: { taken: [claim('10.0.0.1')] } });
      await expectNothingWritten(() => store.locked(cluster.id, async (session) => {
        await session.append(batch(session.locked, { claims: { taken: [claim('10.0.0.1')] } })).catch(() => undefined);
        return 'all is well';
      }), ClaimConflict, { claimed: '10.0.0.1' });
      await expectNothingWritten(() => store.locked(cluster.id, async (session) => {
        await session.append(batch({ ...session.locked, revision: 99 }, {})).catch(() => undefined);
      }), RevisionConflict, { at: 99 });
    });

    it('refuses an append to another cluster', async () => {
      const other = await store.nameCluster(`other-${cluster.name}`);
      await expect(store.locked(cluster.id, (session) => session.append(batch(other, {})))).rejects.toBeInstanceOf(BadAppend);
      await expect(store.locked(cluster.id, (session) => session.appendLast(batch(other, {})))).rejects.toBeInstanceOf(BadAppend);
    });

    it('brings what the log has after a revision that the caller knows', async () => {
      await append({ rows: [row(2)] });
      await append({ rows: [row(1), row(3)] });
      const missed = (known?: number): Promise<number[]> => store.locked(cluster.id, async (session) => session.missed.map(({ revision }) => revision), known);
      expect(await missed(0)).toEqual([2, 3, 6]);
      expect(await missed(2)).toEqual([3, 6]);
      expect(await missed(6)).toEqual([]);
      expect(await missed()).toEqual([]);
      expect(await store.locked(cluster.id, async (session) => session.missed, 2)).toEqual(await store.readLog(cluster.id, 2, 10));
    });

    it('brings what was appended while it waited, too', async () => {
      let second: Promise<number[]> | undefined;
      await store.locked(cluster.id, async (session) => {
        second = store.locked(cluster.id, async ({ missed }) => missed.map(({ revision }) => revision), 0);
        await session.append(batch(session.locked, { rows: [row(2)] }));
      });
      expect(await second).toEqual([2]);
    });

    it('commits with its last append', async () => {
      const answer = await store.locked(cluster.id, async (session) => {
        await session.appendLast(batch(session.locked, { rows: [row(2)], claims: { taken: [claim('10.0.0.1')] } }));
        return 'answer';
      });
      expect(answer).toBe('answer');
      expect((await now()).revision).toBe(2);
      expect(await store.listClaims(cluster.id, undefined, 10)).toEqual([claim('10.0.0.1')]);
      await append({}); // the lock was let go of
    });

    it('leaves no trace when its last append is refused, even if the work swallows it', async () => {
      await append({ claims: { taken: [claim('10.0.0.1')] } });
      const last = (of: (head: ClusterHead) => AppendBatch, swallow = false) => () => store.locked(cluster.id, (session) => {
        const appended = session.appendLast(of(session.locked));
        return swallow ? appended.catch(() => undefined) : appended;
      });
      for (const swallow of [false, true]) {
        await expectNothingWritten(last((head) => batch(head, { claims: { taken: [claim('10.0.0.2'), claim('10.0.0.1')] } }), swallow), ClaimConflict, { claimed: '10.0.0.1' });
        await expectNothingWritten(last((head) => batch({ ...head, revision: 99 }, {}), swallow), RevisionConflict, { at: 99 });
        await expectNothingWritten(last((head) => batch({ ...head, epoch: 99 }, {}), swallow), RevisionConflict, { at: 3 });
        await expectNothingWritten(last((head) => batch(head, { documents: { written: [document('a\u0000b')] } }), swallow), BadAppend);
      }
      await append({}); // the lock was let go of
    });

    it('makes appends and other locks of its cluster wait, and no other cluster', async () => {
      const other = await store.nameCluster(`other-${cluster.name}`);
      const order: string[] = [];
      let waiting: Promise<unknown>[] = [];
      await store.locked(cluster.id, async (session) => {
        waiting = [
          store.append(batch(cluster, {})).catch((error: unknown) => order.push((error as Error).name)),
          store.locked(cluster.id, async ({ locked }) => order.push(`locked at ${locked.revision}`)),
        ];
        await store.append(batch(other, {}));
        order.push('other cluster');
        await session.append(batch(session.locked, {}));
      });
      await Promise.all(waiting);
      expect(order[0]).toBe('other cluster');
      expect(order.slice(1).sort()).toEqual(['RevisionConflict', 'locked at 3']);
    });

    it('serialises read, decide and append: no update is lost', async () => {
      await Promise.all(Array.from({ length: 12 }, () => store.locked(cluster.id, async (session) => {
        const taken = (await session.listClaims(cluster.id, undefined, 100)).length;
        await session.append(batch(session.locked, { rows: [row(1)], claims: { taken: [claim(`10.0.0.${taken + 1}`)] } }));
      })));
      expect((await now()).revision).toBe(12);
      expect((await store.listClaims(cluster.id, undefined, 100)).at(-1)?.address).toBe('10.0.0.12');
    });
  });
}
