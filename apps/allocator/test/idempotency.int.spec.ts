import { eventually } from '@ipledger/testing';
import { useTwoReplicas, type Answer, type TestServer } from './start.js';

/** Many clients, two replicas, one key or one Service: what is asked for once happens once, and to whom it was meant for. */
describe('under fire from many clients at two replicas', () => {
  const replicas = useTwoReplicas();
  const replica = (i: number): TestServer => replicas[i % replicas.length]!;
  const create = (i: number, cluster: string, body: object, headers: Record<string, string> = {}): Promise<Answer> => replica(i).send('POST', replica(i).services(cluster), body, headers);
  const named = (name: string, spec: object = {}) => ({ metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } });
  const eventsOf = async (cluster: string): Promise<{ type: string; command: { id: string }; data: { service?: { uid: string } } }[]> =>
    (await replica(0).send('GET', `/v1/clusters/${cluster}/events?limit=1000`)).json.items;

  it('a key makes one command of all requests that carry it, each answered alike', async () => {
    await replica(0).register('keys', ['10.96.0.0/16']);
    const before = (await eventsOf('keys')).length;
    // A generated name: without the key each of them would make another Service.
    const body = { metadata: { generateName: 'g-' }, spec: { ports: [{ port: 80 }] } };
    const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => create(i, 'keys', body, { 'idempotency-key': `key-${i % 5}` })));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    for (let key = 0; key < 5; key++) expect(new Set(answers.filter((_, i) => i % 5 === key).map(({ text }) => text)).size).toBe(1);
    const commands = new Set((await eventsOf('keys')).slice(before).map(({ command }) => command.id));
    expect(commands.size).toBe(5);
    expect(answers.filter(({ headers }) => headers.get('idempotency-replayed') === null)).toHaveLength(5);
  });

  it('of requests with one key and different content one wins, and the others are told so', async () => {
    await replica(0).register('differ', ['10.96.0.0/16']);
    const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => create(i, 'differ', named(`s${i % 4}`), { 'idempotency-key': 'one' })));
    const created = answers.filter(({ status }) => status === 201);
    expect(new Set(created.map(({ json }) => json.metadata.name)).size).toBe(1);
    expect(created).toHaveLength(10);
    for (const { status, json } of answers.filter((answer) => answer.status !== 201)) expect([status, json.message]).toEqual([422, expect.stringContaining('"one" was used for a request with other content')]);
    expect((await replica(1).send('GET', replica(1).services('differ'))).json.items).toHaveLength(2); // and default/kubernetes
  });

  it('a delete that names a uid frees no newer owner of the name and the address, however they race', async () => {
    await replica(0).register('owners', ['10.96.0.0/16']);
    const path = `${replica(0).services('owners')}/s`;
    const body = named('s', { clusterIP: '10.96.0.9' });
    const remove = (i: number, preconditions: object): Promise<Answer> => replica(i).send('DELETE', path, { preconditions });
    // Until the old one is gone, its name or its address is still held.
    const recreate = (i: number): Promise<Answer> => eventually(async () => {
      const answer = await create(i, 'owners', body);
      expect(answer.status).toBe(201);
      return answer;
    }, { everyMs: 0 });
    let uid = (await create(0, 'owners', body)).json.metadata.uid as string;
    for (let round = 0; round < 25; round++) {
      const [next, ...removed] = await Promise.all([recreate(round), ...Array.from({ length: 6 }, (_, i) => remove(i, { uid }))]);
      expect(next.status).toBe(201);
      expect(removed.filter(({ status }) => status === 200)).toHaveLength(1);
      for (const { status } of removed) expect([200, 404, 409]).toContain(status);
      const stale = await remove(round, { uid });
      expect([stale.status, stale.json.reason]).toEqual([409, 'Conflict']);
      expect((await replica(round + 1).send('GET', '/v1/clusters/owners/addresses/10.96.0.9')).json.holder.uid).toBe(next.json.metadata.uid);
      uid = next.json.metadata.uid as string;
    }
  });

  it('a delete that names a revision frees nothing that changed since, however they race', async () => {
    await replica(0).register('revisions', ['10.96.0.0/16']);
    for (let round = 0; round < 25; round++) {
      const { json } = await create(round, 'revisions', named(`s${round}`));
      const { uid, resourceVersion } = json.metadata as { uid: string; resourceVersion: string };
      const path = `${replica(0).services('revisions')}/s${round}`;
      const [patched, removed] = await Promise.all([
        replica(round).send('PATCH', path, { metadata: { labels: { a: 'b' } } }, { 'content-type': 'application/merge-patch+json' }),
        replica(round + 1).send('DELETE', path, { preconditions: { uid, resourceVersion } }),
      ]);
      // One of the two came first; there is no third way.
      expect([[200, 409], [404, 200]]).toContainEqual([patched.status, removed.status]);
      const now = await replica(0).send('GET', `/v1/clusters/revisions/addresses/${json.spec.clusterIP}`);
      expect(now.json.holder?.uid).toBe(removed.status === 200 ? undefined : uid);
    }
  });
});
