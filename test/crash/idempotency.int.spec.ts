import { useFreshDatabase } from '@ipledger/testing';
import { ServiceProcess } from './service-process.js';

const clients = 12;
const keysPerClient = 30;
/** Clients that share each key. */
const sharing = 4;
const triesMax = 200;

/** `kill -9` of one replica after the other, while clients repeat what was not answered at whatever replica is there. */
describe('an Idempotency-Key', () => {
  const database = useFreshDatabase();
  let replicas: ServiceProcess[] = [];
  const start = (): Promise<ServiceProcess> => ServiceProcess.startAllocator(database.url, { DRAIN_SECONDS: '0' });
  beforeAll(async () => {
    await ServiceProcess.build();
    replicas = [await start(), await start()];
  }, 180_000);
  afterAll(async () => {
    for (const replica of replicas) await replica.end('SIGKILL');
  });

  it('makes one Service of all that was sent under it, over crashes and changes of the replica', async () => {
    const json = { 'content-type': 'application/json' };
    await fetch(`${replicas[0]?.url}/v1/clusters`, { method: 'POST', headers: json, body: '{"name":"c","serviceCIDRs":["10.96.0.0/16"]}' });
    const body = JSON.stringify({ metadata: { generateName: 'g-' }, spec: { ports: [{ port: 80 }] } });
    const answers = new Map<string, Set<string>>();
    let repeated = 0;
    const send = async (key: string, client: number): Promise<void> => {
      for (let i = 0; i < triesMax; i++) {
        const { url } = replicas[(client + i) % replicas.length]!;
        const answer = await fetch(`${url}/clusters/c/api/v1/namespaces/default/services`, { method: 'POST', headers: { ...json, 'idempotency-key': key }, body })
          .then(async (got) => ({ status: got.status, text: await got.text() }), () => undefined);
        if (answer?.status === 201) return void answers.set(key, (answers.get(key) ?? new Set()).add(answer.text));
        expect([undefined, 429, 503]).toContain(answer?.status);
        repeated++;
        await new Promise((waited) => { setTimeout(waited, 50); });
      }
      throw new Error(`${key} was never answered`);
    };
    let running = clients;
    const client = async (index: number): Promise<void> => {
      for (let i = 0; i < keysPerClient; i++) await send(`${Math.floor(index / sharing)}-${i}`, index);
      running--;
    };
    const load = Promise.all(Array.from({ length: clients }, (_, index) => client(index)));
    const killing = (async () => {
      for (let turn = 0; running > 0; turn = 1 - turn) {
        const before = answers.size;
        while (running > 0 && answers.size < before + 20) await new Promise((waited) => { setTimeout(waited, 5); });
        await replicas[turn]!.end('SIGKILL');
        replicas[turn] = await start();
      }
    })();
    await load;
    await killing;

    const keys = (clients / sharing) * keysPerClient;
    expect(repeated).toBeGreaterThan(0); // somebody was cut off
    expect(answers.size).toBe(keys);
    for (const [key, given] of answers) expect({ key, answers: given.size }).toEqual({ key, answers: 1 });
    // Whoever uses a key for something else is told so by either replica, over all of this.
    const other = JSON.stringify({ metadata: { name: 'other' }, spec: { ports: [{ port: 81 }] } });
    for (const [index, key] of [...answers.keys()].entries()) {
      const answer = await fetch(`${replicas[index % 2]?.url}/clusters/c/api/v1/namespaces/default/services`, { method: 'POST', headers: { ...json, 'idempotency-key': key }, body: other });
      expect({ key, status: answer.status, text: await answer.text() }).toMatchObject({ key, status: 422, text: expect.stringContaining('was used for a request with other content') });
    }
    const { items } = (await (await fetch(`${replicas[0]?.url}/clusters/c/api/v1/services`)).json()) as { items: { metadata: { uid: string } }[] };
    expect(items).toHaveLength(keys + 1); // and default/kubernetes
  }, 180_000);
});
