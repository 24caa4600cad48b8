import { randomUUID } from 'node:crypto';
import { BadAppend, ClaimConflict, RevisionConflict, StoreUnavailable } from '@ipledger/event-store';
import type { ClusterHead, EventStore } from '@ipledger/event-store';
import { batch, claim, command, cooling, document, portClaim, recorded, reservation, row, time } from './batches.js';
import { expectRefused } from './unchanged.js';

/** What every event store promises. Run on each implementation; `open` gives a store on data of its own, or shared. */
export function eventStoreContract(open: () => Promise<EventStore>): void {
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

  describe('naming clusters', () => {
    it('gives a name one id for ever, at revision 0 and unregistered', async () => {
      const name = `named-${randomUUID()}`;
      expect(await store.clusterByName(name)).toBe(undefined);
      const first = await store.nameCluster(name);
      expect(first).toEqual({ id: first.id, name, revision: 0, epoch: first.epoch, definition: null });
      expect(await store.nameCluster(name)).toEqual(first);
      expect(await store.clusterByName(name)).toEqual(first);
    });

    it('lists clusters by name', async () => {
      const [b, a] = [await store.nameCluster(`b-${cluster.name}`), await store.nameCluster(`a-${cluster.name}`)];
      expect((await store.clusters()).filter(({ name }) => name.endsWith(cluster.name))).toEqual([a, b, cluster]);
    });

    it('gives one id to one name when many ask at once', async () => {
      const heads = await Promise.all(Array.from({ length: 8 }, () => store.nameCluster(`race-${cluster.name}`)));
      expect(new Set(heads.map(({ id }) => id)).size).toBe(1);
    });

    it('knows nothing of an id that was never given out', async () => {
      expect(await store.head(2_000_000_000)).toBe(undefined);
      expect(await store.readLog(2_000_000_000, 0, 10)).toEqual([]);
      await expect(store.append(batch({ ...cluster, id: 2_000_000_000 }, {}))).rejects.toEqual(new RevisionConflict(2_000_000_000, 0));
      await expect(store.locked(2_000_000_000, async () => 1)).rejects.toBeInstanceOf(BadAppend);
    });
  });

  describe('appending', () => {
    it('numbers the events of a batch without a gap and keeps every field', async () => {
      await append({ rows: [row(3)] });
      const [first, second] = [row(2), row(1)];
      await append({ rows: [first, second] });
      expect(await now()).toEqual({ ...cluster, revision: 6 });
      expect(await store.readLog(cluster.id, 3, 10)).toEqual([
        { clusterId: cluster.id, epoch: cluster.epoch, revision: 5, ...first },
        { clusterId: cluster.id, epoch: cluster.epoch, revision: 6, ...second },
      ]);
    });

    it('writes claims, ports, documents, requests and definition with the log', async () => {
      const request = recorded('key');
      await append({
        claims: { taken: [claim('10.0.0.9'), claim('fd00::9')] }, portClaims: { taken: [portClaim(30000)] },
        documents: { written: [document('web')] }, requests: [request], definition: '{"a":1}',
      });
      expect(await now()).toEqual({ ...cluster, revision: 3, definition: '{"a":1}' });
      expect(await store.listClaims(cluster.id, undefined, 10)).toEqual([claim('10.0.0.9'), claim('fd00::9')]);
      expect(await store.listPortClaims(cluster.id, undefined, 10)).toEqual([portClaim(30000)]);
      expect(await store.documents(cluster.id, [document('web')])).toEqual([document('web')]);
      expect(await store.requests(cluster.id, ['key', 'other-key'])).toEqual([request]);
    });

    it('moves, releases, rewrites and removes', async () => {
      await append({
        claims: { taken: [claim('10.0.0.1'), claim('10.0.0.2'), claim('10.0.0.3')] }, portClaims: { taken: [portClaim(1), portClaim(2), portClaim(3)] },
        documents: { written: [document('a'), document('b'), document('c')] }, definition: '{}',
      });
      await append({
        claims: { moved: [claim('10.0.0.2', 5, 'api')], released: ['10.0.0.1'] },
        portClaims: { moved: [{ ...portClaim(2, 5, 'api'), purpose: 'health-check' }], released: [1] },
        documents: { written: [document('b', 6)], removed: [document('a')] }, definition: null,
      });
      expect(await store.listClaims(cluster.id, undefined, 10)).toEqual([claim('10.0.0.2', 5, 'api'), claim('10.0.0.3')]);
      expect(await store.listPortClaims(cluster.id, undefined, 10)).toEqual([{ ...portClaim(2, 5, 'api'), purpose: 'health-check' }, portClaim(3)]);
      expect(await store.listDocuments(cluster.id, { limit: 10 })).toEqual([document('b', 6), document('c')]);
      expect(await now()).toEqual({ ...cluster, revision: 6 });
    });

    it('records a request although no event came of it', async () => {
      await append({ rows: [], requests: [recorded('key')] });
      expect((await now()).revision).toBe(0);
      expect(await store.requests(cluster.id, ['key'])).toHaveLength(1);
    });

    it('is refused when another append came first', async () => {
      const stale = await now();
      await append({});
      await expectNothingWritten(() => store.append(batch(stale, {
        claims: { taken: [claim('10.0.0.1')], moved: [claim('10.0.0.2')] }, documents: { written: [document('web')] },
        portClaims: { taken: [portClaim(1)] }, requests: [recorded('key')], definition: '{}',
        reservations: { made: [reservation('r')] }, cooling: { started: [cooling('10.0.0.9')], cleared: true },
      })), RevisionConflict, { clusterId: cluster.id, at: 0, retriable: true });
    });

    it('is refused at a revision that is not reached yet, and in another epoch', async () => {
      await expectNothingWritten(() => store.append(batch({ ...cluster, revision: 1 }, {})), RevisionConflict);
      await expectNothingWritten(() => store.append(batch({ ...cluster, epoch: cluster.epoch + 1 }, {})), RevisionConflict);
    });

    it('releases nothing when it is refused', async () => {
      await append({ claims: { taken: [claim('10.0.0.1')] }, portClaims: { taken: [portClaim(1)] }, documents: { written: [document('web')] } });
      await expectNothingWritten(() => store.append(batch(cluster, {
        claims: { released: ['10.0.0.1'] }, portClaims: { released: [1] }, documents: { removed: [document('web')] },
      })), RevisionConflict);
    });

    it.each([
      ['in the same text', '10.0.0.1', '10.0.0.1', '10.0.0.1'],
      ['in another spelling', 'fd00::1', 'FD00:0:0:0:0:0:0:1', 'fd00::1'],
    ])('never gives an address to two Services, %s', async (_, held, asked, named) => {
      await append({ claims: { taken: [claim(held)] } });
      await expectNothingWritten(() => append({
        claims: { taken: [claim('10.9.9.9'), claim(asked, 4, 'api')] }, documents: { written: [document('api', 6)] },
      }), ClaimConflict, { clusterId: cluster.id, claimed: named, retriable: true });
    });

    it('never gives a port to two Services', async () => {
      await append({ portClaims: { taken: [portClaim(30000)] } });
      await expectNothingWritten(() => append({ portClaims: { taken: [portClaim(30000, 4, 'api')] } }), ClaimConflict, { claimed: 'port 30000' });
    });

    it('lets each cluster have the same address and port', async () => {
      const other = await store.nameCluster(`other-${cluster.name}`);
      const both = { claims: { taken: [claim('10.0.0.1')] }, portClaims: { taken: [portClaim(30000)] }, documents: { written: [document('web')] } };
      await store.append(batch(cluster, both));
      await store.append(batch(other, both));
      expect(await store.listClaims(other.id, undefined, 10)).toEqual([claim('10.0.0.1')]);
    });

    it('gives a released address again', async () => {
      await append({ claims: { taken: [claim('10.0.0.1')] } });
      await append({ claims: { released: ['10.0.0.1'] } });
      await append({ claims: { taken: [claim('10.0.0.1', 7, 'api')] } });
      expect(await store.claim(cluster.id, '10.0.0.1')).toEqual(claim('10.0.0.1', 7, 'api'));
    });

    const twin = randomUUID();
    it.each<[string, Parameters<typeof batch>[1]]>([
      ['U+0000 in a name', { documents: { written: [document('a\u0000b')] } }],
      ['half of a surrogate pair', { documents: { written: [{ ...document('web'), document: '"\ud800"' }] } }],
      ['what is no address', { claims: { taken: [claim('10.0.0.256')] } }],
      ['what is a network', { claims: { taken: [claim('10.0.0.0/24')] } }],
      ['a command id that is no UUID', { rows: [{ ...row(), command: command('1') }] }],
      ['a command without events', { rows: [row(0)] }],
      ['one command twice', { rows: [row(1, twin), row(1, twin)] }],
      ['one idempotency key twice', { requests: [recorded('key'), recorded('key')] }],
    ])('refuses %s, and with it the whole batch', async (_, changes) => {
      await append({ claims: { taken: [claim('10.0.0.1')] }, requests: [recorded('other-key')] });
      await expectNothingWritten(() => append({ ...changes, definition: '{}' }), BadAppend, { retriable: false });
    });

    it('refuses a command and a key that are recorded already', async () => {
      const id = randomUUID();
      await append({ rows: [row(2, id)], requests: [recorded('key')] });
      await expectNothingWritten(() => append({ rows: [row(2, id.toUpperCase())] }), BadAppend);
      await expectNothingWritten(() => append({ requests: [recorded('key')] }), BadAppend);
    });

    it('keeps JSON text as it was written', async () => {
      const text = '{ "b": 1.50, "a": "\\u0000 \\ud800 é €", "a": 12345678901234567890 }';
      await append({ rows: [{ ...row(1), events: text }], documents: { written: [{ ...document('web'), document: text }] }, definition: text });
      expect((await store.documents(cluster.id, [document('web')]))[0]?.document).toBe(text);
      expect((await store.readLog(cluster.id, 0, 1))[0]?.events).toBe(text);
      expect((await now()).definition).toBe(text);
    });

    it('is not changed by what the caller does with its objects afterwards', async () => {
      const mine = { ...document('web') };
      await append({ documents: { written: [mine] } });
      mine.document = 'other';
      const read = (await store.listDocuments(cluster.id, { limit: 1 }))[0] as { document: string };
      read.document = 'other';
      expect(await store.listDocuments(cluster.id, { limit: 1 })).toEqual([document('web')]);
    });
  });

  describe('reading', () => {
    it('finds the command that an event belongs to', async () => {
      const [first, second] = [row(3), row(2)];
      await append({ rows: [first, second] });
      const found = await Promise.all([0, 1, 3, 4, 5, 6].map(async (revision) => (await store.logRowAt(cluster.id, revision))?.command.id));
      expect(found).toEqual([undefined, first.command.id, first.command.id, second.command.id, second.command.id, undefined]);
      const together = await store.logRowsAt(cluster.id, [0, 1, 3, 4, 5, 6]);
      expect([...together].map(([revision, { command, events }]) => [revision, command.id, events]).sort()).toEqual(
        ([[1, first], [3, first], [4, second], [5, second]] as const).map(([revision, { command, events }]) => [revision, command.id, events]));
      expect(await store.logRowsAt(cluster.id, [])).toEqual(new Map());
    });

    it('gives the log in pages of whole commands, also from the middle of one', async () => {
      await append({ rows: [row(3), row(3), row(3)] });
      const revisions = async (after: number, limit: number): Promise<number[]> => (await store.readLog(cluster.id, after, limit)).map(({ revision }) => revision);
      expect(await revisions(0, 2)).toEqual([3, 6]);
      expect(await revisions(4, 2)).toEqual([6, 9]);
      expect(await revisions(6, 2)).toEqual([9]);
      expect(await revisions(9, 2)).toEqual([]);
    });

    it('lists documents in the order of bytes, after a key, in one namespace or in all', async () => {
      // "B" tells bytes from a language's order, which has it after "ab".
      const documents = [['a', 'b'], ['a-b', 'a'], ['ab', 'a'], ['shop', 'B'], ['shop', 'a-b'], ['shop', 'a.b'], ['shop', 'ab']].map(([namespace = '', name = '']) => document(name, 1, namespace));
      await append({ documents: { written: documents.toReversed() } });
      expect(await store.listDocuments(cluster.id, { limit: 9 })).toEqual(documents);
      expect(await store.listDocuments(cluster.id, { limit: 2, after: documents[1]! })).toEqual(documents.slice(2, 4));
      expect(await store.listDocuments(cluster.id, { limit: 9, namespace: 'shop', after: documents[3]! })).toEqual(documents.slice(4));
      expect(await store.listDocuments(cluster.id, { limit: 9, namespace: 'a', after: documents[3]! })).toEqual([]);
      expect([await store.countDocuments(cluster.id), await store.countDocuments(cluster.id, 'shop'), await store.countDocuments(cluster.id, 'none')]).toEqual([7, 4, 0]);
      expect(await store.listServiceRevisions(cluster.id, documents[3], 2)).toEqual([{ namespace: 'shop', name: 'a-b', revision: 1 }, { namespace: 'shop', name: 'a.b', revision: 1 }]);
      expect(await store.listServiceRevisions(cluster.id, documents[6], 2)).toEqual([]);
    });

    it('finds documents by key, each once, and leaves out the missing', async () => {
      await append({ documents: { written: [document('a'), document('b'), document('b', 2, 'other')] } });
      const found = await store.documents(cluster.id, [document('b'), document('missing'), document('b'), document('a', 0, 'other')]);
      expect(found).toEqual([document('b')]);
      expect(await store.documents(cluster.id, [])).toEqual([]);
    });

    it('lists claims by value, IPv4 first, whatever their text', async () => {
      const claims = ['9.0.0.1', '10.0.0.2', '10.0.0.10', '::a00:1', 'fd00::9', 'fd00::10', 'fd00::1:0'].map((address) => claim(address));
      await append({ claims: { taken: claims.toReversed() } });
      expect(await store.listClaims(cluster.id, undefined, 10)).toEqual(claims);
      expect(await store.listClaims(cluster.id, '10.0.0.2', 3)).toEqual(claims.slice(2, 5));
      expect(await store.listClaimedAddresses(cluster.id, '10.0.0.2', 3)).toEqual(claims.slice(2, 5).map(({ address }) => address));
      expect(await store.claim(cluster.id, 'FD00:0::9')).toEqual(claim('fd00::9'));
      expect(await store.claim(cluster.id, 'fd00::8')).toBe(undefined);
    });

    it('counts the claims of a range, both ends included', async () => {
      await append({ claims: { taken: [claim('10.0.2.1'), claim('10.0.1.255'), claim('10.0.0.1'), claim('fd00::1'), claim('fd00:1::1')] } });
      expect(await store.countClaims(cluster.id, '10.0.0.1', '10.0.1.255')).toBe(2);
      expect(await store.countClaims(cluster.id, '10.0.0.2', '10.0.2.0')).toBe(1);
      expect(await store.countClaims(cluster.id, 'fd00::', 'fd00::ffff')).toBe(1);
      expect(await store.countClaims(cluster.id, '10.9.0.0', '10.9.0.255')).toBe(0);
    });

    it('lists port claims by number, after one', async () => {
      await append({ portClaims: { taken: [30000, 9, 100].map((port) => portClaim(port)) } });
      expect(await store.listPortClaims(cluster.id, undefined, 2)).toEqual([portClaim(9), portClaim(100)]);
      expect(await store.listPortClaims(cluster.id, 9, 9)).toEqual([portClaim(100), portClaim(30000)]);
    });

    it('finds which commands are in the log', async () => {
      const [first, second] = [row(3), row(1)];
      await append({ rows: [first, second] });
      expect(await store.findCommands(cluster.id, [second.command.id, randomUUID(), first.command.id]))
        .toEqual(new Map([[first.command.id, 3], [second.command.id, 4]]));
    });
  });

  it('lets one of many appends at the same revision win', async () => {
    const outcomes = await Promise.allSettled(Array.from({ length: 16 }, (_, i) => store.append(batch(cluster, { rows: [row(2)], claims: { taken: [claim(`10.0.0.${i + 1}`)] } }))));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))).toEqual(Array(15).fill(new RevisionConflict(cluster.id, 0)));
    expect((await now()).revision).toBe(2);
    expect(await store.listClaims(cluster.id, undefined, 100)).toHaveLength(1);
  });

  it('raises the epoch of every cluster, so that a writer from before is refused', async () => {
    await append({});
    const before = await now();
    expect(await store.raiseEpoch()).toBe((await store.clusters()).length);
    expect(await now()).toEqual({ ...before, epoch: before.epoch + 1 });
    expect((await store.nameCluster(`later-${cluster.name}`)).epoch).toBe(before.epoch + 1);
    await expectNothingWritten(() => store.append(batch(before, {})), RevisionConflict);
    await append({});
    expect((await store.readLog(cluster.id, 0, 9)).map(({ epoch }) => epoch)).toEqual([before.epoch, before.epoch + 1]);
  });

  it('says how far each log reaches, and with its pulse that something has changed', async () => {
    const tipOf = async (): Promise<unknown> => (await store.tips()).find(({ id }) => id === cluster.id);
    expect(await tipOf()).toBeUndefined(); // named, but nothing has happened
    const pulses = [await store.pulse()];
    await append({});
    const { id, name, revision, epoch } = await now();
    expect(await tipOf()).toEqual({ id, name, revision, epoch });
    pulses.push(await store.pulse());
    expect(await store.pulse()).toBe(pulses[1]);
    await store.raiseEpoch();
    pulses.push(await store.pulse());
    expect(new Set(pulses).size).toBe(3);
  });

  it('purges old requests in bounded numbers', async () => {
    const old = new Date('2001-01-01T00:00:00Z');
    await append({ requests: [recorded('a', old), recorded('b', old), recorded('c', old), recorded('d', time)] });
    const purge = (limit: number): Promise<number> => store.purgeRequests(new Date('2001-01-02T00:00:00Z'), limit);
    expect([await purge(2), await purge(2), await purge(2)]).toEqual([2, 1, 0]);
    expect((await store.requests(cluster.id, ['a', 'b', 'c', 'd'])).map(({ key }) => key)).toEqual(['d']);
  });

  it('is unavailable once it is closed', async () => {
    await store.close();
    await expect(store.append(batch(cluster, {}))).rejects.toBeInstanceOf(StoreUnavailable);
    await expect(store.head(cluster.id)).rejects.toBeInstanceOf(StoreUnavailable);
    await store.close();
  });
}
