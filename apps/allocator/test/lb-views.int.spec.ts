import { createPool, PostgresEventStore } from '@ipledger/event-store';
import { Stats } from '@ipledger/observability';
import { sharingGroupRef } from '@ipledger/services';
import { useFreshDatabase } from '@ipledger/testing';
import { rebuildViews, ViewsReader } from '@ipledger/views';
import type pg from 'pg';
import { allocated, append, attached, joined, left, poolOf, ref, released } from './lb-facts.js';
import { seriesOf, sumOf } from './exposition.js';
import { startServer, type Answer, type TestServer } from './start.js';

const database = useFreshDatabase();
let server: TestServer;
let views: pg.Pool;

const [web, api, db] = [ref('web'), ref('api'), ref('db')] as const;
const range4 = '203.0.113.10-203.0.113.13';
const range6 = '2001:db8::/124';

beforeAll(async () => {
  views = createPool({ url: database.url });
  const store = new PostgresEventStore(createPool({ url: database.url }));
  server = await startServer(store, {}, undefined, { stats: new Stats(views), views: new ViewsReader(views) });
  await server.register('blue', ['10.0.0.0/28', 'fd00::/120']);
  const group = sharingGroupRef(undefined, 'shop', 'front');
  await append(store, 'blue', [poolOf('edge', [range4, range6])]);
  await append(store, 'blue', [allocated('edge', '203.0.113.10', range4, web), joined('edge', '203.0.113.10', web), allocated('edge', '2001:db8::1', range6, group, undefined, 'front'), joined('edge', '2001:db8::1', web, 'front'), joined('edge', '2001:db8::1', api, 'front')]);
  await append(store, 'blue', [allocated('edge', '203.0.113.11', range4, db), joined('edge', '203.0.113.11', db)]);
  await append(store, 'blue', [released('edge', '203.0.113.11', range4, db), left('edge', '203.0.113.11', db)]);
  await append(store, 'blue', [attached('wide', '198.51.100.1', web)]);
  await append(store, 'lb-pool:wide', [poolOf('wide', ['198.51.100.0/31'], { clusters: 'all' })]);
  await append(store, 'lb-pool:wide', [allocated('wide', '198.51.100.1', '198.51.100.0/31', web, 'blue'), joined('wide', '198.51.100.1', web, null, 'blue')]);
  await append(store, 'lb-pool:wide', [allocated('wide', '198.51.100.0', '198.51.100.0/31', api, 'green'), joined('wide', '198.51.100.0', api, null, 'green')], new Date(Date.now() - 3_600_000));
  await rebuildViews({ viewsUrl: database.url, store });
});
afterAll(async () => {
  await server.close();
  await server.store.close();
  await views.end();
});

const get = (path: string): Promise<Answer> => server.send('GET', `/v1/${path}`);
const items = async (path: string): Promise<any[]> => {
  const answer = await get(path);
  expect(answer.status, answer.text).toBe(200);
  return answer.json.items as any[];
};

