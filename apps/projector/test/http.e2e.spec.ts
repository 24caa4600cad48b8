import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { createPool, InMemoryEventStore } from '@ipledger/event-store';
import { Stats } from '@ipledger/observability';
import { createLogger, MetricsRegistry } from '@ipledger/runtime';
import { ViewsReader } from '@ipledger/views';
import { createProjectorHttp, type ProjectorHttp } from '../src/http.js';

describe('the HTTP side of a projector', () => {
  const pool = createPool({ url: 'postgres://nobody@127.0.0.1:1/none' }); // nothing here asks the views
  let http: ProjectorHttp;
  let port: number;
  beforeEach(async () => {
    const logger = createLogger({ level: 'error', format: 'pretty' });
    http = await createProjectorHttp({ store: new InMemoryEventStore(), views: new ViewsReader(pool), stats: new Stats(pool), registry: new MetricsRegistry(), logger, isStopping: () => false });
    port = await http.listen(0, '127.0.0.1');
  });
  afterEach(() => http.close());
  afterAll(() => pool.end());

  const open = async (): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return socket;
  };

  it.each([['/livez', 200], ['/metrics', 200], ['/nothing', 404], ['/v1/clusters/none/events', 404]])('answers %s with a request id, and lets nobody guess what it is', async (path, status) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { 'x-request-id': 'mine' } });
    expect([answer.status, answer.headers.get('x-content-type-options'), answer.headers.get('x-request-id')]).toEqual([status, 'nosniff', 'mine']);
  });

  it.each<[string, string, number, string]>([
    ['headers of more than 16 KiB', `GET /livez HTTP/1.1\r\nhost: x\r\nx-long: ${'a'.repeat(17_000)}\r\n\r\n`, 431, 'headers_too_large'],
    ['what is not HTTP', 'hello\r\n\r\n', 400, 'invalid_request'],
  ])('answers %s with a problem', async (_what, request, status, code) => {
    const socket = await open();
    socket.write(request);
    const [head, body] = (await text(socket)).split('\r\n\r\n');
    expect(head).toContain(`HTTP/1.1 ${status} `);
    expect(head).toContain('content-type: application/problem+json');
    expect(JSON.parse(body ?? '')).toMatchObject({ status, code });
  });

  it('asks clients to go elsewhere before it ends, and serves them meanwhile', async () => {
    const get = async (): Promise<[number, string | null]> => {
      const answer = await fetch(`http://127.0.0.1:${port}/livez`);
      return [answer.status, answer.headers.get('connection')];
    };
    expect(await get()).toEqual([200, 'keep-alive']);
    http.turnAway();
    expect(await get()).toEqual([200, 'close']);
  });

  it('waits at its end for no connection that is idle, used before or never', async () => {
    const [used, unused] = [await open(), await open()];
    used.write('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n');
    const [answer] = (await once(used, 'data')) as [Buffer];
    expect(answer.toString()).toContain('HTTP/1.1 200');
    const ended = [used, unused].map((socket) => once(socket.resume(), 'close'));
    await http.close();
    await Promise.all(ended);
  });
});
