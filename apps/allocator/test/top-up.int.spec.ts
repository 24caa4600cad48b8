import { useTwoReplicas, type TestServer } from './start.js';

const services = 300;

/** Two top-ups of one cluster at once, on two replicas, while clients go on writing to it. */
describe('topping up under load', () => {
  const replicas = useTwoReplicas();

  it('ends with two addresses for each Service that prefers two, no address twice, and every claim shown by its holder', async () => {
    const [a, b] = replicas as [TestServer, TestServer];
    await a.register('c', ['10.96.0.0/20']);
    const path = a.services('c');
    const create = (server: TestServer, name: string) =>
      server.send('POST', path, { metadata: { name }, spec: { ipFamilyPolicy: 'PreferDualStack', selector: { a: 'b' }, ports: [{ port: 80 }] } });
    for (const { status } of await Promise.all(Array.from({ length: services }, (_, i) => create(a, `s${i}`)))) expect(status).toBe(201);
    expect((await a.send('PUT', '/v1/clusters/c', { serviceCIDRs: ['10.96.0.0/20', 'fd00::/112'] })).status).toBe(200);

    const topUps = replicas.map((replica) => replica.send('POST', '/v1/clusters/c/services:topup', {}));
    const others = Array.from({ length: 100 }, async (_, i) => {
      const answers = [await create(b, `new${i}`)];
      if (i % 2 === 0) answers.push(await b.send('DELETE', `${path}/s${i}`));
      return answers.every(({ status }) => status < 300);
    });
    expect(await Promise.all(others)).not.toContain(false);
    const reports = (await Promise.all(topUps)).map(({ json }) => json as { lacking: number; toppedUp: number; settledMeanwhile: number });
    for (const { lacking, toppedUp, settledMeanwhile } of reports) expect(toppedUp + settledMeanwhile).toBe(lacking);
    expect((await a.send('POST', '/v1/clusters/c/services:topup', {})).json).toMatchObject({ lacking: 0 });

    const { items } = (await a.send('GET', path)).json as { items: { metadata: { name: string }; spec: { clusterIPs: string[] } }[] };
    const shown = items.flatMap(({ spec }) => spec.clusterIPs);
    expect(items.filter(({ spec }) => spec.clusterIPs.length !== 2).map(({ metadata }) => metadata.name)).toEqual(['kubernetes']);
    expect(new Set(shown).size).toBe(shown.length);
    const cluster = await a.store.clusterByName('c');
    const claims = await a.store.listClaimedAddresses(cluster?.id ?? 0, undefined, 10_000);
    expect(claims.sort()).toEqual(shown.sort());
  });
});
