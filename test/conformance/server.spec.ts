import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { judge } from './exceptions.js';
import type { Exception } from './exceptions.js';
import type { Scenario } from './recordings.js';
import { describeFailure, replayAll, Server } from './server.js';

type Seen = { method: string | undefined; url: string; type: string | undefined; body: string };

/** A server that registers any cluster and answers `GET`s of the given name with two warnings; it keeps what it was sent. */
const fakeServer = async () => {
  const seen: Seen[] = [];
  const http = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      seen.push({ method: request.method, url: request.url ?? '', type: request.headers['content-type'], body });
      response.setHeader('Warning', ['299 - "one, with a comma"', '299 - "two \\"quoted\\""']);
      response.end(JSON.stringify({ name: 'x' }));
    });
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const server = new Server(`http://127.0.0.1:${(http.address() as AddressInfo).port}`);
  const close = (): void => {
    server.close();
    http.close();
  };
  return { seen, server, close };
};

const scenario = (name: string, body: string, path = '/a:b'): Scenario => ({
  name,
  cluster: 'v4',
  steps: [
    {
      request: { method: 'POST', path, query: 'q=ü x', body: { port: '$number:80.0' } },
      response: { status: 200, body: { name: body }, warnings: ['one, with a comma', 'two "quoted"'] },
    },
  ],
});

describe('replay through a socket', () => {
  it('sends raw colons and the recorded digits, and reads every warning', async () => {
    const { seen, server, close } = await fakeServer();
    expect(await replayAll(server, [scenario('s', 'x')], 1)).toEqual([]);
    close();
    expect(seen.map(({ method, url }) => `${method} ${url.replace(/c\d+-\d+-\d+/, 'C')}`)).toEqual([
      'POST /v1/clusters',
      'GET /clusters/C/api/v1/namespaces/default/services/kubernetes',
      'POST /clusters/C/a:b?q=%C3%BC%20x',
    ]);
    expect(seen[2]).toMatchObject({ type: 'application/json', body: '{"port":80.0}' });
  });

  it('reports failures in the order of the scenarios, with what was expected', async () => {
    const { server, close } = await fakeServer();
    const failures = await replayAll(server, [scenario('a', 'y'), scenario('b', 'x'), scenario('c', 'z')], 3);
    close();
    expect(failures.map(({ name, step, path, expected, actual }) => [name, step, path, expected, actual])).toEqual([
      ['a', 0, '.response.body.name', 'y', 'x'],
      ['c', 0, '.response.body.name', 'z', 'x'],
    ]);
    expect(failures.map(describeFailure)[0]).toContain('a step 0: .response.body.name\n    expected "y"\n    actual   "x"');
  });

  it('reports a server that is not there', async () => {
    const server = new Server('http://127.0.0.1:1');
    const [failure] = await replayAll(server, [scenario('a', 'x')], 1);
    server.close();
    expect(failure).toMatchObject({ name: 'a', expected: 'an answer', actual: expect.stringContaining('ECONNREFUSED') });
  });
});

describe('the list of exceptions', () => {
  const failure = (name: string, step = 0) => ({ name, step, path: '', expected: 1, actual: 2 });
  const always: Exception = { names: /^a$/, reason: 'known' };
  const chance: Exception = { ...always, byChance: true };
  it.each([
    ['excuses a named failure', [always], [scenario('a', 'x')], ['a'], { excused: 1, unexpected: 0, outdated: 0 }],
    ['does not excuse another', [always], [scenario('b', 'x')], ['b'], { excused: 0, unexpected: 1, outdated: 0 }],
    ['is outdated when the named one passes', [always], [scenario('a', 'x')], [], { excused: 0, unexpected: 0, outdated: 1 }],
    ['excuses what chance decides', [chance], [scenario('a', 'x')], ['a'], { excused: 1, unexpected: 0, outdated: 0 }],
    ['is not outdated when chance lets it pass', [chance], [scenario('a', 'x')], [], { excused: 0, unexpected: 0, outdated: 0 }],
    ['says nothing of topics it does not name', [always], [scenario('b', 'x')], [], { excused: 0, unexpected: 0, outdated: 0 }],
  ])('%s', (_, known, scenarios, failed, expected) => {
    const { excused, unexpected, outdated } = judge(scenarios, failed.map((name) => failure(name)), known);
    const counts = { excused: [...excused.values()].reduce((a, b) => a + b, 0), unexpected: unexpected.length, outdated: outdated.length };
    expect(counts).toEqual(expected);
  });
});
