import { randomUUID } from 'node:crypto';
import { PostgresEventStore } from '@ipledger/event-store';
import { InMemoryTransport, recordedCommand, type AddressRecord, type RecordedCommand } from '@ipledger/messaging';
import { createLogger } from '@ipledger/runtime';
import { eventually, useFreshDatabase } from '@ipledger/testing';
import pg from 'pg';
import { Relay } from '../src/relay/relay.js';
import { startServer, type TestServer } from './start.js';

const database = useFreshDatabase();
const logger = createLogger({ level: 'error', format: 'json' });
let store: PostgresEventStore;
let server: TestServer;
const relays: Relay[] = [];
beforeAll(async () => {
  store = new PostgresEventStore({ url: database.url });
  server = await startServer(store);
  for (const name of ['blue', 'red']) await server.register(name, ['10.96.0.0/16', 'fd00::/112']);
});
afterEach(async () => {
  await Promise.all(relays.splice(0).map((relay) => relay.stop()));
});
afterAll(async () => {
  await server.close();
  await store.close();
});

const startRelay = (transport: InMemoryTransport): Relay => {
  const relay = new Relay(database.url, () => transport.publisher(), logger);
  relays.push(relay);
  relay.start();
  return relay;
};
let names = 0;
const create = async (cluster: string, count: number): Promise<void> => {
  const answers = await Promise.all(Array.from({ length: count }, () => server.send('POST', server.services(cluster), { metadata: { name: `s-${++names}` }, spec: { ipFamilyPolicy: 'PreferDualStack', ports: [{ port: 80 }] } })));
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
};
/** Commands that hold nothing, past the rules: many at once. */
const append = async (cluster: string, count: number): Promise<void> => {
  const { id, revision, epoch } = await store.nameCluster(cluster);
  const none = { taken: [], moved: [], released: [] };
  const command = { kind: 'X', requestId: null, actor: null, userAgent: null, traceparent: null };
  const rows = Array.from({ length: count }, () => ({ time: new Date(), eventCount: 1, events: '[{"type":"a","data":{}}]', command: { id: randomUUID(), ...command } }));
  await store.append({ clusterId: id, at: revision, epoch, claims: none, portClaims: none, documents: { written: [], removed: [] }, requests: [], rows });
};
const log = async (cluster: string): Promise<RecordedCommand[]> => {
  const head = await store.clusterByName(cluster);
  return (await store.readLog(head!.id, 0, 100_000)).map((row) => recordedCommand(cluster, row));
};
/** First appearance of each command, in order; what comes again must be the same. */
const firstSeen = (transport: InMemoryTransport, cluster: string): RecordedCommand[] => {
  const seen = new Map<number, RecordedCommand>();
  for (const command of transport.commands.filter((one) => one.cluster === cluster)) {
    expect(seen.get(command.revision) ?? command).toEqual(command);
    seen.set(command.revision, seen.get(command.revision) ?? command);
  }
  return [...seen.values()];
};
const holders = (transport: InMemoryTransport, cluster: string): AddressRecord[] => {
  const epoch = (JSON.parse(transport.addresses.get(cluster) ?? '{}') as { epoch?: number }).epoch;
  return [...transport.addresses].filter(([key]) => key.startsWith(`${cluster}/`)).map(([, value]) => JSON.parse(value) as AddressRecord).filter((record) => record.epoch === epoch);
};
const expectAllThere = async (transport: InMemoryTransport, clusters = ['blue', 'red']): Promise<void> => {
  for (const cluster of clusters) {
    const expected = await log(cluster);
    await eventually(() => expect(firstSeen(transport, cluster)).toEqual(expected), { timeoutMs: 20_000 });
    const claims = await store.listClaims((await store.clusterByName(cluster))!.id, undefined, 100_000);
    expect(holders(transport, cluster).map(({ address, service, revision }) => ({ address, ...service, revision })).sort((a, b) => (a.address < b.address ? -1 : 1)))
      .toEqual(claims.map(({ address, namespace, name, uid, revision }) => ({ address, namespace, name, uid, revision })).sort((a, b) => (a.address < b.address ? -1 : 1)));
    expect(JSON.parse(transport.addresses.get(cluster)!)).toMatchObject({ revision: expected.at(-1)?.revision });
  }
};

