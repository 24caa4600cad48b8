import { useTwoReplicas, type Answer, type TestServer } from './start.js';

/** Two allocators on one Postgres: real races, decided by the cluster's row and the keys of the claims. */
describe('two replicas on one database', () => {
  const replicas = useTwoReplicas();
  const replica = (i: number): TestServer => replicas[i % replicas.length] as TestServer;
  const create = (i: number, cluster: string, name: string, spec: object = {}): Promise<Answer> =>
    replica(i).send('POST', replica(i).services(cluster), { metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } });
  const count = (answers: readonly Answer[]): Record<number, number> =>
    answers.reduce<Record<number, number>>((counts, { status }) => ({ ...counts, [status]: (counts[status] ?? 0) + 1 }), {});

  it('gives an address that many ask for to exactly one', async () => {
    await replica(0).register('one', ['10.96.0.0/24']);
    const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => create(i, 'one', `s${i}`, { clusterIP: '10.96.0.9' })));
    expect(count(answers)).toEqual({ 201: 1, 422: 39 });
    for (const { json } of answers.filter(({ status }) => status === 422)) expect(json.message).toContain('provided IP is already allocated');
  });

  it('fills a pool to the last address from both sides, then says that it is full; one release makes room for one', async () => {
    await replica(0).register('full', ['10.96.0.0/25', 'fd00::/120']);
    const answers = await Promise.all(Array.from({ length: 150 }, (_, i) => create(i, 'full', `s${i}`, { ipFamilyPolicy: 'RequireDualStack' })));
    expect(count(answers)).toEqual({ 201: 125, 500: 25 }); // 126 usable, one of them for default/kubernetes
    const held = answers.filter(({ status }) => status === 201).flatMap(({ json }) => json.spec.clusterIPs as string[]);
    expect(new Set(held).size).toBe(250);
    const winner = answers.find(({ status }) => status === 201)?.json as { metadata: { name: string }; spec: { clusterIPs: string[] } };
    expect((await replica(1).send('DELETE', `${replica(1).services('full')}/${winner.metadata.name}`)).status).toBe(200);
    const next = await create(0, 'full', 'next');
    expect(next.json.spec.clusterIP).toBe(winner.spec.clusterIPs[0]);
    await expectGapless('full');
  });

  it('lets a delete and updates of one Service come in any order, but never half of one', async () => {
    await replica(0).register('race', ['10.96.0.0/16', 'fd00::/112']);
    for (let round = 0; round < 10; round++) {
      const name = `s${round}`;
      await create(round, 'race', name, { ipFamilyPolicy: 'PreferDualStack' });
      const path = `${replica(0).services('race')}/${name}`;
      const patch = (policy: string, i: number) => replica(i).send('PATCH', path, { spec: { ipFamilyPolicy: policy } }, { 'content-type': 'application/merge-patch+json' });
      const answers = await Promise.all([patch('SingleStack', 0), replica(1).send('DELETE', path), patch('RequireDualStack', 1), patch('SingleStack', 0)]);
      expect(answers[1]?.status).toBe(200);
      for (const { status } of answers) expect([200, 404]).toContain(status);
      expect((await replica(0).send('GET', path)).status).toBe(404);
    }
    await expectGapless('race');
    expect(await held('race')).toEqual(['10.96.0.1']);
  });

  it('answers a stale resourceVersion with a conflict, whichever replica is asked', async () => {
    await replica(0).register('stale', ['10.96.0.0/16']);
    const { json } = await create(0, 'stale', 'a');
    const put = (i: number) => replica(i).send('PUT', `${replica(i).services('stale')}/a`, { ...json, metadata: { ...json.metadata, labels: { by: String(i) } } });
    const answers = await Promise.all([put(0), put(1), put(2), put(3)]);
    expect(count(answers)).toEqual({ 200: 1, 409: 3 });
  });

  const log = async (cluster: string) => {
    const events: { revision: number; type: string; data: { address: string } }[] = [];
    for (let after: string | undefined = '0'; after !== undefined; ) {
      const page: { items: typeof events; continue?: string } = (await replica(1).send('GET', `/v1/clusters/${cluster}/events?limit=1000&after=${after}`)).json;
      events.push(...page.items);
      after = page.continue;
    }
    return events;
  };
  const expectGapless = async (cluster: string): Promise<void> => {
    const revisions = (await log(cluster)).map(({ revision }) => revision);
    expect(revisions).toEqual(revisions.map((_, i) => i + 1));
  };
  const held = async (cluster: string): Promise<string[]> => {
    const addresses = new Set<string>();
    for (const { type, data } of await log(cluster)) {
      if (type === 'ip.allocated') addresses.add(data.address);
      if (type === 'ip.released') addresses.delete(data.address);
    }
    return [...addresses];
  };
});