describe('an address of an LB pool', () => {
  it('names its pool, its holder and who has it', async () => {
    expect((await get('clusters/blue/addresses/203.0.113.10')).json).toMatchObject({
      pool: range4, band: 'dynamic', kind: 'load-balancer', lbPool: 'edge', holder: web, members: [{ ...web, ports: ['TCP/80'] }],
      history: [{ ...web, kind: 'load-balancer', lbPool: 'edge', until: null }],
    });
  });

  it('is the sharing group\'s where Services share it; the history says who they were', async () => {
    const answer = (await get('clusters/blue/addresses/2001:db8::1')).json;
    expect(answer).toMatchObject({ holder: { namespace: 'shop', name: 'sharing-key:front' }, sharingGroup: 'front', members: [api, web], history: [{ sharingGroup: 'front', members: [{ ...web, until: null }, { ...api, until: null }] }] });
  });

  it('that cools down says for whom, and who had it at a moment', async () => {
    const answer = (await get('clusters/blue/addresses/203.0.113.11')).json;
    expect(answer).toMatchObject({ holder: null, coolDown: { namespace: 'shop', name: 'db' }, history: [{ ...db, until: { reason: 'deleted' } }] });
    expect((await get(`clusters/blue/addresses/203.0.113.11?at=${answer.history[0].from.revision}`)).json).toMatchObject({ holder: db, lbPool: 'edge' });
  });

  it('of a shared pool is known in the cluster that has it, and in the pool for all of them', async () => {
    const here = (await get('clusters/blue/addresses/198.51.100.1')).json;
    expect(here).toMatchObject({ kind: 'load-balancer', lbPool: 'wide', shared: true, pool: null, holder: web, members: [web], history: [{ ...web, until: null }] });
    expect((await get(`clusters/blue/addresses/198.51.100.1?at=${here.history[0].from.revision}`)).json).toMatchObject({ holder: web });
    expect((await get(`clusters/blue/addresses/198.51.100.1?at=${here.history[0].from.revision - 1}`)).json).toMatchObject({ holder: null, lbPool: 'wide' });
    expect((await get('clusters/blue/addresses/198.51.100.0')).json).toMatchObject({ code: 'address_not_in_pools' });
    expect((await get('lb-pools/wide/addresses/198.51.100.0')).json).toMatchObject({ lbPool: 'wide', holder: api, members: [{ ...api, cluster: 'green' }], history: [{ ...api, cluster: 'green' }] });
    expect((await get('lb-pools/none/addresses/198.51.100.0')).json).toMatchObject({ code: 'not_found' });
  });

  it('is in the lists of who has what, page by page', async () => {
    const all = await items('clusters/blue/lb-addresses');
    expect(all.map(({ address, name, lbPool, shared, sharingGroup }) => [address, name, lbPool, shared, sharingGroup])).toEqual([
      ['198.51.100.1', 'web', 'wide', true, undefined], ['203.0.113.10', 'web', 'edge', false, undefined], ['2001:db8::1', 'api', 'edge', false, 'front'], ['2001:db8::1', 'web', 'edge', false, 'front'],
    ]);
    const first = (await get('clusters/blue/lb-addresses?limit=3')).json;
    expect([...first.items, ...await items(`clusters/blue/lb-addresses?limit=3&continue=${first.continue}`)]).toEqual(all);
    expect((await items('lb-pools/wide/addresses')).map(({ address, cluster, name }) => [address, cluster, name])).toEqual([['198.51.100.0', 'green', 'api'], ['198.51.100.1', 'blue', 'web']]);
  });
});

