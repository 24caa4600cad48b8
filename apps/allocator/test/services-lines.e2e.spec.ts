import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { InMemoryEventStore } from '@ipledger/event-store';
import { eventually } from '@ipledger/testing';
import { startServer, type TestServer } from './start.js';

interface ItemAnswer {
  status: number;
  replayed?: true;
  object?: { metadata: { name: string } };
  error?: { code: number; message: string };
}

/** `ip.allocated` and `service.created`: the cluster of these tests has one family. */
const eventsPerService = 2;

const create = (name: string): string => JSON.stringify({ create: { metadata: { name }, spec: { ports: [{ port: 80 }] } } });

describe('POST /v1/clusters/{c}/services:batch with a line for each item', () => {
  let server: TestServer;
  beforeEach(async () => {
    server = await startServer(new InMemoryEventStore());
    await server.register('c', ['10.96.0.0/16']);
  });
  afterEach(() => server.close());

  const open = (headers: Record<string, string> = {}): ClientRequest =>
    httpRequest(`${server.url}/v1/clusters/c/services:batch`, { method: 'POST', headers: { 'content-type': 'application/x-ndjson', ...headers } });
  const answerOf = async (request: ClientRequest): Promise<IncomingMessage> => ((await once(request, 'response')) as [IncomingMessage])[0];
  const allOf = async (answer: IncomingMessage): Promise<ItemAnswer[]> => {
    const items: ItemAnswer[] = [];
    for await (const line of createInterface({ input: answer })) items.push(JSON.parse(line) as ItemAnswer);
    return items;
  };
  const send = async (body: string | Uint8Array, headers: Record<string, string> = {}): Promise<ItemAnswer[]> => {
    const request = open(headers);
    const answered = answerOf(request);
    request.end(body);
    return allOf(await answered);
  };
  const services = async (): Promise<number> => ((await server.send('GET', server.services('c'))).json.items as unknown[]).length - 1; // without default/kubernetes

  it('answers in order, while lines still come in', async () => {
    const request = open();
    const answered = answerOf(request);
    request.write(`${create('first')}\n`);
    const answer = await answered;
    expect(answer.headers['content-type']).toBe('application/x-ndjson');
    const lines = createInterface({ input: answer })[Symbol.asyncIterator]();
    const next = async () => JSON.parse((await lines.next()).value as string) as ItemAnswer;
    expect(await next()).toMatchObject({ status: 201, object: { metadata: { name: 'first' } } });
    request.write(`${create('second')}\n${create('first')}\n`);
    expect(await next()).toMatchObject({ status: 201, object: { metadata: { name: 'second' } } });
    expect(await next()).toMatchObject({ status: 409 });
    request.end(create('third'));
    expect(await next()).toMatchObject({ status: 201, object: { metadata: { name: 'third' } } });
    expect((await lines.next()).done).toBe(true);
  });

  it('does more than a batch holds, one bad line or another notwithstanding', async () => {
    const names = Array.from({ length: 3_000 }, (_, i) => `s${i}`);
    const lines = names.map((name, i) => (i === 7 ? 'no JSON' : i === 9 ? '{"create":7}' : i === 11 ? '' : i === 1500 ? create('s0') : create(name)));
    const items = await send(lines.join('\r\n'));
    expect(items).toHaveLength(2_999);
    const refused = items.flatMap(({ status, error }, i) => (status === 201 ? [] : [[i, status, error?.code]]));
    expect(refused).toEqual([[7, 400, 400], [9, 400, 400], [1499, 409, 409]]);
    expect(await services()).toBe(2_996);
  });

  it('passes over a line that is too long, and one that is no UTF-8', async () => {
    const long = `{"create":${' '.repeat(3 * 1024 * 1024)}7}`;
    const items = await send(Buffer.concat([Buffer.from(`${long}\n${create('a')}\n`), Buffer.from([0x22, 0xff, 0x22, 0x0a]), Buffer.from(create('b'))]));
    expect(items.map(({ status }) => status)).toEqual([413, 201, 400, 201]);
  });

  it('answers a retry of the same lines under a key again, and changes nothing', async () => {
    const lines = [create('a'), create('b')].join('\n');
    const first = await send(lines, { 'idempotency-key': 'k' });
    const before = await server.revision('c');
    expect(await send(lines, { 'idempotency-key': 'k' })).toEqual(first.map(({ status, object }) => ({ status, replayed: true, object })));
    expect((await send(create('other'), { 'idempotency-key': 'k' })).map(({ status }) => status)).toEqual([422]);
    expect(await server.revision('c')).toBe(before);
  });

  it('reads no further than a bounded number of items ahead of a client that takes no answers', async () => {
    const request = open();
    request.on('error', () => undefined); // destroyed at the end
    request.on('response', (answer) => answer.pause());
    const total = 4_000;
    const annotations = { large: 'x'.repeat(20_000) };
    try {
      for (let i = 0; i < total; i++) request.write(`${JSON.stringify({ create: { metadata: { name: `s${i}`, annotations }, spec: { ports: [{ port: 80 }] } } })}\n`);
      request.end();
      // It comes to rest although the lines are there: the revision is the same in ten looks.
      let [revision, looks] = [-1, 0];
      await eventually(async () => {
        const now = await server.revision('c');
        looks = now === revision && now > 100 ? looks + 1 : 0;
        revision = now;
        expect(looks).toBeGreaterThan(10);
      }, { timeoutMs: 60_000, everyMs: 50 });
      expect(revision).toBeLessThan((total * eventsPerService) / 2);
    } finally {
      request.destroy();
    }
  });

  it('goes on with nothing when the client is gone', async () => {
    const request = open();
    const answered = answerOf(request);
    request.on('error', () => undefined); // destroyed below
    request.write(`${create('a')}\n${create('b')}\n`);
    await answered;
    await eventually(async () => expect(await services()).toBe(2), { timeoutMs: 20_000 });
    request.destroy();
    expect((await server.send('GET', '/livez')).status).toBe(200);
  });

  it('is taken by no other path', async () => {
    const headers = { 'content-type': 'application/x-ndjson' };
    expect((await server.send('POST', server.services('c'), create('a'), headers)).json).toMatchObject({ kind: 'Status', code: 415 });
    expect((await server.send('POST', '/v1/clusters', create('a'), headers)).json).toMatchObject({ status: 415, code: 'unsupported_media_type' });
    expect(await services()).toBe(0);
  });
});