describe('the relay', () => {
  it('publishes what was there before it, and what comes while it runs', async () => {
    await create('blue', 20);
    const transport = new InMemoryTransport();
    const relay = startRelay(transport);
    await Promise.all([create('blue', 30), create('red', 30)]);
    await expectAllThere(transport);
    expect(relay.counts).toMatchObject({ active: true, errors: { broker: 0, database: 0, fenced: 0, other: 0 } });
  });

  it('keeps everything and its order over a transport that fails again and again', async () => {
    const transport = new InMemoryTransport();
    transport.topicsThere = false;
    transport.failures = 3;
    const relay = startRelay(transport);
    await create('blue', 20);
    await expectAllThere(transport);
    expect(relay.counts.errors.broker).toBe(3);
  });

  it('reads ahead when there is more than one batch, and what it has read goes with the one that fails', async () => {
    await append('green', 2_500);
    const transport = new InMemoryTransport();
    transport.topicsThere = false;
    transport.failures = 1;
    const relay = startRelay(transport);
    await eventually(() => expect(relay.counts.batches).toBeGreaterThan(2), { timeoutMs: 20_000 });
    await expectAllThere(transport, ['blue', 'red', 'green']);
    expect(relay.counts.errors).toEqual({ broker: 1, database: 0, fenced: 0, other: 0 });
    expect(transport.commands).toHaveLength((await Promise.all(['blue', 'red', 'green'].map(log))).flat().length);
  });

  it('stands by while another one is active, and takes over when that one stops', async () => {
    const transport = new InMemoryTransport();
    transport.topicsThere = false;
    const [first, second] = [startRelay(transport), startRelay(transport)];
    await eventually(() => expect([first, second].filter(({ counts }) => counts.active)).toHaveLength(1));
    const [active, standby] = first.counts.active ? [first, second] : [second, first];
    await active.stop();
    await eventually(() => expect(standby.counts.active).toBe(true));
    await create('red', 5);
    await expectAllThere(transport);
  });

  it('goes on after Postgres has ended its session', async () => {
    const transport = new InMemoryTransport();
    transport.topicsThere = false;
    const relay = startRelay(transport);
    await expectAllThere(transport);
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ipledger relay' AND datname = current_database()");
    await client.end();
    await create('blue', 5);
    await expectAllThere(transport);
    expect(relay.counts.errors.database).toBeGreaterThan(0);
  });

  it('publishes again from the first event when the topics are gone', async () => {
    const transport = new InMemoryTransport();
    transport.topicsThere = false;
    startRelay(transport);
    await expectAllThere(transport);
  });

  it('states anew who holds what after the epoch was raised, which voids claims that a lost log made', async () => {
    const transport = new InMemoryTransport();
    transport.topicsThere = false;
    expect((await server.send('POST', '/v1/lb-pools', { name: 'edge', cluster: 'blue', addresses: ['203.0.113.0/28'] })).status).toBe(201);
    const served = { type: 'LoadBalancer', loadBalancerClass: 'ipledger.io/pool', ports: [{ port: 80 }] };
    expect((await server.send('POST', server.services('blue'), { metadata: { name: 'served' }, spec: served })).status).toBe(201);
    startRelay(transport);
    await expectAllThere(transport, ['blue', 'red', 'green']); // nothing more comes by itself
    const records = (): object[] => holders(transport, 'blue').map((record) => ({ ...record, epoch: 0 })).sort((a, b) => (a.address < b.address ? -1 : 1));
    const stated = records();
    expect(stated.filter((record) => 'kind' in record)).toHaveLength(1);
    transport.addresses.set('blue/10.96.99.99', JSON.stringify({ cluster: 'blue', address: '10.96.99.99', epoch: 1, revision: 999_999 }));
    const before = transport.commands.length;
    await store.raiseEpoch();
    await eventually(() => expect(['blue', 'red'].map((name) => (JSON.parse(transport.addresses.get(name)!) as { epoch: number }).epoch)).toEqual([2, 2]));
    expect(transport.commands).toHaveLength(before);
    await expectAllThere(transport);
    expect(records()).toEqual(stated);
    await create('blue', 3);
    await expectAllThere(transport);
    expect((await log('blue')).at(-1)).toMatchObject({ epoch: 2 });
  });
});
