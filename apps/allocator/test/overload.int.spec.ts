import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { createPool, OutcomeUnknown, PostgresEventStore, type AppendBatch } from '@ipledger/event-store';
import { eventually, freshDatabase, TcpProxy, type TestDatabase } from '@ipledger/testing';
import { startServer, type Answer, type TestServer } from './start.js';

/** Postgres is slow, stuck or away: what cannot be done is refused in time, with the wish to be asked again, and nothing piles up. */
describe('a database that does not answer', () => {
  let database: TestDatabase;
  let proxy: TcpProxy;
  let server: TestServer;
  beforeAll(async () => {
    database = await freshDatabase();
    proxy = await TcpProxy.to(database.url);
    const store = new PostgresEventStore(createPool({ url: proxy.urlOf(database.url), max: 4, statementTimeoutMs: 3_000 }));
    server = await startServer(store, { queueLimit: 16, queueSeconds: 3 }, { requestLimit: 40 });
    await server.register('c', ['10.96.0.0/16']);
    await create('before');
  });
  afterEach(() => proxy.resume());
  afterAll(async () => {
    await server.close();
    await server.store.close();
    await proxy.close();
    await database.drop();
  });
  const create = (name: string): Promise<Answer> => server.send('POST', server.services('c'), { metadata: { name }, spec: { ports: [{ port: 80 }] } });
  const list = async (): Promise<string[]> => ((await server.send('GET', server.services('c'))).json.items as { metadata: { name: string } }[]).map(({ metadata }) => metadata.name);
  const expectShed = ({ status, headers, json }: Answer): void => {
    expect([429, 503]).toContain(status);
    expect(headers.get('retry-after')).toMatch(/^\d+$/);
    expect(json).toMatchObject({ kind: 'Status', reason: status === 429 ? 'TooManyRequests' : 'ServiceUnavailable', code: status });
  };

  it('stuck: ten times what there is room for is refused with 429 or 503 and Retry-After; then all is well again', async () => {
    proxy.stall();
    const answers = await Promise.all(Array.from({ length: 400 }, (_, i) => (i % 2 === 0 ? create(`stuck-${i}`) : server.send('GET', `${server.services('c')}/before`))));
    for (const answer of answers) expectShed(answer);
    const count = (code: number): number => answers.filter(({ status }) => status === code).length;
    expect(count(429)).toBeGreaterThan(0); // those for whom there was no room
    expect(count(503)).toBeGreaterThan(0); // those who waited
    expect((await server.send('GET', '/livez')).status).toBe(200);
    expect((await server.send('GET', '/readyz')).status).toBe(503);
    proxy.resume();
    await eventually(async () => expect((await create('after-stall')).status).toBe(201), { timeoutMs: 20_000 });
    expect(await list()).toContain('after-stall');
  });

  it('cut off: connections are made anew, and a create that was answered is there', async () => {
    const created: string[] = [];
    for (let i = 0; i < 5; i++) {
      const sent = Array.from({ length: 8 }, (_, j) => create(`cut-${i}-${j}`));
      proxy.cut();
      for (const [j, { status }] of (await Promise.all(sent)).entries()) {
        expect([201, 503]).toContain(status);
        if (status === 201) created.push(`cut-${i}-${j}`);
      }
    }
    await eventually(async () => expect((await create('after-cut')).status).toBe(201), { timeoutMs: 20_000 });
    expect(await list()).toEqual(expect.arrayContaining(created));
  });

  it('with the row of one cluster held by somebody: its commands get 503 in time, other clusters go on', async () => {
    await server.register('other', ['10.97.0.0/16']);
    const pool = createPool({ url: database.url });
    const holder = await pool.connect();
    await holder.query("BEGIN; SELECT FROM cluster_revisions r JOIN clusters c ON c.id = r.cluster_id WHERE c.name = 'c' FOR UPDATE OF r");
    const held = Array.from({ length: 30 }, (_, i) => create(`held-${i}`));
    const elsewhere = await server.send('POST', server.services('other'), { metadata: { name: 's' }, spec: { ports: [{ port: 80 }] } });
    expect(elsewhere.status).toBe(201);
    for (const answer of await Promise.all(held)) expectShed(answer);
    await holder.query('ROLLBACK');
    holder.release();
    await pool.end();
    await eventually(async () => expect((await create('after-hold')).status).toBe(201), { timeoutMs: 20_000 });
    expect((await list()).filter((name) => name.startsWith('held-'))).toEqual([]);
  });
});

/** Appends wait until they are let go: for a row that is held they would do so for five seconds, and a slow machine takes longer for the refusals. */
class HeldStore extends PostgresEventStore {
  private held: Promise<void> | undefined;

  hold(): () => void {
    let open = (): void => undefined;
    this.held = new Promise((resolve) => { open = resolve; });
    return () => open();
  }
  override async append(batch: AppendBatch): Promise<void> {
    await this.held;
    await super.append(batch);
  }
}

