import { startServer, type TestServer } from './start.js';

/**
 * The rows of Kubernetes' dual-stack page that concern addresses (S1 to S8, S10 to S13, S15), each as its manifest is
 * posted and read back. Cluster: 10.96.0.0/16,fd00:10:96::/112 unless said otherwise.
 */
const dual = ['10.96.0.0/16', 'fd00:10:96::/112'];
const v4 = /^10\.96\.\d+\.\d+$/;
const v6 = /^fd00:10:96::[0-9a-f]+$/;

/** The Service of the page's examples, with what a row adds to its spec. */
const myService = (spec: object = {}) => ({
  apiVersion: 'v1', kind: 'Service',
  metadata: { name: 'my-service', labels: { 'app.kubernetes.io/name': 'MyApp' } },
  spec: { selector: { 'app.kubernetes.io/name': 'MyApp' }, ports: [{ protocol: 'TCP', port: 80 }], ...spec },
});

describe('the dual-stack page', () => {
  let server: TestServer;
  let cluster: string;
  let serial = 0;
  beforeAll(async () => { server = await startServer(); });
  afterAll(() => server.close());
  const clusterOf = async (...cidrs: string[]): Promise<void> => {
    cluster = `c${++serial}`;
    await server.register(cluster, cidrs);
  };
  beforeEach(() => clusterOf(...dual));

  const post = (spec: object) => server.send('POST', server.services(cluster), myService(spec));
  const read = async () => (await server.send('GET', `${server.services(cluster)}/my-service`)).json.spec;
  const edit = (spec: object) =>
    server.send('PATCH', `${server.services(cluster)}/my-service`, { spec }, { 'content-type': 'application/merge-patch+json' });
  const created = async (spec: object) => {
    const answer = await post(spec);
    expect(answer.status, answer.text).toBe(201);
    expect(await read()).toEqual(answer.json.spec);
    return answer.json.spec;
  };

  it('S1: without a policy, SingleStack with one address of the first range', async () => {
    const spec = await created({});
    expect(spec).toMatchObject({ ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4'], clusterIPs: [spec.clusterIP] });
    expect(spec.clusterIP).toMatch(v4);
  });

  it('S1: the same without selector, and headless with selector but without an address', async () => {
    expect(await created({ selector: undefined })).toMatchObject({ ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4'] });
    await clusterOf(...dual);
    expect(await created({ clusterIP: 'None' })).toMatchObject({ ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4'], clusterIP: 'None', clusterIPs: ['None'] });
  });

  it('S2 and S3: PreferDualStack lists both families, and clusterIP is the first, of the first range', async () => {
    const spec = await created({ ipFamilyPolicy: 'PreferDualStack' });
    expect(spec).toMatchObject({ ipFamilies: ['IPv4', 'IPv6'], clusterIP: spec.clusterIPs[0] });
    expect(spec.clusterIPs).toEqual([expect.stringMatching(v4), expect.stringMatching(v6)]);
  });

  it('S4: PreferDualStack on a single-stack cluster names the one address in both fields', async () => {
    await clusterOf('10.96.0.0/16');
    const spec = await created({ ipFamilyPolicy: 'PreferDualStack' });
    expect(spec).toMatchObject({ ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv4'], clusterIPs: [spec.clusterIP] });
  });

  it('S5: RequireDualStack gives both on a dual-stack cluster and is refused on a single-stack one', async () => {
    expect((await created({ ipFamilyPolicy: 'RequireDualStack' })).clusterIPs).toHaveLength(2);
    await clusterOf('10.96.0.0/16');
    const before = await server.revision(cluster);
    const refused = await post({ ipFamilyPolicy: 'RequireDualStack' });
    expect(refused.status).toBe(422);
    expect(refused.json.message).toBe('Service "my-service" is invalid: spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services');
    expect(await server.revision(cluster)).toBe(before);
  });

  it('S6: the IPv6 address comes first when ipFamilies says so', async () => {
    const spec = await created({ ipFamilies: ['IPv6', 'IPv4'], ipFamilyPolicy: 'PreferDualStack' });
    expect(spec.clusterIPs).toEqual([expect.stringMatching(v6), expect.stringMatching(v4)]);
    expect(spec.clusterIP).toBe(spec.clusterIPs[0]);
  });

  it('S7 and S8: existing Services stay as they are when the cluster becomes dual-stack', async () => {
    await clusterOf('10.96.0.0/16');
    const headful = await created({});
    const headless = { ...myService({ clusterIP: 'None' }), metadata: { name: 'headless' } };
    expect((await server.send('POST', server.services(cluster), headless)).status).toBe(201);
    const declared = await server.send('PUT', `/v1/clusters/${cluster}`, { serviceCIDRs: dual });
    expect(declared).toMatchObject({ status: 200, json: { families: ['IPv4', 'IPv6'], servicesReadDifferently: 0 } });
    expect(await read()).toEqual({ ...headful, ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4'], clusterIPs: [headful.clusterIP] });
    const after = (await server.send('GET', `${server.services(cluster)}/headless`)).json.spec;
    expect(after).toMatchObject({ ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4'], clusterIP: 'None', clusterIPs: ['None'] });
  });

  it.each(['PreferDualStack', 'RequireDualStack'])('S10 and S11: edited to %s a second address is added; edited back it is released, the first stays', async (policy) => {
    const single = await created({});
    const both = await edit({ ipFamilyPolicy: policy });
    expect(both.status, both.text).toBe(200);
    expect(both.json.spec).toMatchObject({ clusterIP: single.clusterIP, ipFamilies: ['IPv4', 'IPv6'], clusterIPs: [single.clusterIP, expect.stringMatching(v6)] });
    const second = both.json.spec.clusterIPs[1] as string;
    const back = await edit({ ipFamilyPolicy: 'SingleStack' });
    expect(back.json.spec).toMatchObject({ clusterIP: single.clusterIP, clusterIPs: [single.clusterIP], ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' });
    expect((await server.send('GET', `/v1/clusters/${cluster}/addresses/${second}`)).json.holder).toBeNull();
    expect((await server.send('GET', `/v1/clusters/${cluster}/addresses/${single.clusterIP}`)).json.holder).toMatchObject({ namespace: 'default', name: 'my-service' });
  });

  it('S12: headless without selector and policy is RequireDualStack', async () => {
    expect(await created({ selector: undefined, clusterIP: 'None' })).toMatchObject({ ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv4', 'IPv6'] });
  });

  it('S13: type LoadBalancer gets an address of each family, in the order of the Service', async () => {
    const { json } = await server.send('POST', '/v1/lb-pools', { name: `s13-${cluster}`, cluster, addresses: ['203.0.113.0/28', '2001:db8::/124'] });
    expect(json).toMatchObject({ cluster });
    const answer = await server.send('POST', server.services(cluster), myService({ type: 'LoadBalancer', loadBalancerClass: 'ipledger.io/pool', ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv6', 'IPv4'] }));
    expect(answer.json.status.loadBalancer.ingress).toEqual([{ ip: expect.stringMatching(/^2001:db8::/), ipMode: 'VIP' }, { ip: expect.stringMatching(/^203\.0\.113\./), ipMode: 'VIP' }]);
  });

  it('S15: the ranges in either order; the first is primary', async () => {
    await clusterOf('fd00:10:96::/112', '10.96.0.0/16');
    expect(await created({})).toMatchObject({ ipFamilies: ['IPv6'], clusterIP: expect.stringMatching(v6) });
    expect((await server.send('GET', `/v1/clusters/${cluster}`)).json).toMatchObject({ primaryFamily: 'IPv6', families: ['IPv6', 'IPv4'] });
  });
});
