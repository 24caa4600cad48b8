import { eventually, useFreshDatabase } from '@ipledger/testing';
import pg from 'pg';
import { ServiceProcess } from './service-process.js';

const address = '203.0.113.1';
const json = { 'content-type': 'application/json' };
const soon = { timeoutMs: 30_000, everyMs: 50 };

/** `kill -9` exactly between two steps of the way to and from an address of a shared pool. A lock on the row of the log that the second step changes holds it up there. */
describe('an address of a shared LB pool, over a crash', () => {
  const database = useFreshDatabase();
  let client: pg.Client;
  let allocator: ServiceProcess;
  beforeAll(async () => {
    await ServiceProcess.build();
    client = new pg.Client({ connectionString: database.url });
    await client.connect();
    allocator = await ServiceProcess.startAllocator(database.url, { DRAIN_SECONDS: '0' });
    for (const name of ['blue', 'green']) expect(await send('POST', '/v1/clusters', { name, serviceCIDRs: ['10.96.0.0/16'] })).toBe(201);
  }, 240_000);
  afterAll(async () => {
    await allocator.end('SIGKILL');
    await client.end();
  });

  const send = async (method: string, path: string, body?: object): Promise<number> =>
    (await fetch(`${allocator.url}${path}`, { method, headers: json, ...(body && { body: JSON.stringify(body) }) })).status;
  const services = (cluster: string): string => `/clusters/${cluster}/api/v1/namespaces/default/services`;
  const create = (cluster: string): Promise<number> =>
    send('POST', services(cluster), { metadata: { name: 'web' }, spec: { type: 'LoadBalancer', loadBalancerClass: 'ipledger.io/pool', ports: [{ port: 80 }] } });
  const holders = async (): Promise<{ claimed: string[]; attached: string[] }> => {
    const claimed = await client.query<{ holder: string }>("SELECT host(address) || ' ' || holder_cluster AS holder FROM lb_members ORDER BY 1");
    const attached = await client.query<{ holder: string }>("SELECT host(address) || ' ' || c.name AS holder FROM lb_attached a JOIN clusters c ON c.id = a.cluster_id ORDER BY 1");
    return { claimed: claimed.rows.map(({ holder }) => holder), attached: attached.rows.map(({ holder }) => holder) };
  };
  const hold = async (log: string): Promise<void> => {
    await client.query('BEGIN');
    await client.query('SELECT FROM cluster_revisions WHERE cluster_id = (SELECT id FROM clusters WHERE name = $1) FOR UPDATE', [log]);
  };
  /** The statement that waits dies with its process: Postgres itself would go on with it once it has the row. */
  const killHeldUp = async (): Promise<void> => {
    await eventually(async () => expect((await client.query("SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")).rowCount).toBeGreaterThan(0), soon);
    await allocator.end('SIGKILL');
    await client.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()');
    await client.query('ROLLBACK');
    await eventually(async () => expect((await client.query("SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'")).rowCount).toBe(0), soon);
  };
  const restart = async (): Promise<void> => {
    allocator = await ServiceProcess.startAllocator(database.url, { DRAIN_SECONDS: '0' });
  };

  it('is attached after a restart, when the crash came between claim and attachment', async () => {
    expect(await create('blue')).toBe(201);
    await hold('blue');
    expect(await send('POST', '/v1/lb-pools', { name: 'edge', clusters: 'all', addresses: [address] })).toBe(201);
    await eventually(async () => expect((await holders()).claimed).toEqual([`${address} blue`]), soon);
    await killHeldUp();
    expect(await holders()).toEqual({ claimed: [`${address} blue`], attached: [] });
    await restart();
    await eventually(async () => expect(await holders()).toEqual({ claimed: [`${address} blue`], attached: [`${address} blue`] }), soon);
  }, 120_000);

  it('is free after a restart, and with who waits for it, when the crash came between detachment and release', async () => {
    expect(await create('green')).toBe(201);
    await hold('lb-pool:edge');
    expect(await send('DELETE', `${services('blue')}/web`)).toBe(200);
    await killHeldUp();
    expect(await holders()).toEqual({ claimed: [`${address} blue`], attached: [] });
    await restart();
    await eventually(async () => expect(await holders()).toEqual({ claimed: [`${address} green`], attached: [`${address} green`] }), soon);
  }, 120_000);
});
