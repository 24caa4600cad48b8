import { randomUUID } from 'node:crypto';
import { InMemoryEventStore, PostgresEventStore, type ClusterHead, type EventStore } from '@ipledger/event-store';
import type { Command } from '@ipledger/services';
import { useFreshDatabase } from '@ipledger/testing';
import { differenceLine, verifyCluster } from '@ipledger/verify';
import fc from 'fast-check';
import pg from 'pg';
import { create, register, remove, service } from '../../libs/services/src/testing/commands.js';
import { history } from '../../libs/services/src/testing/histories.js';
import { Writer } from '../../apps/allocator/src/writer/writer.js';

/** Commands through the real writer, which writes claims and documents as it does in production. */
const write = async (store: EventStore, commands: readonly Command[]): Promise<ClusterHead> => {
  const { id, name } = await store.nameCluster('blue');
  const observer = { committed: () => undefined, failed: () => undefined, settled: () => undefined, retried: () => undefined };
  const writer = new Writer(id, name, store, { queueLimit: 1_000, batchLimit: 7 }, observer);
  await Promise.all(commands.map((command) => writer.submit({
    command, commandId: randomUUID(), requestId: null, actor: null, userAgent: null, traceparent: null, idempotency: null,
  })));
  return (await store.head(id))!;
};

const differencesOf = async (store: EventStore, head: ClusterHead): Promise<string[]> =>
  (await verifyCluster(store, head)).differences.map(differenceLine);

