import { createPool, PostgresEventStore } from '@ipledger/event-store';
import { LogTail } from '@ipledger/messaging';
import { createLogger, MetricsRegistry } from '@ipledger/runtime';
import { useFreshDatabase } from '@ipledger/testing';
import { Projector, registerProjectionMetrics, ViewsReader } from '@ipledger/views';
import type pg from 'pg';
import { startServer, type TestServer } from './start.js';

const logger = createLogger({ level: 'error', format: 'json' });
const cluster = 'c';

/** The real server, with the projection in the same process, as `npm start` runs it. */
describe('queries of the views', () => {
  const database = useFreshDatabase();
  let pool: pg.Pool;
  let server: TestServer;
  let projector: Projector;
  let tail: LogTail;
  let written: number;
  beforeAll(async () => {
    pool = createPool({ url: database.url, max: 6 });
    const store = new PostgresEventStore({ url: database.url, max: 6 });
    const views = new ViewsReader(pool);
    projector = new Projector({ pool, viewsUrl: database.url, store, logger, onApplied: () => views.hint() });
    await projector.start();
    tail = new LogTail({ store, positionOf: (name) => projector.positionOf(name), onFailure: () => undefined });
    void tail.run((batch) => projector.take(batch));
    server = await startServer(store, {}, undefined, { views, onCommit: () => tail.hint() });
    await server.register(cluster, ['10.96.0.0/24', 'fd00::/120']);
  });
  afterAll(async () => {
    await tail.stop();
    await projector.stop();
    await server.close();
    await server.store.close();
    await pool.end();
  });

  const dual = (name: string, spec: object = {}) => ({ metadata: { name }, spec: { ipFamilyPolicy: 'PreferDualStack', ports: [{ port: 80 }], ...spec } });
  const create = async (body: object, namespace = 'default') => noted(await server.send('POST', server.services(cluster, namespace), body));
  const remove = async (name: string, namespace = 'default') => {
    noted(await server.send('DELETE', `${server.services(cluster, namespace)}/${name}`));
    written = await server.revision(cluster);
  };
  const noted = (answer: Awaited<ReturnType<TestServer['send']>>) => {
    expect(answer.status).toBeLessThan(300);
    written = Number(answer.json.metadata.resourceVersion ?? written);
    return answer.json;
  };
  const get = (path: string) => server.send('GET', `/v1/clusters/${cluster}/${path}`);
  /** Reads one's own writes. */
  const seen = async (path: string) => (await get(`${path}${path.includes('?') ? '&' : '?'}minRevision=${written}&timeout=30s`)).json;
  const time = async (revision: number) => (await get(`events?after=${revision - 1}&limit=1`)).json.items[0].time as string;

  it('says who held an address, from when to when, and why it was released', async () => {
    const web = await create(dual('web', { clusterIP: '10.96.0.200' }));
    const allocated = written - 2; // its address comes before the other one and the Service
    await remove('web');
    const released = written;
    const shop = await create(dual('shop', { clusterIP: '10.96.0.200' }), 'store');
    const answer = await seen('addresses/10.96.0.200');
    expect(answer).toMatchObject({ address: '10.96.0.200', family: 'IPv4', pool: '10.96.0.0/24', band: 'dynamic', holder: { namespace: 'store', name: 'shop', uid: shop.metadata.uid } });
    expect(answer.history).toMatchObject([
      { namespace: 'store', name: 'shop', until: null },
      { namespace: 'default', name: 'web', uid: web.metadata.uid, from: { revision: allocated }, until: { revision: expect.any(Number), reason: 'deleted' } },
    ]);
    expect(answer.historyAsOf.revision).toBeGreaterThanOrEqual(written);

    const then = await time(allocated);
    for (const at of [String(allocated), encodeURIComponent(then)])
      expect((await get(`addresses/10.96.0.200?at=${at}`)).json).toMatchObject({ holder: { namespace: 'default', name: 'web', until: { reason: 'deleted' } }, asOf: { revision: expect.any(Number) } });
    expect((await get(`addresses/10.96.0.200?at=${released}`)).json).toMatchObject({ holder: null, pool: '10.96.0.0/24' });
    expect((await get(`addresses/10.96.0.200?at=${allocated - 1}`)).json.holder).toBeNull();
    expect((await get(`addresses/10.96.0.200?at=${encodeURIComponent(new Date(Date.parse(then) - 1000).toISOString())}`)).json.holder).toBeNull();
    const first = await seen('addresses/10.96.0.200?limit=1');
    expect((await get(`addresses/10.96.0.200?limit=1&continue=${first.continue}`)).json.history).toMatchObject([{ name: 'web' }]);
  });

  it('says how full each pool is, by band, with its marks', async () => {
    const before = await seen('pools');
    await create(dual('one', { clusterIP: '10.96.0.3' }));
    await create(dual('two'));
    await remove('one');
    const after = await seen('pools');
    expect(after.items.map(({ pool, primary, state, capacityExact }: any) => ({ pool, primary, state, capacityExact }))).toEqual([
      { pool: '10.96.0.0/24', primary: true, state: 'open', capacityExact: '254' }, { pool: 'fd00::/120', primary: false, state: 'open', capacityExact: '255' },
    ]);
    const [v4, was] = [after.items[0], before.items[0]];
    expect([v4.allocated, v4.highWater]).toEqual([was.allocated + 1, was.allocated + 2]);
    expect(v4.available).toBe(v4.capacity - v4.allocated);
    expect(v4.bands.map(({ band, from, to, capacity }: any) => [band, from, to, capacity])).toEqual([['static', '10.96.0.1', '10.96.0.16', 16], ['dynamic', '10.96.0.17', '10.96.0.254', 238]]);
    expect(v4.bands[0].allocated + v4.bands[1].allocated).toBe(v4.allocated);
    expect(v4.bands[0].highWater).toBe(was.bands[0].allocated + 1);
    expect(after.asOf).toEqual({ revision: written, time: await time(written) });
  });

  it('says who holds which node port, now and before', async () => {
    const service = await create(dual('open', { type: 'NodePort', ports: [{ port: 80, nodePort: 30080 }] }));
    const held = { purpose: 'node-port', namespace: 'default', name: 'open', uid: service.metadata.uid };
    expect(await seen('node-ports')).toMatchObject({ items: [{ port: 30080, ...held }], range: '30000-32767' });
    const at = written;
    await remove('open');
    expect(await seen('node-ports')).toMatchObject({ items: [] });
    expect(await seen(`node-ports?at=${at}`)).toMatchObject({ items: [{ port: 30080, ...held }] });
    expect(await seen('node-ports/30080')).toMatchObject({ port: 30080, holder: null, history: [{ ...held, until: { reason: 'deleted' } }] });
    expect(await seen(`node-ports/30080?at=${at}`)).toMatchObject({ holder: held });
    expect((await get('node-ports/70000')).json).toMatchObject({ code: 'invalid_request', detail: expect.stringContaining('is not a port') });
  });

  it('lists the Services of a moment, in pages of the same moment', async () => {
    for (const name of ['s1', 's2', 's3']) await create(dual(name), 'paged');
    const at = written;
    const then = await time(at);
    const page = await seen('services?namespace=paged&limit=2');
    await remove('s3', 'paged');
    await create(dual('s4', { clusterIP: 'None' }), 'paged');
    const names = (answer: any) => answer.items.map(({ name }: any) => name);
    expect(names((await get(`services?namespace=paged&limit=2&continue=${page.continue}`)).json)).toEqual(['s3']);
    expect(names(await seen('services?namespace=paged'))).toEqual(['s1', 's2', 's4']);
    for (const moment of [String(at), encodeURIComponent(then)]) expect(names(await seen(`services?namespace=paged&at=${moment}`))).toEqual(['s1', 's2', 's3']);
    const headless = await seen('services?namespace=paged&headless=true');
    expect(headless.items).toMatchObject([{ name: 's4', clusterIPs: ['None'], ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'PreferDualStack', unsatisfied: false }]);
  });

  it('finds the Services that wait for their second family', async () => {
    await server.register('growing', ['10.97.0.0/24']);
    const services = server.services('growing');
    await server.send('POST', services, dual('early'));
    await server.send('PUT', '/v1/clusters/growing', { serviceCIDRs: ['10.97.0.0/24', 'fd01::/120'] });
    const { json } = await server.send('POST', services, dual('late'));
    const { json: found } = await server.send('GET', `/v1/clusters/growing/services?unsatisfied=true&minRevision=${json.metadata.resourceVersion}&timeout=30s`);
    expect(found.items).toMatchObject([{ name: 'early', ipFamilies: ['IPv4'], unsatisfied: true }]);
  });

  it('waits for what was written, and says when it does not come in time', async () => {
    const { revision } = (await get('pools')).json.asOf as { revision: number };
    const waiting = get(`pools?minRevision=${revision + 3}&timeout=30s`);
    await create(dual('awaited'));
    expect((await waiting).json.asOf.revision).toBe(revision + 3);
    const late = await get(`pools?minRevision=${revision + 900}&timeout=50ms`);
    expect([late.status, late.json.code, late.json.retriable, late.headers.get('retry-after')]).toEqual([503, 'views_behind', true, '1']);
  });

  it.each([
    ['services?at=yesterday', /is neither a revision nor an instant/], ['services?at=2026-03-01', /is neither/], ['services?at=99999999', /is past the end of the log/],
    ['addresses/10.96.0.1?at=-1', /is neither/], ['pools?timeout=1h', /is not a time/], ['pools?minRevision=x', /whole number/], ['services?unsatisfied=1', /true nor false/],
    ['services?continue=x', /not a token/], ['events?follow=yes', /true nor false/], ['events?follow=true&after=99999999', /past the end/],
  ])('refuses %s', async (path, why) => {
    const answer = await get(path);
    expect([answer.status, answer.json.code]).toEqual([400, 'invalid_request']);
    expect(answer.json.detail).toMatch(why);
  });

  describe('the log as a stream', () => {
    const events = async (query: string, count: number, headers: Record<string, string> = {}): Promise<{ ids: number[]; types: string[] }> => {
      const stop = new AbortController();
      const answer = await fetch(`${server.url}/v1/clusters/${cluster}/events?follow=true&${query}`, { headers, signal: stop.signal });
      expect(answer.headers.get('content-type')).toContain('text/event-stream');
      let text = '';
      for await (const chunk of answer.body!) {
        text += Buffer.from(chunk).toString();
        if (text.split('\n\n').filter((block) => block.startsWith('id:')).length >= count) break;
      }
      stop.abort();
      const blocks = text.split('\n\n').filter((block) => block.startsWith('id:'));
      return { ids: blocks.map((block) => Number(/^id: (\d+)/.exec(block)?.[1])), types: blocks.map((block) => JSON.parse(/data: (.*)/.exec(block)?.[1] ?? '').type) };
    };
    const from = (first: number, count: number): number[] => Array.from({ length: count }, (_, i) => first + i);

    it('sends what was there and what comes, each event once, in order, with its revision as id', async () => {
      const start = await server.revision(cluster);
      const followed = [events(`after=${start - 4}`, 10), events(`after=${start - 4}`, 10), events(`after=${start}`, 6)];
      await create(dual('followed-1'));
      await create(dual('followed-2'));
      const [one, two, fresh] = await Promise.all(followed);
      expect(one!.ids).toEqual(from(start - 3, 10));
      expect(two).toEqual(one);
      expect(fresh!.ids).toEqual(from(start + 1, 6));
      expect(fresh!.types).toEqual(['ip.allocated', 'ip.allocated', 'service.created', 'ip.allocated', 'ip.allocated', 'service.created']);
    });

    it('resumes after the last id that a client has, also in the middle of a command', async () => {
      const head = await server.revision(cluster);
      expect((await events('after=0', 2, { 'last-event-id': String(head - 2) })).ids).toEqual(from(head - 1, 2));
    });

    it('ends when the process stops', async () => {
      const other = await startServer(new PostgresEventStore({ url: database.url, max: 2 }));
      const answer = await fetch(`${other.url}/v1/clusters/${cluster}/events?follow=true`);
      const chunks = answer.body!.getReader();
      let text = '';
      while (!text.includes('id: 1\n')) text += Buffer.from((await chunks.read()).value ?? []).toString();
      const closing = other.close();
      while (!(await chunks.read()).done); // to its end, not to an error
      await closing;
      await other.store.close();
    });
  });

  it('shows in its metrics how far the projection is', async () => {
    const registry = new MetricsRegistry();
    registerProjectionMetrics(registry, projector);
    await get(`pools?minRevision=${written}&timeout=30s`);
    const text = await registry.render('text');
    expect(text).toContain(`ipledger_projection_revision{cluster="${cluster}"} ${await server.revision(cluster)}\n`);
    expect(text).toContain(`ipledger_projection_lag_seconds{cluster="${cluster}"} 0\n`);
    expect(text).toContain(`ipledger_projection_stopped{cluster="${cluster}"} 0\n`);
  });
});
