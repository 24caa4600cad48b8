import { randomUUID } from 'node:crypto';
import type { AppendBatch, ClusterHead, EventStore, StoredLbAttached, StoredLbMember, StoredLbWaiting } from '@ipledger/event-store';
import { batch, cooling } from './batches.js';

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
  });

  it('writes, replaces and removes what is attached, in order of pool and address', async () => {
    const all = [attached('a', '10.0.0.9'), attached('a', '10.0.0.10'), attached('a', '10.0.0.10', { name: 'xy' }), attached('b', '2001:db8::1')];
    await append({ attached: { held: all.toReversed(), left: [] } });
    expect(await store.listLbAttached(cluster.id, undefined, 10)).toEqual(all);
    expect(await store.listLbAttached(cluster.id, all[1], 1)).toEqual([all[2]]);
    await append({ attached: { held: [attached('b', '2001:db8::1', { uid: 'other', revision: 5 })], left: [all[1]!] } });
    expect(await store.listLbAttached(cluster.id, undefined, 10)).toEqual([all[0], all[2], attached('b', '2001:db8::1', { uid: 'other', revision: 5 })]);
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
