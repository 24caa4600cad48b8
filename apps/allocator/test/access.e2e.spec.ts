import { may, ruleOf } from '@ipledger/access';
import { eventually } from '@ipledger/testing';
import { as, TestAccessFile } from './access-file.js';
import { startServer, type Answer, type TestServer } from './start.js';

const roles = ['reader', 'allocator', 'admin'] as const;

describe('every route, for whoever may come', () => {
  let file: TestAccessFile;
  let server: TestServer;
  beforeAll(async () => {
    file = new TestAccessFile({
      reader: { role: 'reader' }, allocator: { role: 'allocator' }, admin: { role: 'admin' }, late: { role: 'admin', expires: '2020-01-01T00:00:00Z' },
    });
    server = await startServer(undefined, {}, { accessFile: file.path, wrongTokenLimit: 0 });
  });
  afterAll(async () => {
    await server.close();
    file.remove();
  });

  /** A path of the route that leads nowhere: what it would do is not the question, only who gets as far. */
  const pathOf = (route: string): string => route.replaceAll(/(?<!:):(\w+)/g, 'nothing').replaceAll('::', ':').replaceAll('*', 'x');
  const expectUnauthorized = ({ status, headers, json }: Answer, path: string): void => {
    expect({ path, status }).toEqual({ path, status: 401 });
    expect(headers.get('www-authenticate')).toBe('Bearer realm="ipledger"');
    if (path.startsWith('/clusters/')) expect(json).toEqual({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: 'Unauthorized', reason: 'Unauthorized', code: 401 });
    else expect(json).toMatchObject({ code: 'unauthenticated', status: 401, retriable: false });
  };
  const expectForbidden = ({ status, json }: Answer, path: string, role: string): void => {
    expect({ path, role, status }).toEqual({ path, role, status: 403 });
    if (path.startsWith('/clusters/')) expect(json).toMatchObject({ kind: 'Status', reason: 'Forbidden', code: 403, message: expect.stringContaining(`User "${role}" cannot `) });
    else expect(json).toMatchObject({ code: 'forbidden', status: 403, retriable: false, detail: expect.stringContaining(`User "${role}" cannot `) });
  };

  it('is open to everyone exactly where nothing of value is', () => {
    const open = server.routes.filter(({ method, path }) => ruleOf(method, path).need === 'everyone').map(({ method, path }) => `${method} ${path}`);
    for (const route of open) expect(route).toMatch(/^(GET \/(livez|readyz|docs|openapi\.json|asyncapi\.yaml|schemas\/.*|sign-in\.json|assets\/.*)?|HEAD \/(livez|readyz))$/);
    expect(open).toEqual(expect.arrayContaining(['GET /livez', 'GET /readyz', 'GET /docs', 'GET /openapi.json']));
  });

  it('lets nobody in without credentials, with wrong ones, or with expired ones', async () => {
    expect(server.routes.length).toBeGreaterThan(20);
    for (const { method, path: route } of server.routes) {
      const path = pathOf(route);
      const isOpen = ruleOf(method, route).need === 'everyone';
      for (const headers of [{}, as('nobody'), as('late'), { authorization: 'Basic YWRtaW46YWRtaW4=' }, { authorization: 'Bearer ' }, { authorization: 'Bearer a.b.c' }]) {
        const answer = await server.send(method, path, undefined, headers as Record<string, string>);
        if (isOpen) expect([200, 404], path).toContain(answer.status);
        else if (method !== 'HEAD') expectUnauthorized(answer, path);
      }
    }
  });

  it('lets each role in where the policy says so, and nowhere else', async () => {
    for (const { method, path: route } of server.routes) {
      const { need } = ruleOf(method, route);
      for (const role of roles) {
        const grants = [{ role, clusters: null, namespaces: null }];
        const answer = await server.send(method, pathOf(route), undefined, as(role));
        if (may({ user: role, actor: role, groups: [], grants }, need, {})) expect([401, 403], `${role}: ${method} ${route}`).not.toContain(answer.status);
        else expectForbidden(answer, pathOf(route), role);
      }
    }
  });

  it('hides what does not exist from whoever is not known', async () => {
    for (const path of ['/v1/nothing', '/nothing', '/clusters/c/api/v1/nothing', '/clusters/c', '/clusters/c/api/v1/namespaces//services']) {
      expectUnauthorized(await server.send('GET', path), path);
      expect((await server.send('GET', path, undefined, as('reader'))).status, path).toBeGreaterThanOrEqual(400);
    }
  });

  it('refuses before it reads: what is not allowed changes nothing, whatever its body', async () => {
    expect((await server.send('POST', '/v1/clusters', { name: 'c', serviceCIDRs: ['10.96.0.0/16'] }, as('admin'))).status).toBe(201);
    const before = (await server.send('GET', '/v1/clusters/c', undefined, as('reader'))).json;
    const service = { metadata: { name: 's' }, spec: { ports: [{ port: 80 }] } };
    expect((await server.send('POST', server.services('c'), service)).status).toBe(401);
    const refused = await server.send('POST', server.services('c', 'ns'), service, as('reader'));
    expect(refused.json).toEqual({
      kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', reason: 'Forbidden', code: 403, details: { kind: 'services' },
      message: 'services is forbidden: User "reader" cannot create resource "services" in API group "" in the namespace "ns"',
    });
    expect((await server.send('DELETE', `${server.services('c')}/kubernetes`, undefined, as('reader'))).json).toMatchObject({
      message: 'services "kubernetes" is forbidden: User "reader" cannot delete resource "services" in API group "" in the namespace "default"', details: { name: 'kubernetes', kind: 'services' },
    });
    expect((await server.send('GET', '/v1/clusters/c', undefined, as('reader'))).json).toEqual(before);
  });

  it('writes into every event who caused it', async () => {
    await server.send('POST', '/v1/clusters', { name: 'who', serviceCIDRs: ['10.97.0.0/16'] }, as('admin'));
    await server.send('POST', server.services('who'), { metadata: { name: 's' }, spec: { ports: [{ port: 80 }] } }, as('allocator'));
    const { items } = (await server.send('GET', '/v1/clusters/who/events', undefined, as('reader'))).json as { items: { type: string; command: { actor: string } }[] };
    expect(items.find(({ type }) => type === 'cluster.registered')?.command.actor).toBe('admin');
    expect(items.findLast(({ type }) => type === 'service.created')?.command.actor).toBe('allocator');
  });

  it('refuses impersonation, rather than acting as somebody else than was meant', async () => {
    const answer = await server.send('GET', server.services('c'), undefined, { ...as('admin'), 'impersonate-user': 'jane' });
    expect(answer.json).toMatchObject({ code: 403, message: 'users "jane" is forbidden: User "admin" cannot impersonate resource "users" in API group "" at the cluster scope' });
  });
});

