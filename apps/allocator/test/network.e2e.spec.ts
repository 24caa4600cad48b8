import { parse } from 'yaml';
import { startServer, type TestServer } from './start.js';

/** Row S14 of the dual-stack page, and the flags of the components that S15 names. */
describe('the network of a cluster', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer();
    await server.register('c', ['10.96.0.0/16', 'fd00:10:96::/112']);
  });
  afterAll(() => server.close());
  const v1 = (method: string, path: string, body?: unknown) => server.send(method, `/v1/clusters/c${path}`, body);
  const network = { podCIDRs: ['10.244.0.0/16', 'fd00:10:244::/56'], nodeCIDRs: ['192.168.0.0/24', 'fd00:1::/64'] };

  it('is not known before somebody says it', async () => {
    for (const path of ['/network', '/ip-masq-agent']) expect(await v1('GET', path)).toMatchObject({ status: 404, json: { code: 'network_unknown' } });
    expect((await v1('GET', '/flags')).json).toMatchObject({ ok: true, problems: [{ severity: 'warning', flag: '--cluster-cidr' }] });
  });

  it('S14: gives a masquerading configuration for both families', async () => {
    expect(await v1('PUT', '/network', network)).toMatchObject({ status: 200, json: { ...network, nodeMaskSizes: { IPv4: 24, IPv6: 64 } } });
    const answer = await v1('GET', '/ip-masq-agent');
    expect(answer.headers.get('content-type')).toMatch(/^application\/yaml/);
    const { kind, metadata, data } = parse(answer.text) as { kind: string; metadata: object; data: { config: string } };
    expect({ kind, metadata }).toEqual({ kind: 'ConfigMap', metadata: { name: 'ip-masq-agent', namespace: 'kube-system' } });
    expect(parse(data.config)).toEqual({
      nonMasqueradeCIDRs: ['10.244.0.0/16', 'fd00:10:244::/56', '10.96.0.0/16', 'fd00:10:96::/112', '192.168.0.0/24', 'fd00:1::/64'], masqLinkLocal: false, masqLinkLocalIPv6: false, resyncInterval: '60s',
    });
  });

  it('S15: renders and checks the flags', async () => {
    await v1('PUT', '/network', network);
    const { json } = await v1('GET', '/flags?nodeIPs=192.168.0.7,fd00:1::7');
    expect(json).toMatchObject({ ok: true, problems: [], flags: { 'kube-apiserver': ['--service-cluster-ip-range=10.96.0.0/16,fd00:10:96::/112', '--service-node-port-range=30000-32767'], kubelet: ['--node-ip=192.168.0.7,fd00:1::7'] } });
    expect((await v1('GET', '/flags?nodeIPs=10.0.0.1')).json).toMatchObject({ ok: false, problems: [{ flag: '--node-ip', value: '10.0.0.1' }] });
  });

  it.each<[string, object, number, string]>([
    ['host bits', { podCIDRs: ['10.244.0.1/16'] }, 422, 'cluster_invalid'], ['three Pod ranges', { podCIDRs: ['10.244.0.0/16', 'fd00::/56', 'fd01::/56'] }, 400, 'invalid_request'],
    ['an unknown member', { podCidrs: [] }, 400, 'invalid_request'],
  ])('refuses %s', async (_, body, status, code) => {
    const before = await server.revision('c');
    expect(await v1('PUT', '/network', body)).toMatchObject({ status, json: { code } });
    expect(await server.revision('c')).toBe(before);
  });
});
