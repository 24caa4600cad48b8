import { createPool, PostgresEventStore } from '@ipledger/event-store';
import { createLogger } from '@ipledger/runtime';
import { eventually, freePort, freshDatabase, type TestDatabase } from '@ipledger/testing';
import { ApiException, CoreV1Api, KubeConfig, makeInformer, PatchStrategy, setHeaderOptions, Watch, type V1Service } from '@kubernetes/client-node';
import { createAllocator, type Allocator } from '../../apps/allocator/src/index.js';

/** The official JavaScript client, configured with the kubeconfig that the service hands out, over Postgres. */
const changes = Number(process.env['INFORMER_CHANGES'] ?? 600);

describe('@kubernetes/client-node', () => {
  let database: TestDatabase;
  let service: Service;
  let config: KubeConfig;
  let api: CoreV1Api;

  beforeAll(async () => {
    database = await freshDatabase();
    service = new Service(database.url);
    await service.start();
    const cluster = JSON.stringify({ name: 'prod', serviceCIDRs: ['10.96.0.0/16', 'fd00:10:96::/112'] });
    await fetch(`${service.url}/v1/clusters`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: cluster });
    config = new KubeConfig();
    config.loadFromString(await (await fetch(`${service.url}/v1/clusters/prod/kubeconfig`)).text());
    api = config.makeApiClient(CoreV1Api);
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  const namespace = 'default';
  const body = (name: string, labels: Record<string, string> = {}): V1Service => ({ metadata: { name, labels }, spec: { ports: [{ port: 80 }] } });
  const refusal = async (answer: Promise<unknown>): Promise<number> => {
    const error: unknown = await answer.then(() => undefined, (thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ApiException);
    expect(JSON.parse((error as ApiException<string>).body)).toMatchObject({ kind: 'Status', status: 'Failure', code: (error as ApiException<string>).code });
    return (error as ApiException<string>).code;
  };

  it('creates, reads, lists, replaces, deletes', async () => {
    const created = await api.createNamespacedService({ namespace, body: body('a', { set: 'x' }) });
    expect(created.spec?.clusterIPs).toEqual([created.spec?.clusterIP]);
    expect(await refusal(api.createNamespacedService({ namespace, body: body('a') }))).toBe(409);
    expect(await refusal(api.createNamespacedService({ namespace, body: { metadata: { name: 'b' }, spec: {} } }))).toBe(422);
    await api.createNamespacedService({ namespace: 'other', body: body('b', { set: 'x' }) });
    const everywhere = await api.listServiceForAllNamespaces({ labelSelector: 'set=x', limit: 1 });
    expect(everywhere.items.map(({ metadata }) => metadata?.name)).toEqual(['a']);
    const rest = await api.listServiceForAllNamespaces({ labelSelector: 'set=x', _continue: everywhere.metadata?._continue ?? '' });
    expect(rest.items.map(({ metadata }) => metadata?.name)).toEqual(['b']);

    const read = await api.readNamespacedService({ namespace, name: 'a' });
    const replaced = await api.replaceNamespacedService({ namespace, name: 'a', body: { ...read, metadata: { ...read.metadata, annotations: { note: 'n' } } } });
    expect(replaced).toMatchObject({ metadata: { annotations: { note: 'n' } }, spec: { clusterIP: created.spec?.clusterIP } });
    expect(await refusal(api.replaceNamespacedService({ namespace, name: 'a', body: read }))).toBe(409);
    expect((await api.deleteNamespacedService({ namespace, name: 'a' })).metadata?.name).toBe('a');
    expect(await refusal(api.readNamespacedService({ namespace, name: 'a' }))).toBe(404);
    await api.deleteCollectionNamespacedService({ namespace: 'other' });
    expect((await api.listNamespacedService({ namespace: 'other' })).items).toEqual([]);
  });

  it.each([
    [PatchStrategy.JsonPatch, [{ op: 'add', path: '/metadata/labels', value: { a: '1' } }]],
    [PatchStrategy.MergePatch, { metadata: { labels: { a: '1' } } }],
    [PatchStrategy.StrategicMergePatch, { metadata: { labels: { a: '1' } } }],
    [PatchStrategy.ServerSideApply, { apiVersion: 'v1', kind: 'Service', metadata: { name: 'patched', labels: { a: '1' } } }],
  ])('patches with %s', async (strategy, patch) => {
    await api.createNamespacedService({ namespace, body: body('patched') });
    const patched = await api.patchNamespacedService({ namespace, name: 'patched', body: patch, fieldManager: 'test' }, setHeaderOptions('Content-Type', strategy));
    expect(patched.metadata?.labels).toEqual({ a: '1' });
    await api.deleteNamespacedService({ namespace, name: 'patched' });
  });

  it('watches', async () => {
    const seen: string[] = [];
    const { metadata } = await api.listNamespacedService({ namespace: 'watched' });
    const note = (type: string, object: V1Service): unknown => seen.push(`${type} ${object.metadata?.name}`);
    const watch = await new Watch(config).watch('/api/v1/namespaces/watched/services', { resourceVersion: metadata?.resourceVersion }, note, () => undefined);
    await api.createNamespacedService({ namespace: 'watched', body: body('a') });
    await api.deleteNamespacedService({ namespace: 'watched', name: 'a' });
    await eventually(() => expect(seen).toEqual(['ADDED a', 'DELETED a']));
    watch.abort();
  });

  it(`follows ${changes} changes with an informer through two restarts of the service, missing and doubling none`, { timeout: 600_000 }, async () => {
    const follower = new Follower(config, api);
    await follower.start();
    const writer = { made: 0 };
    const third = Math.ceil(changes / 3);
    for (const part of [1, 2, 3]) {
      const until = Math.min(part * third, changes);
      // The last ones of each part are on their way when the service stops: a write that failed is sent again.
      const writing = write(writer, until, api);
      if (part < 3) {
        await eventually(() => expect(writer.made).toBeGreaterThan(until - third / 2), { timeoutMs: 300_000 });
        await service.restart();
      }
      await writing;
    }
    await eventually(() => expect(follower.last).toBe(changes), { timeoutMs: 60_000 });
    await follower.stop();
    expect(follower.seen).toEqual(Array.from({ length: changes + 1 }, (_, i) => i));
  });
});

/** Numbers a label of one Service on and on: change n sets it to n. */
const write = async (writer: { made: number }, until: number, api: CoreV1Api): Promise<void> => {
  for (let n = writer.made + 1; n <= until; n++) {
    const patch = { namespace: 'informed', name: 'counter', body: { metadata: { labels: { n: String(n) } } } };
    await eventually(() => api.patchNamespacedService(patch, setHeaderOptions('Content-Type', PatchStrategy.MergePatch)), { timeoutMs: 30_000, everyMs: 20 });
    writer.made = n;
  }
};

/** An informer as its users write it: started again when its stream fails. Notes each number that it is told of. */
class Follower {
  readonly seen: number[] = [];
  private readonly informer;
  private stopped = false;

  constructor(config: KubeConfig, private readonly api: CoreV1Api) {
    this.informer = makeInformer<V1Service>(config, '/api/v1/namespaces/informed/services', () => api.listNamespacedService({ namespace: 'informed' }));
    const note = ({ metadata }: V1Service): unknown => this.seen.push(Number(metadata?.labels?.['n']));
    this.informer.on('add', note);
    this.informer.on('update', note);
    this.informer.on('error', () => this.again());
  }

  get last(): number | undefined {
    return this.seen.at(-1);
  }

  async start(): Promise<void> {
    const counter = { metadata: { name: 'counter', labels: { n: '0' } }, spec: { ports: [{ port: 80 }] } };
    await this.api.createNamespacedService({ namespace: 'informed', body: counter });
    await this.informer.start();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.informer.stop();
  }

  private again(): void {
    if (!this.stopped) setTimeout(() => void this.informer.start().catch(() => this.again()), 50);
  }
}

/** The command side in this process, which can be stopped and started again at the same port. */
class Service {
  private store: PostgresEventStore | undefined;
  private allocator: Allocator | undefined;
  private port = 0;

  constructor(private readonly databaseUrl: string) {}

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    this.store = new PostgresEventStore(createPool({ url: this.databaseUrl }));
    const settings = { queueLimit: 2048, batchLimit: 256, clusterIdleSeconds: 600 };
    this.allocator = await createAllocator({ store: this.store, logger: createLogger({ level: 'error', format: 'pretty' }), settings, version: 'test', isStopping: () => false });
    this.port ||= await freePort();
    await this.allocator.listen(this.port, '127.0.0.1');
  }

  async stop(): Promise<void> {
    await this.allocator?.close();
    await this.store?.close();
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }
}