describe('scopes, reloads, limits', () => {
  let file: TestAccessFile;
  let server: TestServer;
  const start = async (more: object = {}): Promise<void> => {
    file = new TestAccessFile({ admin: { role: 'admin' }, team: { role: 'allocator', clusters: ['a'], namespaces: ['team'] }, leaver: { role: 'reader' } });
    server = await startServer(undefined, {}, { accessFile: file.path, ...more });
    for (const name of ['a', 'b']) await server.send('POST', '/v1/clusters', { name, serviceCIDRs: ['10.96.0.0/16'] }, as('admin'));
  };
  afterEach(async () => {
    await server.close();
    file.remove();
  });
  const create = (cluster: string, namespace: string, name = 's'): Promise<Answer> =>
    server.send('POST', server.services(cluster, namespace), { metadata: { name }, spec: { ports: [{ port: 80 }] } }, as('team'));

  it('keeps a token to its cluster and namespace, and shows it no other cluster', async () => {
    await start();
    expect((await create('a', 'team')).status).toBe(201);
    expect((await create('a', 'default')).status).toBe(403);
    expect((await create('b', 'team')).status).toBe(403);
    expect((await server.send('GET', '/clusters/a/api/v1/services', undefined, as('team'))).json.message).toBe('services is forbidden: User "team" cannot list resource "services" in API group "" at the cluster scope');
    expect((await server.send('GET', '/v1/clusters', undefined, as('team'))).json.items.map(({ name }: { name: string }) => name)).toEqual(['a']);
    expect((await server.send('GET', '/v1/clusters', undefined, as('admin'))).json.items).toHaveLength(2);
  });

  it('lets the admin of a cluster manage the LB pools of that cluster, and of no other; shared ones are for admins of everything', async () => {
    await start();
    file.write({
      admin: { role: 'admin' }, ruler: { role: 'admin', clusters: ['a'] }, guest: { role: 'reader', clusters: ['a'] }, part: { role: 'admin', clusters: ['a'], namespaces: ['team'] }, reader: { role: 'reader' },
    });
    server.access?.reload();
    const body = (name: string, more: object) => ({ name, addresses: [`203.0.113.${name.length}0/31`], ...more });
    const send = async (who: string, method: string, path: string, json?: object): Promise<number> => (await server.send(method, `/v1/lb-pools${path}`, json, as(who))).status;
    for (const [name, more] of [['bb', { cluster: 'b' }], ['sss', { clusters: ['a'] }]] as const) {
      for (const who of ['ruler', 'guest', 'part', 'reader']) expect(await send(who, 'POST', '', body(name, more)), `${who} makes ${name}`).toBe(403);
      expect(await send('admin', 'POST', '', body(name, more))).toBe(201);
    }
    for (const who of ['guest', 'part', 'reader']) expect(await send(who, 'POST', '', body('a', { cluster: 'a' })), who).toBe(403);
    expect(await send('ruler', 'POST', '', body('a', { cluster: 'a' }))).toBe(201);

    const changes: [method: string, path: string, json?: object][] = [
      ['PUT', '', { addresses: ['203.0.113.64/30'] }], ['POST', '/addresses:drain', {}], ['POST', '/addresses:undrain', {}],
      ['POST', '/reservations', { name: 'r', addresses: '203.0.113.65', reason: 'x', owner: 'y' }], ['DELETE', '/reservations/r'], ['DELETE', ''],
    ];
    for (const [method, path, json] of changes) {
      for (const pool of ['bb', 'sss', 'none']) {
        const before = (await server.send('GET', `/v1/lb-pools/${pool}`, undefined, as('admin'))).json;
        for (const who of ['ruler', 'guest', 'part', 'reader']) expect(await send(who, method, `/${pool}${path}`, json), `${who}: ${method} ${pool}${path}`).toBe(403);
        expect((await server.send('GET', `/v1/lb-pools/${pool}`, undefined, as('admin'))).json).toEqual(before);
      }
      for (const who of ['guest', 'part', 'reader']) expect(await send(who, method, `/a${path}`, json), `${who}: ${method} a${path}`).toBe(403);
      if (path === '/reservations/r') expect(await Promise.all(['guest', 'part'].map((who) => send(who, 'GET', '/a/reservations/r')))).toEqual([200, 403]);
      if (path !== '' || method === 'PUT') expect(await send('ruler', method, `/a${path}`, json), `ruler: ${method} a${path}`).toBeLessThan(300);
    }
    const listed = async (who: string): Promise<string[]> => (await server.send('GET', '/v1/lb-pools', undefined, as(who))).json.items.map(({ name }: { name: string }) => name);
    expect(await Promise.all(['ruler', 'guest', 'part', 'reader'].map(listed))).toEqual([['a'], ['a'], [], ['a', 'bb', 'sss']]);
    expect(await Promise.all(['ruler', 'guest', 'part', 'reader', 'admin'].map((who) => send(who, 'GET', '/bb')))).toEqual([403, 403, 403, 200, 200]);
    expect(await Promise.all(['ruler', 'admin'].map((who) => send(who, 'GET', '/none')))).toEqual([403, 404]);
    expect((await server.send('DELETE', '/v1/lb-pools/sss', undefined, as('ruler'))).json).toMatchObject({ code: 'forbidden', detail: 'User "ruler" cannot delete path "/v1/lb-pools/sss"' });
    expect(await send('ruler', 'DELETE', '/a')).toBe(200);
  });

  it('takes a new access file, and keeps the old one when the new one is bad', async () => {
    await start();
    const listed = async (): Promise<number> => (await server.send('GET', '/v1/clusters/a', undefined, as('leaver'))).status;
    expect(await listed()).toBe(200);
    file.writeText('tokens: [{ name: leaver }]');
    server.access?.reload();
    expect(await listed()).toBe(200);
    file.write({ admin: { role: 'admin' } });
    server.access?.reload();
    expect(await listed()).toBe(401);
  });

  it('shows in the metrics, and tells the log once, that another access file is in force than the one that is there', async () => {
    await start();
    const shown = async (): Promise<string | undefined> => /^ipledger_reload_failed\{file="access"\} (\d)$/m.exec((await server.send('GET', '/metrics', undefined, as('admin'))).text)?.[1];
    const said = vi.spyOn(process.stdout, 'write').mockImplementation(() => true);
    const after = async (change: () => void): Promise<string | undefined> => {
      change();
      server.access?.reload();
      server.access?.reload();
      return shown();
    };
    const good = { admin: { role: 'admin' } };
    try {
      expect(await shown()).toBe('0');
      expect(await after(() => file.writeText('tokens: [{ name: leaver }]'))).toBe('1');
      expect(said.mock.calls.map(([text]) => String(text)).filter((text) => text.includes('the access file cannot be used, the one before stays in force'))).toHaveLength(1);
      expect(await after(() => file.write(good))).toBe('0');
      expect(await after(() => file.hide())).toBe('1');
      expect(await after(() => file.write(good))).toBe('0');
    } finally {
      said.mockRestore();
    }
  });

  it('answers 429 to more wrong tokens of one address than it should have, and never to a good one from there', async () => {
    await start({ wrongTokenLimit: 3 });
    const wrong = () => server.send('GET', '/v1/clusters', undefined, { authorization: 'Bearer guessed' });
    expect([await wrong(), await wrong(), await wrong()].map(({ status }) => status)).toEqual([401, 401, 401]);
    const refused = await wrong();
    expect(refused).toMatchObject({ status: 429, json: { code: 'too_many_requests', detail: 'more than 3 tokens that are not accepted came from 127.0.0.1; retry later' } });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(2); // 20 s later, less what these requests took
    expect((await server.send('GET', '/clusters/a/api/v1/services', undefined, { authorization: 'Bearer guessed' })).json).toMatchObject({ kind: 'Status', code: 429, reason: 'TooManyRequests' });
    for (let i = 0; i < 10; i++) expect((await server.send('GET', '/v1/clusters/a', undefined, as('team'))).status).toBe(200);
    expect((await server.send('GET', '/v1/clusters')).status).toBe(401); // no token is no wrong one
    expect((await server.send('GET', '/livez', undefined, { authorization: 'Bearer guessed' })).status).toBe(200);
  });

  it('ends a watch when its token is revoked, and lets others go on', async () => {
    await start();
    const watch = async (name: string): Promise<ReadableStreamDefaultReader<Uint8Array>> => {
      const answer = await fetch(`${server.url}/clusters/a/api/v1/services?%77atch=1`, { headers: as(name) });
      expect(answer.status).toBe(200);
      const reader = answer.body!.getReader();
      expect((await reader.read()).done).toBe(false); // default/kubernetes
      return reader;
    };
    const [leaving, staying] = [await watch('leaver'), await watch('admin')];
    file.write({ admin: { role: 'admin' }, team: { role: 'allocator' } });
    server.access?.reload();
    await expect(leaving.read()).rejects.toThrow('terminated');
    expect((await create('a', 'team')).status).toBe(201);
    expect(Buffer.from((await staying.read()).value!).toString()).toContain('"type":"ADDED"');
    await staying.cancel();
  });

  it('bounds the watches of one identity, and of all', async () => {
    await start({ streamLimit: 3, streamLimitPerIdentity: 2 });
    const open: AbortController[] = [];
    const watch = async (name: string) => {
      const stop = new AbortController();
      const answer = await fetch(`${server.url}/clusters/a/api/v1/services?watch=true`, { headers: as(name), signal: stop.signal });
      if (answer.status === 200) open.push(stop);
      return answer;
    };
    expect([(await watch('admin')).status, (await watch('admin')).status]).toEqual([200, 200]);
    const third = await watch('admin');
    expect([third.status, third.headers.get('retry-after')]).toEqual([429, '1']);
    expect(await third.json()).toMatchObject({ reason: 'TooManyRequests', message: 'admin has 2 open streams, which is the limit; close one, or retry later' });
    expect((await watch('leaver')).status).toBe(200);
    expect(await (await watch('leaver')).json()).toMatchObject({ message: '3 streams are open, which is the limit of this process; retry later' });
    open[0]?.abort();
    await eventually(async () => expect((await watch('leaver')).status).toBe(200));
    for (const stop of open) stop.abort();
  });

  it('bounds the rate of one identity, whatever others do', async () => {
    await start({ rateLimit: 1, rateBurst: 5 });
    const startedMs = performance.now();
    const burst = await Promise.all(Array.from({ length: 60 }, () => server.send('GET', '/v1/clusters', undefined, as('leaver'))));
    const earned = Math.ceil((performance.now() - startedMs) / 1000); // however long the machine took for them
    const refused = burst.filter(({ status }) => status === 429);
    expect(burst.length - refused.length).toBeGreaterThanOrEqual(5);
    expect(burst.length - refused.length).toBeLessThanOrEqual(5 + earned);
    for (const { headers, json } of refused) {
      expect(headers.get('retry-after')).toBe('1');
      expect(json).toMatchObject({ code: 'too_many_requests', detail: 'leaver sends more than 1 requests a second; retry later', retriable: true });
    }
    expect((await server.send('GET', '/v1/clusters/a', undefined, as('team'))).status).toBe(200);
    expect((await server.send('GET', '/livez')).status).toBe(200);
  });

  it('tells kubectl who it is and what it may, by the policy that decides', async () => {
    await start();
    const review = async (group: string, resource: string, spec?: object) =>
      (await server.send('POST', `/clusters/a/apis/${group}.k8s.io/v1/${resource}`, { ...(spec && { spec }) }, as('team'))).json;
    expect((await review('authentication', 'selfsubjectreviews')).status).toEqual({ userInfo: { username: 'team', groups: ['system:authenticated'] } });
    const can = async (verb: string, namespace: string, resource = 'services') =>
      (await review('authorization', 'selfsubjectaccessreviews', { resourceAttributes: { verb, resource, namespace } })).status;
    expect(await can('create', 'team')).toEqual({ allowed: true });
    expect(await can('create', 'default')).toEqual({ allowed: false });
    expect(await can('get', '', 'servicecidrs')).toEqual({ allowed: false });
    const { resourceRules } = (await review('authorization', 'selfsubjectrulesreviews', { namespace: 'team' })).status as { resourceRules: { verbs: string[]; resources: string[] }[] };
    expect(resourceRules.find(({ resources }) => resources[0] === 'services')?.verbs).toContain('deletecollection');
    expect(resourceRules.find(({ resources }) => resources[0] === 'events')?.verbs).toEqual(['get', 'list', 'watch']);
  });

  it('shows the metrics to readers, or to all if told so', async () => {
    await start();
    expect((await server.send('GET', '/metrics')).status).toBe(401);
    expect((await server.send('GET', '/metrics', undefined, as('team'))).status).toBe(403);
    expect((await server.send('GET', '/metrics', undefined, as('leaver'))).status).toBe(200);
    await server.close();
    file.remove();
    await start({ metricsAuth: 'off' });
    expect((await server.send('GET', '/metrics')).status).toBe(200);
  });
});
