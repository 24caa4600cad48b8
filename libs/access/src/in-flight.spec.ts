import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { connect, type AddressInfo } from 'node:net';
import { fastify } from 'fastify';
import { InFlight } from './in-flight.js';

const take = (inFlight: InFlight, headers: Record<string, string> = {}): { refused: string | undefined; end: () => void } => {
  const response = new EventEmitter();
  return { refused: inFlight.take({ headers } as unknown as IncomingMessage, response as ServerResponse), end: () => void response.emit('close') };
};

it('takes as many requests as may be in progress, and one more when one has ended', () => {
  const inFlight = new InFlight(2);
  const first = take(inFlight);
  expect(take(inFlight).refused).toBeUndefined();
  expect(take(inFlight).refused).toBe('2 requests are in progress, which is the limit of this process; retry later');
  first.end();
  expect(take(inFlight).refused).toBeUndefined();
  expect(take(inFlight).refused).toBeDefined();
});

it.each<[string, Record<string, string>, number]>([
  ['a body of 3 MiB', { 'content-length': String(3 * 1024 * 1024) }, 85],
  ['one of unknown length', { 'transfer-encoding': 'chunked' }, 85],
  ['one whose length will be refused', { 'content-length': '999999999999' }, 85],
  ['one of 1 MiB', { 'content-length': String(1024 * 1024) }, 256],
])('bounds what bodies hold together: %s', (_what, headers, fits) => {
  const inFlight = new InFlight(1_000);
  const taken = Array.from({ length: fits }, () => take(inFlight, headers));
  expect(taken.filter(({ refused }) => refused !== undefined)).toEqual([]);
  expect(take(inFlight, headers).refused).toMatch(/^the bodies of the requests in progress hold \d+ bytes, and may hold 268435456; retry later$/);
  expect(take(inFlight).refused).toBeUndefined(); // without a body there is room
  taken[0]?.end();
  expect(take(inFlight, headers).refused).toBeUndefined();
});

it('ends a request whose body does not arrive: 408 when it is waited for, the connection when it is not', async () => {
  const inFlight = new InFlight(10, 50);
  const server = fastify();
  server.addHook('onRequest', (request, reply, done) => {
    inFlight.take(request.raw, reply.raw);
    done();
  });
  server.post('/', () => 'whole');
  server.get('/', () => new Promise(() => {}));
  await server.listen({ port: 0 });
  const send = (method: string, body: string): Promise<string> => {
    const socket = connect((server.server.address() as AddressInfo).port, 'localhost');
    socket.write(`${method} / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\n${body}`);
    return text(socket);
  };
  expect(await send('POST', 'hello')).toContain('HTTP/1.1 200 ');
  const late = await send('POST', 'hel');
  expect(late).toContain('HTTP/1.1 408 ');
  expect(late).toContain('the body did not arrive in time; send the request again');
  expect(await send('GET', '')).toBe('');
  inFlight.stop();
  await server.close();
});
