import { InMemoryEventStore } from '@ipledger/event-store';
import { startServer, type TestServer } from './start.js';

describe('DELETE of a collection', () => {
  let server: TestServer;
  const queueLimit = 40;
  beforeAll(async () => {
    server = await startServer(new InMemoryEventStore(), { queueLimit });
    await server.register('c', ['10.96.0.0/16']);
  });
  afterAll(() => server.close());

  const fill = async (namespace: string, count: number): Promise<string[]> => {
    const names = Array.from({ length: count }, (_, i) => `s${String(i).padStart(4, '0')}`);
    for (const name of names) {
      const answer = await server.send('POST', server.services('c', namespace), { metadata: { name, labels: { half: Number(name.slice(1)) % 2 === 0 ? 'even' : 'odd' } }, spec: { ports: [{ port: 80 }] } });
      expect(answer.status, answer.text).toBe(201);
    }
    return names;
  };
  const namesIn = async (namespace: string): Promise<string[]> => (await server.send('GET', server.services('c', namespace))).json.items.map(({ metadata }: { metadata: { name: string } }) => metadata.name);

  it('deletes more Services than may wait for the writer, and answers what there was', async () => {
    const names = await fill('many', 5 * queueLimit);
    const answer = await server.send('DELETE', server.services('c', 'many'));
    expect(answer).toMatchObject({ status: 200, json: { kind: 'ServiceList' } });
    expect(answer.json.items.map(({ metadata }: { metadata: { name: string } }) => metadata.name)).toEqual(names);
    expect(await namesIn('many')).toEqual([]);
  });

  it('deletes what is selected only, and nothing in a dry run', async () => {
    const names = await fill('some', 6);
    const before = await server.revision('c');
    expect((await server.send('DELETE', `${server.services('c', 'some')}?dryRun=All`)).json.items).toHaveLength(6);
    expect(await server.revision('c')).toBe(before);
    expect((await server.send('DELETE', `${server.services('c', 'some')}?labelSelector=half%3Deven`)).json.items).toHaveLength(3);
    expect(await namesIn('some')).toEqual(names.filter((_, i) => i % 2 === 1));
  });
});
