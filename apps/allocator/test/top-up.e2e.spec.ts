import { eventually } from '@ipledger/testing';
import { startServer, type Answer, type TestServer } from './start.js';

/** A cluster that became dual-stack while it had Services, and the second families that these get on request. */
describe('topping up', () => {
  let server: TestServer;
  let cluster: string;
  let serial = 0;
  beforeAll(async () => { server = await startServer(); });
  afterAll(() => server.close());

  const create = async (name: string, spec: object = {}, namespace = 'default', labels: object = {}): Promise<void> => {
    const answer = await server.send('POST', server.services(cluster, namespace), { metadata: { name, labels }, spec: { selector: { a: 'b' }, ports: [{ port: 80 }], ...spec } });
    expect(answer.status, answer.text).toBe(201);
  };
  const prefer = { ipFamilyPolicy: 'PreferDualStack' };
  /** `count` Services that prefer both families, then the switch. */
  const switched = async (count: number, v6 = 'fd00:10:96::/112'): Promise<void> => {
    cluster = `c${++serial}`;
    await server.register(cluster, ['10.96.0.0/16']);
    await Promise.all(Array.from({ length: count }, (_, i) => create(`s${i}`, prefer)));
    expect((await server.send('PUT', `/v1/clusters/${cluster}`, { serviceCIDRs: ['10.96.0.0/16', v6] })).status).toBe(200);
  };
  const topUp = (body: object, headers?: Record<string, string>): Promise<Answer> => server.send('POST', `/v1/clusters/${cluster}/services:topup`, body, headers);
  const read = async (name: string, namespace = 'default') => (await server.send('GET', `${server.services(cluster, namespace)}/${name}`)).json;
  const nothing = { settledMeanwhile: 0, rest: [], refused: { services: 0, first: [] } };

  it('reports first, then does what it reported, then has nothing left to do', async () => {
    await switched(20);
    await create('single');
    const revision = await server.revision(cluster);
    const dry = await topUp({ dryRun: true });
    expect(dry).toMatchObject({ status: 200, json: { dryRun: true, examined: 22, lacking: 20, toppedUp: 20, ...nothing } });
    expect(await server.revision(cluster)).toBe(revision);
    expect((await server.send('POST', `/v1/clusters/${cluster}/services:topup?dryRun=All`, {})).json).toEqual(dry.json);
    expect((await topUp({})).json).toEqual({ ...dry.json, dryRun: false });
    expect(await server.revision(cluster)).toBe(revision + 2 * 20); // ip.allocated and service.updated
    const { spec, metadata } = await read('s7');
    expect(spec).toMatchObject({ ipFamilies: ['IPv4', 'IPv6'], clusterIP: spec.clusterIPs[0], clusterIPs: [expect.stringMatching(/^10\.96\./), expect.stringMatching(/^fd00:10:96::/)] });
    expect((await server.send('GET', `/v1/clusters/${cluster}/addresses/${spec.clusterIPs[1]}`)).json.holder).toMatchObject({ name: 's7', uid: metadata.uid });
    expect((await read('single')).spec.clusterIPs).toHaveLength(1);
    expect((await topUp({})).json).toEqual({ dryRun: false, examined: 22, lacking: 0, toppedUp: 0, ...nothing });
  });

  it('is a command like every other in the log, with the request that asked for it', async () => {
    await switched(1);
    const after = await server.revision(cluster);
    await topUp({}, { 'x-request-id': 'top-up-7' });
    const { items } = (await server.send('GET', `/v1/clusters/${cluster}/events?after=${after}`)).json as { items: { type: string; command: object }[] };
    expect(items.map(({ type }) => type)).toEqual(['ip.allocated', 'service.updated']);
    for (const { command } of items) expect(command).toMatchObject({ kind: 'TopUpService', requestId: 'top-up-7' });
  });

  it('takes only what the selector and the namespaces say', async () => {
    await switched(2);
    cluster = `c${++serial}`;
    await server.register(cluster, ['10.96.0.0/16']);
    for (const namespace of ['a', 'b', 'c']) for (const tier of ['web', 'db']) await create(tier, prefer, namespace, { tier });
    await server.send('PUT', `/v1/clusters/${cluster}`, { serviceCIDRs: ['10.96.0.0/16', 'fd00::/112'] });
    expect((await topUp({ selector: 'tier=web', namespaces: ['c', 'a', 'c'] })).json).toEqual({ dryRun: false, examined: 4, lacking: 2, toppedUp: 2, ...nothing });
    const both = await Promise.all(['a', 'b', 'c'].map(async (namespace) => [(await read('web', namespace)).spec.clusterIPs.length, (await read('db', namespace)).spec.clusterIPs.length]));
    expect(both).toEqual([[2, 1], [1, 1], [2, 1]]);
  });

  it('reports what found the family full, the same in a dry run, and goes on when there is room', async () => {
    await switched(6, 'fd00::/126'); // 3 usable addresses
    const rest = (first: string[]) => ({ toppedUp: 3, rest: [{ family: 'IPv6', services: 3, first }] });
    const dry = (await topUp({ dryRun: true })).json;
    expect(dry).toMatchObject(rest(['default/s3', 'default/s4', 'default/s5']));
    const done = (await topUp({})).json;
    expect(done).toMatchObject({ ...rest([expect.stringMatching(/^default\/s\d$/), expect.any(String), expect.any(String)]), lacking: 6 });
    for (const service of done.rest[0].first as string[]) expect((await read(service.slice('default/'.length))).spec).toMatchObject({ ipFamilies: ['IPv4'], clusterIPs: [expect.any(String)] });
    expect((await server.send('POST', `/v1/clusters/${cluster}/cidrs`, { cidr: 'fd00:1::/120' })).status).toBe(200);
    expect((await topUp({})).json).toMatchObject({ lacking: 3, toppedUp: 3, ...nothing });
  });

  it('says how far it is to a client that reads lines', async () => {
    await switched(9);
    const answer = await topUp({ ratePerSecond: 4 }, { accept: 'application/x-ndjson' });
    expect(answer.headers.get('content-type')).toBe('application/x-ndjson');
    const lines = answer.text.trim().split('\n').map((line) => JSON.parse(line) as { done: boolean; toppedUp: number });
    expect(lines.length).toBeGreaterThan(1); // at 4 a second, 9 take two seconds
    expect(lines.map(({ done }) => done)).toEqual([...lines.slice(1).map(() => false), true]);
    expect(lines.at(-1)).toEqual({ done: true, dryRun: false, examined: 10, lacking: 9, toppedUp: 9, ...nothing });
  });

  it('ends when nobody waits for it any more, and the same request finishes it', async () => {
    await switched(200);
    const begun = await server.revision(cluster);
    const gone = new AbortController();
    const answer = fetch(`${server.url}/v1/clusters/${cluster}/services:topup`, {
      method: 'POST', signal: gone.signal, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ ratePerSecond: 20 }),
    });
    await eventually(async () => expect(await server.revision(cluster)).toBeGreaterThan(begun + 2));
    gone.abort();
    await expect(answer).rejects.toThrow(/abort/i);
    const rest = (await topUp({ dryRun: true })).json.lacking as number;
    expect(rest).toBeGreaterThan(0);
    expect((await topUp({})).json).toMatchObject({ lacking: expect.any(Number), refused: { services: 0 } });
    expect((await topUp({})).json.lacking).toBe(0);
    expect(await server.revision(cluster)).toBe(begun + 2 * 200);
  });

  it('does nothing on a single-stack cluster', async () => {
    cluster = `c${++serial}`;
    await server.register(cluster, ['10.96.0.0/16']);
    await create('s', prefer);
    expect((await topUp({})).json).toEqual({ dryRun: false, examined: 0, lacking: 0, toppedUp: 0, ...nothing });
  });

  it.each<[string, object, string, RegExp]>([
    ['a selector that is none', { selector: 'a in (' }, 'invalid_request', /selector: "a in \(" is not a label selector/],
    ['a rate of nothing', { ratePerSecond: 0 }, 'invalid_request', /ratePerSecond/],
    ['a member that is not known', { dryrun: true }, 'invalid_request', /dryrun: true is not known here/],
    ['no namespace at all', { namespaces: [] }, 'invalid_request', /namespaces/],
  ])('refuses %s', async (_, body, code, detail) => {
    await switched(1);
    const before = await server.revision(cluster);
    expect(await topUp(body)).toMatchObject({ status: 400, json: { code, detail: expect.stringMatching(detail) } });
    expect(await server.revision(cluster)).toBe(before);
  });
  it('of an unknown cluster is not found', async () =>
    expect(await server.send('POST', '/v1/clusters/nowhere/services:topup', {})).toMatchObject({ status: 404, json: { code: 'cluster_not_found' } }));
});
