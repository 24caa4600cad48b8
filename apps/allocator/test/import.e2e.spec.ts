import { startServer, type Answer, type TestServer } from './start.js';

describe('importing Services that run already', () => {
  let server: TestServer;
  let cluster: string;
  let serial = 0;
  beforeAll(async () => { server = await startServer(); });
  afterAll(() => server.close());
  beforeEach(async () => {
    cluster = `i${++serial}`;
    const answer = await server.send('POST', '/v1/clusters', { name: cluster, serviceCIDRs: ['10.96.0.0/20', 'fd00::/112'], apiServerService: false });
    expect(answer.status).toBe(201);
  });
  const running = (i: number, spec: object = {}, metadata: object = {}) => ({
    apiVersion: 'v1', kind: 'Service', metadata: { name: `s${i}`, namespace: 'shop', uid: `uid-${i}`, creationTimestamp: '2024-05-06T07:08:09Z', resourceVersion: '99', ...metadata },
    spec: { type: 'ClusterIP', clusterIP: ip(i), clusterIPs: [ip(i)], ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack', internalTrafficPolicy: 'Cluster', sessionAffinity: 'None', ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }], ...spec },
    status: { loadBalancer: {} },
  });
  const ip = (i: number): string => `10.96.${i >> 8}.${i & 255}`;
  const send = (lines: readonly unknown[], query = '', headers = {}): Promise<Answer> => server.send('POST', `/v1/clusters/${cluster}/services:import${query}`,
    lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'), { 'content-type': 'application/x-ndjson', ...headers });
  const read = async (i: number) => (await server.send('GET', `${server.services(cluster, 'shop')}/s${i}`)).json;
  const none = { imported: 0, updated: 0, forgotten: 0, unchanged: 0, conflicts: 0, first: [] };

  it('reports, does it, and has nothing to do the second time', async () => {
    const lines = Array.from({ length: 500 }, (_, i) => running(i + 1));
    expect((await send(lines, '?dryRun=All')).json).toEqual({ ...none, dryRun: true, lines: 500, imported: 500 });
    expect(await server.revision(cluster)).toBe(1);
    expect((await send(lines)).json).toEqual({ ...none, dryRun: false, lines: 500, imported: 500 });
    expect((await send(lines)).json).toEqual({ ...none, dryRun: false, lines: 500, unchanged: 500 });
    const { metadata, ...rest } = await read(7);
    expect({ metadata: { ...metadata, resourceVersion: '99' }, ...rest }).toEqual(running(7));
    expect((await server.send('GET', `/v1/clusters/${cluster}/addresses/${ip(7)}`)).json.holder).toMatchObject({ uid: 'uid-7' });
    expect((await server.send('POST', server.services(cluster), { metadata: { name: 'new' }, spec: { clusterIP: ip(7), ports: [{ port: 80 }] } })).status).toBe(422);
  });

  it('lists what does not fit, and imports the rest', async () => {
    await send([running(1)]);
    const { json } = await send([
      running(2), running(3, { clusterIP: ip(1), clusterIPs: [ip(1)] }), running(4, { clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1'] }), '{"metadata":', { kind: 'Pod' }, running(1, {}, { labels: { a: 'b' } }), running(5, { sspec: 1 }),
    ]);
    expect(json).toMatchObject({ lines: 7, imported: 1, conflicts: 6 });
    const byLine = Object.fromEntries(json.first.map(({ line, service, reasons }: { line: number; service: string; reasons: string[] }) => [line, [service, ...reasons]]));
    expect(byLine).toEqual({
      2: ['shop/s3', `${ip(1)} is held by another Service`], 3: ['shop/s4', '10.0.0.1 lies in no range of this cluster'], 4: [null, expect.stringMatching(/the line is not JSON/)],
      5: [null, expect.stringMatching(/the line is no Service/)], 6: ['shop/s1', 'it is here already, and differs'], 7: [null, expect.stringMatching(/not known here: unknown field "spec\.sspec"/)],
    });
  });

  it('finds one address twice in a dry run, too', async () => {
    expect((await send([running(1), running(2, { clusterIP: ip(1), clusterIPs: [ip(1)] })], '?dryRun=All')).json).toMatchObject({ imported: 1, conflicts: 1, first: [{ line: 2, reasons: [`${ip(1)} is in the import already, of shop/s1`] }] });
  });

  it('follows: what differs is brought in line, what is gone is forgotten', async () => {
    await send([running(1, {}, { finalizers: ['a.b/c'] }), running(2)]);
    const changed = running(2, { ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv4', 'IPv6'], clusterIPs: [ip(2), 'fd00::2'] });
    const { json } = await send([changed, { deleted: { namespace: 'shop', name: 's1', uid: 'uid-1' } }, { deleted: { namespace: 'shop', name: 's2', uid: 'older' } }], '?existing=replace');
    expect(json).toEqual({ ...none, dryRun: false, lines: 3, updated: 1, forgotten: 1, unchanged: 1 });
    expect((await read(2)).spec.clusterIPs).toEqual([ip(2), 'fd00::2']);
    expect((await read(1)).code).toBe(404);
  });

  it('tells each conflict as it comes to a client that reads lines', async () => {
    const { text } = await send([running(1), 'x'], '', { accept: 'application/x-ndjson' });
    const lines = text.trim().split('\n').map((line) => JSON.parse(line) as { done?: boolean; conflict?: { line: number } });
    expect(lines.find(({ conflict }) => conflict !== undefined)).toMatchObject({ conflict: { line: 2, service: null } });
    expect(lines.at(-1)).toMatchObject({ done: true, imported: 1, conflicts: 1 });
  });

  it('refuses another body, another mode and an unknown cluster', async () => {
    expect(await server.send('POST', `/v1/clusters/${cluster}/services:import`, { items: [] })).toMatchObject({ status: 415, json: { code: 'unsupported_media_type' } });
    expect(await send([], '?existing=drop')).toMatchObject({ status: 400, json: { code: 'invalid_request' } });
    cluster = 'nowhere';
    expect(await send([])).toMatchObject({ status: 404, json: { code: 'cluster_not_found' } });
  });
});
