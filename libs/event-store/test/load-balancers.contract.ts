import { randomUUID } from 'node:crypto';
import type { AppendBatch, ClusterHead, EventStore, StoredLbAttached, StoredLbMember, StoredLbWaiting } from '@ipledger/event-store';
import { batch, cooling, row } from './batches.js';

/** What every event store promises about addresses of LB pools. @see eventStoreContract */
export function loadBalancersContract(open: () => Promise<EventStore>): void {
  let store: EventStore;
  let cluster: ClusterHead;

  beforeEach(async () => {
    store = await open();
    cluster = await store.nameCluster(`c-${randomUUID()}`);
  });
  afterEach(() => store.close());

  const none = { held: [], left: [] };
  const append = async (lb: Partial<AppendBatch['lb'] & object>): Promise<void> =>
    store.append({ ...batch((await store.head(cluster.id))!, {}), lb: { members: none, waiting: none, attached: none, ...lb } });
  const member = (address: string, name: string, more: Partial<StoredLbMember> = {}): StoredLbMember =>
    ({ address, cluster: '', namespace: 'shop', name, uid: `uid-of-${name}`, revision: 1, sharingKey: null, ports: ['TCP/80', 'UDP/53'], backend: '', wait: null, ...more });
  const waiting = (name: string, more: Partial<StoredLbWaiting> = {}): StoredLbWaiting =>
    ({ namespace: 'shop', name, uid: `uid-of-${name}`, revision: 1, families: ['IPv6', 'IPv4'], reason: 'NoPool', ...more });
  const attached = (pool: string, address: string, more: Partial<StoredLbAttached> = {}): StoredLbAttached =>
    ({ pool, address, namespace: 'shop', name: 'web', uid: 'uid-of-web', revision: 1, ...more });

  it('writes, replaces and removes members, in order of address', async () => {
    const all = [member('10.0.0.9', 'web'), member('10.0.0.10', 'db', { cluster: 'blue', sharingKey: 'k', ports: [], backend: '{}', wait: 12 }), member('10.0.0.10', 'web', { cluster: 'blue' }), member('2001:db8::a:1', 'web')];
    await append({ members: { held: all.toReversed(), left: [] } });
    expect(await store.listLbMembers(cluster.id, undefined, 10)).toEqual(all);
    expect(await store.listLbMembers(cluster.id, all[1], 1)).toEqual([all[2]]);
    expect(await store.lbMembers(cluster.id, '10.0.0.10')).toEqual([all[1], all[2]]);
    expect(await store.lbMembers(cluster.id, '10.0.0.11')).toEqual([]);
    const again = member('10.0.0.9', 'web', { uid: 'other', revision: 7, sharingKey: 'k', ports: ['TCP/443'], backend: '{"a":"b"}' });
    await append({ members: { held: [again], left: [{ address: '10.0.0.10', cluster: 'blue', namespace: 'shop', name: 'db' }, { address: '10.0.0.10', cluster: '', namespace: 'shop', name: 'web' }] } });
    expect(await store.listLbMembers(cluster.id, undefined, 10)).toEqual([again, all[2], all[3]]);
  });

  it('writes, replaces and removes who waits, in order of key', async () => {
    await append({ waiting: { held: [waiting('b'), waiting('a', { namespace: 'a' }), waiting('a')], left: [] } });
    expect(await store.listLbWaiting(cluster.id, undefined, 10)).toEqual([waiting('a', { namespace: 'a' }), waiting('a'), waiting('b')]);
    expect(await store.listLbWaiting(cluster.id, { namespace: 'a', name: 'a' }, 1)).toEqual([waiting('a')]);
    const later = waiting('a', { revision: 9, families: ['IPv4'], reason: 'PartlyAssigned' });
    await append({ waiting: { held: [later], left: [{ namespace: 'shop', name: 'b' }, { namespace: 'shop', name: 'none' }] } });
    expect(await store.listLbWaiting(cluster.id, undefined, 10)).toEqual([waiting('a', { namespace: 'a' }), later]);
    expect(await store.listLbWaiting(cluster.id, undefined, 1, 'NoPool')).toEqual([later]);
    expect(await store.listLbWaiting(cluster.id, { namespace: 'a', name: 'a' }, 10, 'PartlyAssigned')).toEqual([]);
  });

  it('writes, replaces and removes what is attached, in order of pool and address', async () => {
    const all = [attached('a', '10.0.0.9'), attached('a', '10.0.0.10'), attached('a', '10.0.0.10', { name: 'xy' }), attached('b', '2001:db8::1')];
    await append({ attached: { held: all.toReversed(), left: [] } });
    expect(await store.listLbAttached(cluster.id, undefined, 10)).toEqual(all);
    expect(await store.listLbAttached(cluster.id, all[1], 1)).toEqual([all[2]]);
    expect(await store.lbAttachedOf(cluster.id, [{ namespace: 'shop', name: 'xy' }, { namespace: 'shop', name: 'none' }])).toEqual([all[2]]);
    expect(await store.lbAttachedOf(cluster.id, [{ namespace: 'other', name: 'web' }])).toEqual([]);
    await append({ attached: { held: [attached('b', '2001:db8::1', { uid: 'other', revision: 5 })], left: [all[1]!] } });
    expect(await store.listLbAttached(cluster.id, undefined, 10)).toEqual([all[0], all[2], attached('b', '2001:db8::1', { uid: 'other', revision: 5 })]);
  });

  it('tells where Services wait, why, and since when', async () => {
    const append = async (clusterId: number, ms: number, held: StoredLbWaiting[]): Promise<void> => {
      const head = (await store.head(clusterId))!;
      const waits = held.map((one) => ({ ...one, revision: head.revision + 3 }));
      await store.append({ ...batch(head, { rows: [{ ...row(3), time: new Date(ms) }] }), lb: { members: none, waiting: { held: waits, left: [] }, attached: none } });
    };
    const other = await store.nameCluster(`b-${cluster.name}`);
    await append(cluster.id, 1_000, [waiting('a', { reason: 'PoolsExhausted' })]);
    await append(cluster.id, 2_000, [waiting('b'), waiting('c')]);
    await append(other.id, 3_000, [waiting('a')]);
    const mine = (await store.lbWaits()).filter((one) => one.cluster.endsWith(cluster.name));
    expect(mine).toEqual([
      { clusterId: other.id, cluster: other.name, reason: 'NoPool', services: 1, oldest: new Date(3_000) },
      { clusterId: cluster.id, cluster: cluster.name, reason: 'NoPool', services: 2, oldest: new Date(2_000) },
      { clusterId: cluster.id, cluster: cluster.name, reason: 'PoolsExhausted', services: 1, oldest: new Date(1_000) },
    ]);
    await append(cluster.id, 4_000, [waiting('a', { reason: 'PoolsExhausted' })]);
    expect((await store.lbWaits()).find(({ reason }) => reason === 'PoolsExhausted')?.oldest).toEqual(new Date(4_000));
  });

  it('tells what shared pools have claimed and nobody has attached, what nobody awaits first', async () => {
    const prefix = `pool-${randomUUID()}:`;
    const log = await store.nameCluster(`${prefix}edge`);
    const held = (address: string, name: string, more: Partial<StoredLbMember> = {}): StoredLbMember => member(address, name, { cluster: cluster.name, wait: 7, ...more });
    const awaited = [held('10.0.0.1', 'awaited'), held('10.0.0.100', 'awaited'), held('2001:db8::1', 'awaited')];
    const orphans = [
      held('10.0.0.2', 'waits-no-more'), held('10.0.0.3', 'waits-again', { wait: 6 }), held('10.0.0.4', 'other-uid', { uid: 'old' }), held('10.0.0.5', 'attached-of-another-pool'),
      held('10.0.0.6', 'attached-another-address'), held('10.0.0.7', 'attached-by-another-uid', { uid: 'old' }), held('10.0.0.8', 'of-no-cluster', { cluster: 'none' }),
    ];
    const ownPool = member('10.0.0.20', 'own');
    await store.append({ ...batch((await store.head(log.id))!, {}), lb: { members: { held: [held('10.0.0.9', 'attached'), ...orphans, ...awaited.toReversed()], left: [] }, waiting: none, attached: none } });
    await append({
      members: { held: [ownPool], left: [] },
      waiting: { held: ['awaited', 'waits-again', 'other-uid'].map((name) => waiting(name, { revision: 7 })), left: [] },
      attached: {
        held: [
          attached('edge', '10.0.0.9', { name: 'attached', uid: 'uid-of-attached' }), attached('core', '10.0.0.5', { name: 'attached-of-another-pool', uid: 'uid-of-attached-of-another-pool' }),
          attached('edge', '10.0.0.66', { name: 'attached-another-address', uid: 'uid-of-attached-another-address' }), attached('edge', '10.0.0.7', { name: 'attached-by-another-uid' }),
        ], left: [],
      },
    });
    const of = (one: StoredLbMember, isAwaited: boolean): object => ({ ...one, log: { id: log.id, name: log.name }, clusterId: one.cluster === 'none' ? null : cluster.id, isAwaited });
    const found = await store.lbUnattached(prefix, 100);
    const byService = orphans.toSorted((a, b) => (`${a.cluster} ${a.name}` < `${b.cluster} ${b.name}` ? -1 : 1));
    expect(found).toEqual([...byService.map((one) => of(one, false)), ...awaited.map((one) => of(one, true))]);
    expect(await store.lbUnattached(prefix, 3)).toEqual(found.slice(0, 3));
    for (const [index, one] of found.entries()) expect(await store.lbUnattached(prefix, 2, one)).toEqual(found.slice(index + 1, index + 3));
    expect(await store.lbUnattached(`${prefix}x`, 100)).toEqual([]);
  });

  it('lists logs by what their names begin with, registered or not', async () => {
    const prefix = `p_%-${randomUUID()}:`;
    const [b, a] = [await store.nameCluster(`${prefix}b`), await store.nameCluster(`${prefix}a`)];
    await store.nameCluster(`x${prefix}`);
    expect(await store.clustersBeginning(prefix)).toEqual([a, b]);
  });

  it('lists logs by what their definitions have in them', async () => {
    const text = `"%_${randomUUID()}"`;
    await store.append(batch((await store.head(cluster.id))!, { definition: `{"x":${text}}` }));
    expect((await store.clustersDefining(text)).map(({ id, definition }) => [id, definition])).toEqual([[cluster.id, `{"x":${text}}`]]);
    expect(await store.clustersDefining(text.replace('%', '_'))).toEqual([]);
  });

  it('writes nothing of a batch that comes too late', async () => {
    const late = batch(cluster, {});
    await append({ waiting: { held: [waiting('a')], left: [] } });
    const lb = { members: { held: [member('10.0.0.9', 'web')], left: [] }, waiting: { held: [], left: [waiting('a')] }, attached: { held: [attached('a', '10.0.0.9')], left: [] } };
    await expect(store.append({ ...late, lb })).rejects.toThrow();
    expect([await store.listLbMembers(cluster.id, undefined, 9), await store.listLbWaiting(cluster.id, undefined, 9), await store.listLbAttached(cluster.id, undefined, 9)]).toEqual([[], [waiting('a')], []]);
  });

  it('remembers of which cluster the Service was that had a cooling address', async () => {
    await store.append(batch(cluster, { cooling: { started: [{ ...cooling('10.0.0.8'), cluster: 'blue' }, cooling('10.0.0.9')] } }));
    expect(await store.listCooling(cluster.id, undefined, 10)).toEqual([{ ...cooling('10.0.0.8'), cluster: 'blue' }, cooling('10.0.0.9')]);
  });

  it('keeps a reservation of a range that is no CIDR', async () => {
    const range = { name: 'r', family: 'IPv6' as const, cidr: '2001:db8::10-2001:db8::1f', first: '2001:db8::10', last: '2001:db8::11', reason: 'later', owner: 'ann', until: null, createdAt: new Date(0), revision: 1 };
    await store.append(batch(cluster, { reservations: { made: [range], ended: [] } }));
    expect(await store.listReservations(cluster.id, undefined, 10)).toEqual([range]);
  });
}
