import { useTwoReplicas, type TestServer } from './start.js';

const perUnit = 10;

/** Units and single requests of two replicas against each other, on a real Postgres. */
describe('atomic batches of two replicas on one cluster', () => {
  const replicas = useTwoReplicas();
  const replica = (i: number): TestServer => replicas[i % 2] as TestServer;
  const create = (name: string, clusterIP?: string) => ({ metadata: { name }, spec: { ipFamilyPolicy: 'RequireDualStack', ports: [{ port: 80 }], ...(clusterIP && { clusterIP }) } });
  const unit = async (i: number, cluster: string, services: object[], headers: Record<string, string> = {}): Promise<number[]> => {
    const { json } = await replica(i).send('POST', `/v1/clusters/${cluster}/services:batch`, { atomic: true, items: services.map((service) => ({ create: service })) }, headers);
    return (json.items as { status: number }[]).map(({ status }) => status);
  };
  const listed = async (cluster: string): Promise<{ metadata: { name: string }; spec: { clusterIPs: string[] } }[]> =>
    (await replica(0).send('GET', `${replica(0).services(cluster)}?limit=1000`)).json.items;

  it('each happens whole or not at all, whoever else wants the same addresses', async () => {
    await replica(0).register('units', ['10.96.0.0/16', 'fd00::/112']);
    const wanted = Array.from({ length: 5 }, (_, i) => `10.96.0.${20 + i}`);
    const units = Array.from({ length: 20 }, (_, u) => unit(u, 'units', Array.from({ length: perUnit }, (_unused, i) => create(`u${u}-${i}`, i === 7 ? wanted[u % wanted.length] : undefined))));
    const singles = Array.from({ length: 60 }, (_, i) => replica(i).send('POST', replica(i).services('units'), create(`single-${i}`)));
    const [codes, alone] = await Promise.all([Promise.all(units), Promise.all(singles)]);
    expect(alone.every(({ status }) => status === 201)).toBe(true);
    for (const unitCodes of codes) expect([Array(perUnit).fill(201), Array(perUnit).fill(424).with(7, 422)]).toContainEqual(unitCodes);
    const won = codes.filter(([first]) => first === 201);
    expect(won).toHaveLength(wanted.length);
    const services = await listed('units');
    expect(services).toHaveLength(1 + singles.length + won.length * perUnit);
    const addresses = services.flatMap(({ spec }) => spec.clusterIPs);
    expect(new Set(addresses).size).toBe(addresses.length);
    const { json } = await replica(1).send('GET', '/v1/clusters/units');
    expect(json.revision).toBe(1 + 2 + 3 * (services.length - 1)); // registered, default/kubernetes, and three events each
  });

  it('the same one sent to both under one key happens once', async () => {
    await replica(0).register('keyed', ['10.96.0.0/16', 'fd00::/112']);
    const services = Array.from({ length: 300 }, (_, i) => create(`s${i}`));
    const codes = await Promise.all([0, 1, 0, 1].map((i) => unit(i, 'keyed', services, { 'idempotency-key': 'one' })));
    for (const unitCodes of codes) expect(unitCodes).toEqual(Array(300).fill(201));
    expect(await listed('keyed')).toHaveLength(301);
  });
});
