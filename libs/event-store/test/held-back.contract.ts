import { randomUUID } from 'node:crypto';
import type { ClusterHead, EventStore } from '@ipledger/event-store';
import { batch, claim, cooling, reservation } from './batches.js';

/** What every event store promises about reservations and cool-downs. @see eventStoreContract */
export function heldBackContract(open: () => Promise<EventStore>): void {
  let store: EventStore;
  let cluster: ClusterHead;

  beforeEach(async () => {
    store = await open();
    cluster = await store.nameCluster(`c-${randomUUID()}`);
  });
  afterEach(() => store.close());

  const append = async (changes: Parameters<typeof batch>[1]): Promise<void> => store.append(batch((await store.head(cluster.id))!, changes));

  it('writes, replaces and removes what is held back', async () => {
    const until = '2026-04-01T00:00:00.125Z';
    await append({
      reservations: { made: [reservation('b', '10.0.0.7'), reservation('a', 'fd00::10', 'fd00::1f', until), reservation('c')] },
      cooling: { started: [cooling('fd00::9'), cooling('10.0.0.9'), cooling('10.0.0.8')] },
    });
    expect(await store.listReservations(cluster.id, undefined, 10)).toEqual([reservation('a', 'fd00::10', 'fd00::1f', until), reservation('b', '10.0.0.7'), reservation('c')]);
    expect(await store.listReservations(cluster.id, 'a', 1)).toEqual([reservation('b', '10.0.0.7')]);
    expect(await store.reservation(cluster.id, 'b')).toEqual(reservation('b', '10.0.0.7'));
    expect(await store.reservation(cluster.id, 'd')).toBeUndefined();
    expect(await store.listCooling(cluster.id, undefined, 10)).toEqual([cooling('10.0.0.8'), cooling('10.0.0.9'), cooling('fd00::9')]);
    expect(await store.listCooling(cluster.id, '10.0.0.8', 1)).toEqual([cooling('10.0.0.9')]);
    const later = new Date('2026-05-01T00:00:00.250Z');
    await append({ reservations: { made: [reservation('c', '10.0.0.3')], ended: ['a', 'none'] }, cooling: { started: [cooling('10.0.0.9', 7, later)] } });
    expect(await store.listReservations(cluster.id, undefined, 10)).toEqual([reservation('b', '10.0.0.7'), reservation('c', '10.0.0.3')]);
    expect(await store.listCooling(cluster.id, undefined, 10)).toEqual([cooling('10.0.0.8'), cooling('10.0.0.9', 7, later), cooling('fd00::9')]);
  });

  it('counts what is held back of a range, each address once', async () => {
    const [at, past, future] = [new Date('2026-03-02T00:00:00Z'), '2026-03-01T00:00:00.000Z', new Date('2026-03-03T00:00:00Z')];
    await append({
      claims: { taken: [claim('10.0.0.12'), claim('10.0.0.41'), claim('fd00::2')] },
      reservations: { made: [reservation('range', '10.0.0.10', '10.0.0.19'), reservation('one', '10.0.0.30'), reservation('over', '10.0.0.50', '10.0.0.59', past), reservation('six', 'fd00::', 'fd00::ffff:ffff:ffff')] },
      cooling: { started: [cooling('10.0.0.15', 1, future), cooling('10.0.0.40', 1, future), cooling('10.0.0.41', 1, future), cooling('10.0.0.42', 1, new Date(past)), cooling('10.0.0.55', 1, future)] },
    });
    expect(await store.countHeldBack(cluster.id, '10.0.0.1', '10.0.0.254', at)).toEqual({ reserved: 9n + 1n, coolingDown: 2n });
    expect(await store.countHeldBack(cluster.id, '10.0.0.18', '10.0.0.40', at)).toEqual({ reserved: 2n + 1n, coolingDown: 1n });
    expect(await store.countHeldBack(cluster.id, 'fd00::1', 'fd00::ffff:ffff:ffff:ffff', at)).toEqual({ reserved: 2n ** 48n - 2n, coolingDown: 0n });
  });

  it('finds what holds one address back at a time', async () => {
    const [at, past, future] = [new Date('2026-03-02T00:00:00Z'), '2026-03-01T00:00:00.000Z', new Date('2026-03-03T00:00:00Z')];
    await append({
      reservations: { made: [reservation('range', '10.0.0.10', '10.0.0.19', future.toISOString()), reservation('over', '10.0.0.20', '10.0.0.20', past), reservation('six', 'fd00::', 'fd00::ffff')] },
      cooling: { started: [cooling('10.0.0.19', 1, future), cooling('10.0.0.20', 1, new Date(past)), cooling('fd00::1:0', 1, future)] },
    });
    const names = async (address: string): Promise<unknown[]> => {
      const { reservation: held, cooling: cool } = await store.heldBack(cluster.id, address, at);
      return [held?.name, cool?.address];
    };
    expect(await Promise.all(['10.0.0.9', '10.0.0.10', '10.0.0.19', '10.0.0.20', 'fd00::ffff', 'fd00::1:0', '::10.0.0.10'].map(names))).toEqual(
      [[undefined, undefined], ['range', undefined], ['range', '10.0.0.19'], [undefined, undefined], ['six', undefined], [undefined, 'fd00::1:0'], [undefined, undefined]]);
    expect(await store.heldBack(cluster.id, '10.0.0.19', at)).toEqual({ reservation: reservation('range', '10.0.0.10', '10.0.0.19', future.toISOString()), cooling: cooling('10.0.0.19', 1, future) });
  });

  it('ends all cool-downs but those that the batch starts', async () => {
    await append({ cooling: { started: [cooling('10.0.0.8'), cooling('10.0.0.9')] } });
    await append({ cooling: { started: [cooling('10.0.0.9', 5), cooling('10.0.0.10', 5)], cleared: true } });
    expect(await store.listCooling(cluster.id, undefined, 10)).toEqual([cooling('10.0.0.9', 5), cooling('10.0.0.10', 5)]);
    await append({ cooling: { cleared: true } });
    expect(await store.listCooling(cluster.id, undefined, 10)).toEqual([]);
  });

  it('purges what has ended, in bounded numbers', async () => {
    const old = '2001-01-01T00:00:00.000Z';
    const made = ['a', 'b', 'c'].map((name) => reservation(name, '10.0.0.7', '10.0.0.7', old));
    await append({ reservations: { made: [...made, reservation('d')] }, cooling: { started: [cooling('10.0.0.8', 1, new Date(old)), cooling('10.0.0.9')] } });
    const purge = (): Promise<number> => store.purgeEnded(new Date('2001-01-02T00:00:00Z'), 2);
    expect([await purge(), await purge(), await purge()]).toEqual([3, 1, 0]);
    expect(await store.listReservations(cluster.id, undefined, 10)).toEqual([reservation('d')]);
    expect(await store.listCooling(cluster.id, undefined, 10)).toEqual([cooling('10.0.0.9')]);
  });
}
