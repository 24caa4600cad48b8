import { InMemoryEventStore, type AppendBatch } from '@ipledger/event-store';
import { startServer, type TestServer } from './start.js';

/** An Idempotency-Key makes a retry safe: the same content gets the first answer again, other content is refused. */
describe('Idempotency-Key', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer();
    await server.register('c', ['10.96.0.0/16', 'fd00:10:96::/112']);
  });
  afterAll(() => server.close());
  const post = (name: string, key: string, spec: object = {}) =>
    server.send('POST', server.services('c'), { metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } }, { 'idempotency-key': key });

  it('answers the same again, and changes nothing the second time', async () => {
    const first = await post('a', 'key-a', { ipFamilyPolicy: 'PreferDualStack' });
    expect(first.status).toBe(201);
    const revision = await server.revision('c');
    const second = await post('a', 'key-a', { ipFamilyPolicy: 'PreferDualStack' });
    expect({ status: second.status, json: second.json, replayed: second.headers.get('idempotency-replayed') }).toEqual({ status: 201, json: first.json, replayed: 'true' });
    expect(await server.revision('c')).toBe(revision);
  });

  it('refuses other content under the same key', async () => {
    await post('b', 'key-b');
    const other = await post('b2', 'key-b');
    expect(other).toMatchObject({ status: 422, json: { kind: 'Status', message: expect.stringContaining('"key-b" was used for a request with other content') } });
    expect((await server.send('GET', `${server.services('c')}/b2`)).status).toBe(404);
  });

  it('makes one command of many that arrive together', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => post('many', 'key-many')));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    expect(new Set(answers.map(({ json }) => json.metadata.uid)).size).toBe(1);
  });

  it('leaves no trace of a refused request: the key can be used again', async () => {
    expect((await post('Bad_Name', 'key-c')).status).toBe(422);
    expect((await post('good-name', 'key-c')).status).toBe(201);
  });

  it('gives the first answer of an update and of a delete, whatever happened since', async () => {
    await post('d', 'key-d');
    const key = { 'idempotency-key': 'key-d-delete' };
    const deleted = await server.send('DELETE', `${server.services('c')}/d`, undefined, key);
    expect(deleted.status).toBe(200);
    await post('d', 'key-d-again');
    const again = await server.send('DELETE', `${server.services('c')}/d`, undefined, key);
    expect(again.json).toEqual(deleted.json);
    expect((await server.send('GET', `${server.services('c')}/d`)).status).toBe(200);
  });

  it('tells the same revision again of an update that changed nothing, though others came before it', async () => {
    const { json: { metadata } } = await post('same', 'key-same');
    await post('between', 'key-between');
    const update = () => server.send('PATCH', `${server.services('c')}/same`, { metadata: { labels: {} } }, { 'idempotency-key': 'key-same-update', 'content-type': 'application/merge-patch+json' });
    for (const { status, headers } of [await update(), await update()]) expect([status, headers.get('x-ipledger-revision')]).toEqual([200, metadata.resourceVersion]);
  });

  it('works under /v1 too', async () => {
    const register = () => server.send('POST', '/v1/clusters', { name: 'keyed', serviceCIDRs: ['10.0.0.0/24'] }, { 'idempotency-key': 'key-e' });
    expect((await register()).status).toBe(201);
    expect((await register()).status).toBe(201);
    expect((await server.send('POST', '/v1/clusters', { name: 'keyed', serviceCIDRs: ['10.0.0.0/24'] })).status).toBe(409);
  });

  it('answers 429 with Retry-After when the queue of a cluster is full', async () => {
    const gate = new Gate();
    const small = await startServer(new GatedStore(gate), { queueLimit: 4 });
    await small.register('q', ['10.96.0.0/16']);
    gate.close();
    const sent = Array.from({ length: 100 }, (_, i) =>
      small.send('POST', small.services('q'), { metadata: { name: `s${i}` }, spec: { ports: [{ port: 80 }] } }));
    // Answers can come for refusals only while the store is held up; the first one shows that the queue is full.
    expect((await Promise.race(sent)).status).toBe(429);
    gate.open();
    const answers = await Promise.all(sent);
    const refused = answers.filter(({ status }) => status === 429);
    const accepted = answers.filter(({ status }) => status === 201);
    expect(refused.length + accepted.length).toBe(100);
    expect(accepted.length).toBeGreaterThan(0);
    for (const { json, headers } of refused) {
      expect(headers.get('retry-after')).toBe('1');
      expect(json).toMatchObject({ kind: 'Status', reason: 'TooManyRequests', details: { retryAfterSeconds: 1 } });
    }
    const listed = (await small.send('GET', small.services('q'))).json.items as unknown[];
    expect(listed).toHaveLength(accepted.length + 1); // and default/kubernetes
    await small.close();
  });
});

/** Something that can be held up. */
class Gate {
  passed: Promise<void> = Promise.resolve();
  open: () => void = () => {};
  close(): void {
    this.passed = new Promise((resolve) => (this.open = resolve));
  }
}

/** A store whose appends wait at a gate. */
class GatedStore extends InMemoryEventStore {
  constructor(private readonly gate: Gate) {
    super();
  }
  override async append(batch: AppendBatch): Promise<void> {
    await this.gate.passed;
    await super.append(batch);
  }
}
