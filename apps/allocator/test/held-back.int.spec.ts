import { createPool, PostgresEventStore } from '@ipledger/event-store';
import { freshDatabase, type TestDatabase } from '@ipledger/testing';
import { startServer, type Answer, type TestServer } from './start.js';

const cidrs = ['10.96.0.0/24', 'fd00::/120'];
const who = { reason: 'later', owner: 'ann' };

/** What is held back lives in tables that follow the log: another process, and the next one, see the same. */
describe('reservations and cool-downs on Postgres', () => {
  let database: TestDatabase;
  const open: TestServer[] = [];
  beforeAll(async () => { database = await freshDatabase(); });
  afterEach(async () => {
    for (const server of open.splice(0)) {
      await server.close();
      await server.store.close();
    }
  });
  afterAll(() => database.drop());
  const start = async (): Promise<TestServer> => {
    const server = await startServer(new PostgresEventStore(createPool({ url: database.url })));
    open.push(server);
    return server;
  };
  const create = (server: TestServer, cluster: string, name: string, clusterIP?: string): Promise<Answer> =>
    server.send('POST', server.services(cluster), { metadata: { name }, spec: { ports: [{ port: 80 }], ...(clusterIP !== undefined && { clusterIP }) } });

  it('hold in every process, and in the next one', async () => {
    const [a, b] = [await start(), await start()];
    await a.register('c', cidrs);
    await a.send('PUT', '/v1/clusters/c/cidrs/10.96.0.0/24', { coolDownSeconds: 600 });
    expect((await create(b, 'c', 'web', '10.96.0.9')).status).toBe(201);
    await a.send('POST', '/v1/clusters/c/reservations', { name: 'one', addresses: '10.96.0.20', ...who });
    await b.send('POST', '/v1/clusters/c/reservations', { name: 'range', addresses: '10.96.0.32/28', until: '2999-01-01T00:00:00Z', ...who });
    await b.send('DELETE', `${b.services('c')}/web`);
    const refused = async (server: TestServer): Promise<string[]> =>
      Promise.all(['10.96.0.9', '10.96.0.20', '10.96.0.40'].map(async (address) => (await create(server, 'c', 'thief', address)).json.message as string));
    const texts = [expect.stringContaining('cools down until'), expect.stringContaining('ipledger/reservation: one'), expect.stringContaining('ipledger/reservation: range')];
    expect(await refused(a)).toEqual(texts);
    expect(await refused(b)).toEqual(texts);
    const later = await start();
    expect(await refused(later)).toEqual(texts);
    expect((await later.send('GET', '/v1/clusters/c/cidrs')).json.items[0]).toMatchObject({ reserved: 17, coolingDown: 1 });
    // A process that has taken no order counts them in the database.
    expect((await (await start()).send('GET', '/v1/clusters/c/cidrs')).json.items[0]).toMatchObject({ reserved: 17, coolingDown: 1, available: 254 - 1 - 17 - 1 });
  });

  it('let many hold and confirm at once, from two processes, without one address twice', async () => {
    const [a, b] = [await start(), await start()];
    await a.register('holds', ['10.97.0.0/26']);
    const hold = (i: number): Promise<Answer> => (i % 2 ? a : b).send('POST', '/v1/clusters/holds/reservations', { name: `r${i}`, family: 'IPv4', seconds: 600, ...who });
    const held = await Promise.all(Array.from({ length: 70 }, (_, i) => hold(i)));
    expect(held.filter(({ status }) => status === 201)).toHaveLength(61); // 62 usable, one for default/kubernetes
    expect(held.filter(({ json }) => json.code === 'pools_exhausted')).toHaveLength(9);
    const addresses = held.flatMap(({ json }) => (json.first === undefined ? [] : [json.first as string]));
    expect(new Set(addresses).size).toBe(61);
    const confirmed = await Promise.all(held.flatMap(({ json }, i) => (json.first === undefined ? [] : [0, 1].map((twice) => (twice ? a : b).send(
      'POST', `/v1/clusters/holds/reservations/${json.name}/confirm`, { namespace: 'shop', service: { metadata: { name: `s${i}-${twice}` }, spec: { ports: [{ port: 80 }] } } })))));
    const won = confirmed.filter(({ status }) => status === 201).map(({ json }) => json.spec.clusterIP as string);
    expect(won.sort()).toEqual(addresses.sort());
    expect((await a.send('GET', '/v1/clusters/holds/reservations')).json).toEqual({ items: [] });
  });
});