describe('a verification', () => {
  it('finds nothing in what a writer wrote, whatever was ordered', async () => {
    await fc.assert(fc.asyncProperty(history, async (commands) => {
      const store = new InMemoryEventStore();
      expect(await differencesOf(store, await write(store, commands))).toEqual([]);
    }), { numRuns: 1_000 });
  });

  describe('on Postgres', () => {
    const database = useFreshDatabase();
    let store: PostgresEventStore;
    let client: pg.Client;
    let head: ClusterHead;
    beforeAll(async () => {
      store = new PostgresEventStore({ url: database.url, max: 4, onIdleError: () => undefined });
      client = new pg.Client({ connectionString: database.url });
      await client.connect();
      const dual = { ipFamilyPolicy: 'RequireDualStack', type: 'NodePort', clusterIP: '10.0.0.9', ports: [{ port: 80, targetPort: 0, nodePort: 30100 }] };
      head = await write(store, [
        register(['10.0.0.0/24', 'fd00::/120'], { name: 'blue' }), create(service('web', dual), { newUid: 'uid-web' }),
        create(service('gone', { clusterIP: '10.0.0.8' })), remove('gone'),
      ]);
    });
    afterAll(async () => {
      await client.end();
      await store.close();
    });

    it('finds nothing wrong at first', async () => {
      expect(await verifyCluster(store, head)).toEqual({ cluster: 'blue', revision: head.revision, differences: [], more: 0, undecided: 0, outOfRange: 0, full: 0 });
    });

    it.each<[string, string, string, RegExp[]]>([
      ['a claim that nobody has', "INSERT INTO claims VALUES (1, '10.0.0.8', 3, now(), 'shop', 'gone', 'uid-gone')", "DELETE FROM claims WHERE address = '10.0.0.8'",
        [/^blue: claims: leak: 10\.0\.0\.8 is there \(shop\/gone \(uid-gone\) since revision 3 at \S+\), and the log does not say so \(revision \d+\)$/]],
      ['a claim that is lost', "DELETE FROM claims WHERE address = '10.0.0.9'", "INSERT INTO claims SELECT 1, '10.0.0.9', 2, since, namespace, name, uid FROM claims WHERE name = 'web'",
        [/^blue: claims: missing: 10\.0\.0\.9 is not there, and the log says shop\/web \(uid-web\) since revision \d+/]],
      ['a claim of another holder', "UPDATE claims SET uid = 'uid-x' WHERE name = 'web' AND family(address) = 6", "UPDATE claims SET uid = 'uid-web' WHERE name = 'web'",
        [/^blue: claims: differs: fd00::\w+ is shop\/web \(uid-x\) since revision 3 at \S+, and the log says shop\/web \(uid-web\) since revision 3 at \S+ \(revision \d+\)$/]],
      ['a claim from another time', "UPDATE claims SET since = since + interval '1 ms' WHERE name = 'web' AND family(address) = 4", "UPDATE claims SET since = since - interval '1 ms' WHERE name = 'web' AND family(address) = 4",
        [/^blue: claims: differs: 10\.0\.0\.9 is shop\/web \(uid-web\) since revision 2 at \S+679Z, and the log says shop\/web \(uid-web\) since revision 2 at \S+678Z \(revision \d+\)$/]],
      ['a document as it was before', "UPDATE documents SET revision = 4", "UPDATE documents SET revision = 5",
        [/^blue: documents: differs: shop\/web is uid-web at revision 4 with content \S+, and the log says uid-web at revision 5 with content \S+ \(revision \d+\)$/]],
      ['an empty document', "CREATE TABLE kept AS SELECT * FROM documents; UPDATE documents SET document = '{}'", "UPDATE documents d SET document = k.document FROM kept k; DROP TABLE kept",
        [/^blue: documents: differs: shop\/web is uid-web at revision 5 with content \S+, and the log says uid-web at revision 5 with content/]],
      ['a document that is no JSON', "UPDATE documents SET document = 'x' || document", "UPDATE documents SET document = substr(document, 2)",
        [/^blue: documents: differs: shop\/web is uid-web at revision 5 with content not JSON, and the log says uid-web at revision 5 with content/]],
      ['a lost node port', 'UPDATE port_claims SET port = 30101', 'UPDATE port_claims SET port = 30100',
        [/^blue: port claims: leak: 30101 /, /^blue: port claims: missing: 30100 /]],
      ['a changed document', "UPDATE documents SET document = replace(document, '30100', '30999')", "UPDATE documents SET document = replace(document, '30999', '30100')",
        [/^blue: documents: differs: shop\/web is uid-web at revision \d+ with content \S+, and the log says uid-web at revision \d+ with content/]],
      ['another definition', "UPDATE clusters SET definition = replace(definition, '/24', '/16')", "UPDATE clusters SET definition = replace(definition, '/16', '/24')",
        [/^blue: definition: differs: the definition is .*10\.0\.0\.0\/16.*, and the log says .*10\.0\.0\.0\/24/]],
    ])('says exactly what is wrong: %s', async (_what, damage, repair, expected) => {
      await client.query(damage);
      const found = await differencesOf(store, head);
      await client.query(repair);
      expect(found).toEqual(expected.map((line) => expect.stringMatching(line) as string));
      expect(await differencesOf(store, head)).toEqual([]);
    });

    it('minds no other spelling of a document', async () => {
      await client.query("UPDATE documents SET document = ' ' || document || ' '");
      expect(await differencesOf(store, head)).toEqual([]);
      await client.query('UPDATE documents SET document = trim(document)');
    });

    it('finds that the log ends before the cluster does', async () => {
      await client.query('UPDATE cluster_revisions SET revision = revision + 3');
      const ahead = (await store.head(head.id))!;
      expect(await differencesOf(store, ahead)).toEqual([`blue: log: broken: revision ${ahead.revision} is where the log must end, and it ends at ${head.revision} (revision ${ahead.revision})`]);
      await client.query('UPDATE cluster_revisions SET revision = revision - 3');
    });

    it('finds an address that the log gives to two Services', async () => {
      const events = [{ type: 'ip.allocated', data: { address: '10.0.0.9', family: 'IPv4', cidr: '10.0.0.0/24', band: 'static', scope: 'static', service: { namespace: 'shop', name: 'thief', uid: 'uid-t' } } },
        { type: 'ip.released', data: { address: '10.0.0.7', family: 'IPv4', cidr: '10.0.0.0/24', band: 'static', reason: 'deleted', service: { namespace: 'shop', name: 'thief', uid: 'uid-t' } } },
        { type: 'ip.released', data: { address: '10.0.0.9', family: 'IPv4', cidr: '10.0.0.0/24', band: 'static', reason: 'deleted', service: { namespace: 'shop', name: 'web', uid: 'uid-web' } } }];
      const damaged: EventStore = Object.create(store, { readLog: { value: async (id: number, after: number, limit: number) => {
        const rows = await store.readLog(id, after, limit);
        return after > 0 ? rows : [...rows, { ...rows.at(-1)!, revision: head.revision + 3, eventCount: 3, events: JSON.stringify(events) }];
      } } }) as EventStore;
      expect((await differencesOf(damaged, head)).slice(0, 3)).toEqual([
        'blue: log: duplicate: 10.0.0.9 is given to shop/thief (uid-t), and has a holder since revision 2 (revision 10)',
        'blue: log: duplicate: 10.0.0.7 is released by shop/thief (uid-t), but nobody holds it (revision 11)',
        'blue: log: duplicate: 10.0.0.9 is released by shop/web (uid-web), but another holds it since revision 10 (revision 12)',
      ]);
    });

    it('finds a gap in the log and a command that is no JSON', async () => {
      await client.query('ALTER TABLE log DISABLE TRIGGER log_append_only');
      await client.query("INSERT INTO log SELECT cluster_id, epoch, revision + 5, \"time\", gen_random_uuid(), 1, kind, NULL, NULL, NULL, NULL, 'no JSON' FROM log ORDER BY revision DESC LIMIT 1");
      await client.query('ALTER TABLE log ENABLE ALWAYS TRIGGER log_append_only');
      expect(await differencesOf(store, head)).toContainEqual(`blue: log: broken: revision ${head.revision + 5} the row holds no list of events (revision ${head.revision + 5})`);
    });
  });
});
