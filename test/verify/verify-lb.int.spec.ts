import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { PostgresEventStore, type ClusterHead } from '@ipledger/event-store';
import { claimChanges, type DatedEvent, type Event } from '@ipledger/services';
import { useFreshDatabase } from '@ipledger/testing';
import { differenceLine, verifyCluster, verifySharedPools } from '@ipledger/verify';
import pg from 'pg';
import { service } from '../../libs/services/src/testing/commands.js';

const time = new Date('2026-03-01T12:00:00.123Z');
const web = { namespace: 'shop', name: 'web', uid: 'uid-web' };
const db = { namespace: 'shop', name: 'db', uid: 'uid-db' };
const pool = {
  name: 'edge', addresses: ['203.0.113.1-203.0.113.2'], draining: [], autoAssign: true, priority: 100, namespaces: [], selector: null, staticBandAddresses: 0, coolDownSeconds: 0,
  createdAt: time.toISOString(), clusters: 'all' as const,
};
const taken = (address: string, holder: typeof web): Event[] => [
  { type: 'ip.allocated', data: { address, family: 'IPv4', cidr: pool.addresses[0]!, band: 'dynamic', scope: 'dynamic', service: holder, kind: 'load-balancer', lbPool: 'edge', cluster: 'blue' } },
  { type: 'lb-member.joined', data: { address, family: 'IPv4', lbPool: 'edge', cluster: 'blue', sharingGroup: null, service: holder, ports: ['TCP/80'], backend: '', wait: 7 } },
];
const lacking = (holder: typeof web, reason: string): Event => {
  const object = service(holder.name, { type: 'LoadBalancer', ipFamilies: ['IPv4', 'IPv6'] });
  const condition = { type: 'ipledger.io/LoadBalancerAddresses', status: 'False' as const, lastTransitionTime: time.toISOString(), reason, message: '' };
  return { type: 'service.created', data: { service: holder, object: { ...object, metadata: { ...object.metadata, uid: holder.uid }, status: { loadBalancer: {}, conditions: [condition] } } } };
};