describe('more commands than may wait', () => {
  it('gives a place to as many as the queue holds, 429 and Retry-After to the others at once, and keeps what it acknowledged, no more and no less', async () => {
    const queueLimit = 32;
    const database = await freshDatabase();
    const store = new HeldStore({ url: database.url, max: 4 });
    const server = await startServer(store, { queueLimit, queueSeconds: 100 });
    try {
      await server.register('c', ['10.96.0.0/16']);
      const letGo = store.hold();
      const refused: Answer[] = [];
      const sent = Array.from({ length: 10 * queueLimit }, async (_, i) => {
        const answer = await server.send('POST', server.services('c'), { metadata: { name: `s-${i}` }, spec: { ports: [{ port: 80 }] } });
        if (answer.status === 429) refused.push(answer);
        return { name: `s-${i}`, ...answer };
      });
      // Those in the append that hangs, those decided ahead of it and those that wait: each was in the queue once.
      await eventually(() => expect(refused.length).toBeGreaterThanOrEqual(10 * queueLimit - 3 * queueLimit), { timeoutMs: 60_000 });
      letGo();
      const answers = await Promise.all(sent);
      const created = answers.filter(({ status }) => status === 201).map(({ name }) => name);
      expect(created.length).toBeGreaterThanOrEqual(queueLimit);
      for (const { status, headers, json } of answers.filter((answer) => answer.status !== 201)) {
        expect([status, headers.get('retry-after')]).toEqual([429, '1']);
        expect(json).toMatchObject({ kind: 'Status', reason: 'TooManyRequests', code: 429 });
      }
      const { items } = (await server.send('GET', server.services('c'))).json as { items: { metadata: { name: string } }[] };
      expect(items.map(({ metadata }) => metadata.name).sort()).toEqual(['kubernetes', ...created.sort()]);
      expect((await server.send('POST', server.services('c'), { metadata: { name: 'after' }, spec: { ports: [{ port: 80 }] } })).status).toBe(201);
    } finally {
      await server.close();
      await server.store.close();
      await database.drop();
    }
  });
});

/** Loses the answer of an append that has committed. */
class LosingStore extends PostgresEventStore {
  loses = false;
  override async append(batch: AppendBatch): Promise<void> {
    await super.append(batch);
    if (!this.loses) return;
    this.loses = false;
    throw new OutcomeUnknown('the connection was lost during a commit');
  }
}

describe('a commit of which nobody knows whether it happened', () => {
  it('is found in the log with the last connection there is: every other one may hold the row of a cluster that asks the same', async () => {
    const database = await freshDatabase();
    const store = new LosingStore({ url: database.url, max: 1 });
    const server = await startServer(store);
    try {
      await server.register('c', ['10.96.0.0/16']);
      store.loses = true;
      const { status, text: answer } = await server.send('POST', server.services('c'), { metadata: { name: 'once' }, spec: { ports: [{ port: 80 }] } });
      expect([status, answer]).toEqual([201, (await server.send('GET', `${server.services('c')}/once`)).text]);
      expect(store.loses).toBe(false);
    } finally {
      await server.close();
      await server.store.close();
      await database.drop();
    }
  });
});

describe('a client that sends what it should not', () => {
  let server: TestServer;
  beforeAll(async () => { server = await startServer(undefined, {}, { requestLimit: 2 }); });
  afterAll(() => server.close());
  const raw = async (request: string): Promise<string> => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    socket.write(request);
    return text(socket);
  };

  it.each<[string, string, number, string]>([
    ['headers of more than 16 KiB', `GET /v1/clusters HTTP/1.1\r\nhost: x\r\nx-long: ${'a'.repeat(17_000)}\r\n\r\n`, 431, 'headers_too_large'],
    ['a URL of more than 16 KiB', `GET /v1/clusters?${'a'.repeat(17_000)} HTTP/1.1\r\nhost: x\r\n\r\n`, 431, 'headers_too_large'],
    ['what is not HTTP', 'hello\r\n\r\n', 400, 'invalid_request'],
  ])('%s', async (_what, request, status, code) => {
    const [head, body] = (await raw(request)).split('\r\n\r\n');
    expect(head).toContain(`HTTP/1.1 ${status} `);
    expect(JSON.parse(body ?? '')).toMatchObject({ status, code });
  });

  it('bodies that never come take no more than their share', async () => {
    const slow = [0, 1].map(() => {
      const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
      socket.write('POST /v1/clusters HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{');
      return socket;
    });
    await eventually(async () => {
      const { status, json } = await server.send('GET', '/v1/clusters');
      expect([status, json.detail]).toEqual([429, '2 requests are in progress, which is the limit of this process; retry later']);
    });
    expect((await server.send('GET', '/livez')).status).toBe(200);
    for (const socket of slow) {
      socket.destroy();
      await once(socket, 'close');
    }
    await eventually(async () => expect((await server.send('GET', '/v1/clusters')).status).toBe(200));
  });
});