describe('how full LB pools are', () => {
  it('stands beside the Service CIDRs of the cluster, by range', async () => {
    expect((await items('clusters/blue/pools')).map(({ pool, kind, lbPool, primary, capacity, allocated, coolingDown, available }) => [pool, kind, lbPool, primary, capacity, allocated, coolingDown, available])).toEqual([
      ['10.0.0.0/28', 'cluster-ip', null, true, 14, 1, 0, 13], ['fd00::/120', 'cluster-ip', null, false, 255, 0, 0, 255], [range4, 'load-balancer', 'edge', false, 4, 1, 1, 2], [range6, 'load-balancer', 'edge', false, 16, 1, 0, 15],
    ]);
    expect((await items('lb-pools/wide/ranges')).map(({ pool, lbPool, capacity, available }) => [pool, lbPool, capacity, available])).toEqual([['198.51.100.0/31', 'wide', 2, 0]]);
  });

  it('is drawn for a range as for a CIDR', async () => {
    const map = (await get(`clusters/blue/pools/${range4}/map`)).json;
    expect(map).toMatchObject({ pool: range4, kind: 'load-balancer', lbPool: 'edge', from: '203.0.113.10', to: '203.0.113.13', cellSize: '1' });
    expect(map.cells.map(({ allocated: held, band }: any) => [held, band])).toEqual([[1, 'dynamic'], [0, 'dynamic'], [0, 'dynamic'], [0, 'dynamic']]);
    expect((await get('lb-pools/wide/ranges/198.51.100.0%2F31/map')).json.cells).toHaveLength(2);
    expect((await get('lb-pools/wide/ranges/198.51.100.4/map')).json).toMatchObject({ code: 'cidr_not_found' });
  });

  it('statistics have both kinds, and a shared pool belongs to no cluster', async () => {
    expect((await items('stats/pools')).map(({ cluster, pool, kind, lbPool, prefixLength, allocated }) => [cluster, pool, kind, lbPool, prefixLength, allocated])).toEqual([
      ['blue', '10.0.0.0/28', 'cluster-ip', null, 28, 1], ['blue', 'fd00::/120', 'cluster-ip', null, 120, 0],
      ['blue', range4, 'load-balancer', 'edge', null, 1], ['blue', range6, 'load-balancer', 'edge', 124, 1], ['', '198.51.100.0/31', 'load-balancer', 'wide', 31, 2],
    ]);
    expect((await items('stats/pools?lbPool=wide')).map(({ pool }) => pool)).toEqual(['198.51.100.0/31']);
    expect((await items('stats/pools?kind=cluster-ip')).map(({ pool }) => pool)).toEqual(['10.0.0.0/28', 'fd00::/120']);
    expect((await items('stats/clusters')).map(({ family, cidrs, allocated }) => [family, cidrs, allocated])).toEqual([['IPv4', '10.0.0.0/28', 1], ['IPv6', 'fd00::/120', 0]]);
    expect((await items('stats/options?of=cluster')).map(({ __value }) => __value)).toEqual(['blue']);
    expect((await items('stats/options?of=lbPool')).map(({ __value }) => __value)).toEqual(['edge', 'wide']);
    expect(await items('stats/namespaces?namespace=shop')).toEqual([expect.objectContaining({ family: 'IPv4', allocated: 0, lbAllocated: 1 }), expect.objectContaining({ family: 'IPv6', allocated: 0, lbAllocated: 1 })]);
  });

  it('history and annotations name the LB pool', async () => {
    const history = await items('stats/pools/history?kind=load-balancer');
    expect(new Set(history.map(({ cluster, lbPool, pool }) => `${cluster} ${lbPool} ${pool}`))).toEqual(new Set([`blue edge ${range4}`, `blue edge ${range6}`, ' wide 198.51.100.0/31']));
    expect((await items('stats/annotations?lbPool=wide')).map(({ text, cluster, kind }) => [text, cluster, kind])).toContainEqual(['198.51.100.0/31 of LB pool wide was added to the shared LB pools', '', 'load-balancer']);
  });

  it('has metrics of its own, and changes no others', async () => {
    const series = seriesOf((await server.send('GET', '/metrics')).text);
    expect(sumOf(series, 'ipledger_pool_capacity_addresses', {})).toBe(14 + 255);
    expect(sumOf(series, 'ipledger_lb_pool_allocated_addresses', { cluster: 'blue', lb_pool: 'edge', family: 'IPv4' })).toBe(1);
    expect(sumOf(series, 'ipledger_lb_pool_reserved_addresses', { lb_pool: 'edge', reason: 'cool-down' })).toBe(1);
    expect(sumOf(series, 'ipledger_lb_pool_available_addresses', { cluster: '', lb_pool: 'wide' })).toBe(0);
    expect(sumOf(series, 'ipledger_lb_unattached_claims', { lb_pool: 'wide' })).toBe(1); // that of green, whose log says nothing
    expect(sumOf(series, 'ipledger_lb_oldest_unattached_claim_seconds', { lb_pool: 'wide' })).toBeGreaterThan(3_500);
    expect((await server.send('GET', '/metrics/kubernetes')).text).not.toMatch(/203\.0\.113|198\.51\.100|lb-pool/);
    expect(await server.send('POST', '/v1/clusters/blue/preflight', { ipv4: 14 })).toMatchObject({ json: { fits: false, families: [{ family: 'IPv4', available: 13, missing: 1 }, { family: 'IPv6' }] } });
  });
});

it('lists who waits, for what, why and since when, and nothing else', async () => {
  const spec = { type: 'LoadBalancer', loadBalancerClass: 'ipledger.io/pool', allocateLoadBalancerNodePorts: false, ports: [{ port: 80 }] };
  const { json: made } = await server.send('POST', server.services('blue', 'shop'), { metadata: { name: 'late', annotations: { 'ipledger.io/load-balancer-pool': 'none' } }, spec });
  await rebuildViews({ viewsUrl: database.url, store: server.store });
  expect(await items('clusters/blue/lb-waiting')).toEqual([
    { namespace: 'shop', name: 'late', uid: made.metadata.uid, families: ['IPv4'], reason: 'NoPool', since: expect.stringMatching(/^20.*Z$/), revision: Number(made.metadata.resourceVersion) },
  ]);
});