/** What events of LB pools say, and what is derived of them: a log of a shared pool, and that of a cluster which it serves. */
describe('a verification of load balancer addresses', () => {
  const database = useFreshDatabase();
  let store: PostgresEventStore;
  let client: pg.Client;
  let [edge, blue]: (ClusterHead | undefined)[] = [];
  beforeAll(async () => {
    store = new PostgresEventStore({ url: database.url, max: 4 });
    client = new pg.Client({ connectionString: database.url });
    await client.connect();
    edge = await write('lb-pool:edge', [
      { type: 'lb-pool.configured', data: { pool } }, ...taken('203.0.113.1', web), ...taken('203.0.113.2', db),
      { type: 'lb-member.left', data: { address: '203.0.113.2', family: 'IPv4', lbPool: 'edge', cluster: 'blue', sharingGroup: null, service: db, ports: ['TCP/80'], backend: '', since: 5, reason: 'orphaned' } },
      { type: 'ip.released', data: { address: '203.0.113.2', family: 'IPv4', cidr: pool.addresses[0]!, band: 'dynamic', service: db, kind: 'load-balancer', lbPool: 'edge', cluster: 'blue', reason: 'orphaned' } },
    ], { name: 'lb-pool:edge', serviceCIDRs: [], draining: [], nodePortRange: '30000-32767', createdAt: pool.createdAt, lbPools: [pool] });
    const attached: Event = { type: 'lb-address.attached', data: { address: '203.0.113.1', family: 'IPv4', lbPool: 'edge', service: web } };
    blue = await write('blue', [lacking(web, 'PartlyAssigned'), lacking(db, 'NoPool'), attached, { type: 'lb-address.detached', data: { ...attached.data, address: '203.0.113.2', reason: 'not-wanted' } }], null);
  });
  afterAll(async () => {
    await client.end();
    await store.close();
  });

  const write = async (name: string, events: Event[], definition: object | null): Promise<ClusterHead> => {
    const { id } = await store.nameCluster(name);
    const dated = events.map((event, index): DatedEvent => ({ event, revision: index + 1, time }));
    const { addresses, ports, lb } = claimChanges(dated);
    const written = events.flatMap((event, index) => (event.type === 'service.created' ? [{ ...event.data.service, revision: index + 1, document: JSON.stringify(event.data.object) }] : []));
    await store.append({
      clusterId: id, at: 0, epoch: 1, claims: addresses, portClaims: ports, lb, documents: { written, removed: [] }, requests: [], definition: definition === null ? null : JSON.stringify(definition),
      rows: [{ time, eventCount: events.length, events: JSON.stringify(events), command: { id: randomUUID(), kind: 'Test', requestId: null, actor: null, userAgent: null, traceparent: null } }],
    });
    return (await store.head(id))!;
  };
  const differences = async (head: ClusterHead | undefined): Promise<string[]> => (await verifyCluster(store, head!)).differences.map(differenceLine);

  it('finds nothing wrong at first, and no address of an LB pool out of range', async () => {
    expect(await differences(blue)).toEqual([]);
    expect(await verifyCluster(store, edge!)).toMatchObject({ differences: [], outOfRange: 0, full: 0 });
  });

  it.each<[string, string, string, string, string[]]>([
    ['an address of another uid', 'edge', "UPDATE lb_members SET uid = 'eve'", "UPDATE lb_members SET uid = 'uid-web'",
      ['lb-pool:edge: load balancer addresses: differs: 203.0.113.1 of blue/shop/web is eve with TCP/80, for its revision 7, since revision 3, and the log says uid-web with TCP/80, for its revision 7, since revision 3 (revision 7)']],
    ['an address for another wait', 'edge', 'UPDATE lb_members SET wait = 8', 'UPDATE lb_members SET wait = 7',
      ['lb-pool:edge: load balancer addresses: differs: 203.0.113.1 of blue/shop/web is uid-web with TCP/80, for its revision 8, since revision 3, and the log says uid-web with TCP/80, for its revision 7, since revision 3 (revision 7)']],
    ['an address of another cluster', 'edge', "UPDATE lb_members SET holder_cluster = 'red'", "UPDATE lb_members SET holder_cluster = 'blue'", [
      'lb-pool:edge: load balancer addresses: leak: 203.0.113.1 of red/shop/web is there (uid-web with TCP/80, for its revision 7, since revision 3), and the log does not say so (revision 7)',
      'lb-pool:edge: load balancer addresses: missing: 203.0.113.1 of blue/shop/web is not there, and the log says uid-web with TCP/80, for its revision 7, since revision 3 (revision 7)',
    ]],
    ['a wait that is lost', 'blue', "DELETE FROM lb_waiting WHERE name = 'db'", "INSERT INTO lb_waiting SELECT cluster_id, 'shop', 'db', 'uid-db', 2, families, 'NoPool' FROM lb_waiting",
      ['blue: load balancer waits: missing: shop/db is not there, and the log says uid-db without IPv4 and IPv6 (NoPool) since revision 2 (revision 4)']],
    ['a wait for another reason', 'blue', "UPDATE lb_waiting SET reason = 'Other', families = '{IPv6}' WHERE name = 'db'", "UPDATE lb_waiting SET reason = 'NoPool', families = '{IPv4,IPv6}' WHERE name = 'db'",
      ['blue: load balancer waits: differs: shop/db is uid-db without IPv6 (Other) since revision 2, and the log says uid-db without IPv4 and IPv6 (NoPool) since revision 2 (revision 4)']],
    ['an attachment to another pool', 'blue', "UPDATE lb_attached SET pool = 'core'", "UPDATE lb_attached SET pool = 'edge'", [
      'blue: load balancer attachments: leak: 203.0.113.1 of core at shop/web is there (uid-web since revision 3), and the log does not say so (revision 4)',
      'blue: load balancer attachments: missing: 203.0.113.1 of edge at shop/web is not there, and the log says uid-web since revision 3 (revision 4)',
    ]],
  ])('finds %s', async (_, log, damage, repair, expected) => {
    await client.query(damage);
    const found = await differences(log === 'edge' ? edge : blue);
    await client.query(repair);
    expect(found).toEqual(expected);
    expect([...(await differences(edge)), ...(await differences(blue))]).toEqual([]);
  });

  it('finds those without a class that nobody serves as the migration left them', async () => {
    const bare = (name: string, spec: object = {}, metadata: object = {}, status: object = {}): Event => {
      const object = service(name, { type: 'LoadBalancer', ipFamilies: ['IPv6', 'IPv4'], ...spec });
      const uid = `uid-${name}`;
      return { type: 'service.created', data: { service: { ...web, name, uid }, object: { ...object, metadata: { ...object.metadata, namespace: 'shop', uid, ...metadata }, status: { loadBalancer: {}, ...status } } } };
    };
    const red = await write('red', [
      bare('bare'), bare('odd', {}, { annotations: { a: 'x\0y', b: '\\u0000', type: 'LoadBalancer' } }), bare('none', { ipFamilies: undefined }), bare('foreign', {}, {}, { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] }, conditions: [{ type: 'x', status: 'True', reason: 'Y', message: '', lastTransitionTime: null }] }),
      bare('classed', { loadBalancerClass: 'other.io/lb' }), bare('typed', { type: 'ClusterIP' }, { labels: { type: 'LoadBalancer' } }), bare('leaving', {}, { deletionTimestamp: time.toISOString() }), lacking({ ...web, name: 'waits', uid: 'uid-waits' }, 'NoPool'),
    ], null);
    await client.query("UPDATE documents SET document = replace(document, '\"name\":\"none\"', '\"name\":\"none\",\"generateName\":\"\\ud800\"') WHERE name = 'none'"); // which Postgres cannot read
    const { rows } = await client.query("DELETE FROM lb_waiting WHERE cluster_id = $1 AND reason = 'NotServed' RETURNING name", [red.id]);
    expect(rows.map(({ name }) => name).sort()).toEqual(['bare', 'foreign', 'none', 'odd']);
    await client.query(readFileSync(new URL('../../migrations/0008_lb_unserved.sql', import.meta.url), 'utf8'));
    const waits = (await differences(red)).filter((line) => line.includes('waits'));
    expect(waits).toEqual(['red: load balancer waits: missing: shop/none is not there, and the log says uid-none without  (NotServed) since revision 3 (revision 8)']);
  });

  describe('between the logs', () => {
    const between = async (): Promise<string[]> => (await verifySharedPools(store, 1)).map(differenceLine);
    const inRollback = async (change: string, values: unknown[] = []): Promise<string[]> => {
      const { rows: members } = await client.query('SELECT * FROM lb_members');
      const { rows: attachments } = await client.query('SELECT * FROM lb_attached');
      const { rows: waits } = await client.query('SELECT * FROM lb_waiting');
      try {
        await client.query(change, values);
        return await between();
      } finally {
        for (const [table, rows] of [['lb_members', members], ['lb_attached', attachments], ['lb_waiting', waits]] as const) {
          await client.query(`DELETE FROM ${table}`);
          await client.query(`INSERT INTO ${table} SELECT * FROM json_populate_recordset(NULL::${table}, $1)`, [JSON.stringify(rows)]);
        }
      }
    };

    it('finds nothing where what is attached is claimed', async () => expect(await between()).toEqual([]));

    it('finds what a Service has without a claim, or with one for another uid', async () => {
      const missing = ['blue: load balancer attachments: missing: 203.0.113.1 is attached to blue/shop/web (uid-web), and lb-pool:edge has not claimed it for that (revision 3)'];
      expect(await inRollback('DELETE FROM lb_members')).toEqual(missing);
      expect(await inRollback("UPDATE lb_members SET uid = 'other'")).toEqual([...missing, 'lb-pool:edge: load balancer addresses: leak: 203.0.113.1 is claimed for blue/shop/web (other), which neither has it nor waits for it (revision 3)']);
    });

    it('finds a claim that nobody has, unless its Service waits as it did when it was claimed', async () => {
      const leak = ['lb-pool:edge: load balancer addresses: leak: 203.0.113.1 is claimed for blue/shop/web (uid-web), which neither has it nor waits for it (revision 3)'];
      expect(await inRollback('DELETE FROM lb_attached')).toEqual(leak);
      expect(await inRollback("WITH gone AS (DELETE FROM lb_attached) UPDATE lb_waiting SET revision = 7 WHERE name = 'web'")).toEqual([]);
    });
  });
});
