import { BadAppend, InMemoryEventStore, OutcomeUnknown, StoreUnavailable, type AppendBatch } from '@ipledger/event-store';
import { eventually } from '@ipledger/testing';
import { startServer, type Answer, type TestServer } from './start.js';

/** A store whose appends, once it is told so, wait until they are let go, and may fail then. */
class HeldStore extends InMemoryEventStore {
  readonly batches: AppendBatch[] = [];
  private held: { let: (failure?: Error | 'after') => void }[] | undefined;

  hold(): void {
    this.held = [];
  }
  get waiting(): number {
    return this.held?.length ?? 0;
  }
  /** Lets one append that waits go on and goes on holding: it fails with an error, or succeeds and then loses its answer. */
  next(failure?: Error | 'after', index = 0): void {
    this.held?.splice(index, 1)[0]?.let(failure);
  }
  release(): void {
    const waiting = this.held ?? [];
    this.held = undefined;
    for (const one of waiting) one.let();
  }
  override async append(batch: AppendBatch): Promise<void> {
    const failure = this.held && (await new Promise<Error | 'after' | undefined>((resolve) => this.held?.push({ let: resolve })));
    if (failure instanceof Error) throw failure;
    await super.append(batch);
    this.batches.push(batch);
    if (failure === 'after') throw new OutcomeUnknown('the connection was lost');
  }
}

describe('deciding while an append is in flight', () => {
  let store: HeldStore;
  let server: TestServer;
  let other: TestServer;
  beforeEach(async () => {
    store = new HeldStore();
    [server, other] = await Promise.all([startServer(store), startServer(store)]);
    await server.register('c', ['10.96.0.0/24', 'fd00::/120']);
  });
  afterEach(async () => {
    store.release();
    await server.close();
    await other.close();
  });

  const create = (name: string, spec: object = {}, by = server): Promise<Answer> =>
    by.send('POST', by.services('c'), { metadata: { name }, spec: { ipFamilyPolicy: 'RequireDualStack', ports: [{ port: 80 }], ...spec } });
  const queued = async (): Promise<number> =>
    Number(/ipledger_writer_queue_commands\{cluster="c"\} (\d+)/.exec((await server.send('GET', '/metrics')).text)?.[1]);
  /** One create whose append is held, and others that were decided meanwhile. */
  const inFlight = async (...specs: object[]): Promise<Promise<Answer>[]> => {
    store.hold();
    const first = create('first');
    await eventually(() => expect(store.waiting).toBe(1));
    const more = specs.map((spec, i) => create(`more${i}`, spec));
    await eventually(async () => expect(await queued()).toBe(specs.length));
    return [first, ...more];
  };
  const addressesOf = (answers: readonly Answer[]): string[] => answers.flatMap(({ json }) => (json.spec?.clusterIPs ?? []) as string[]);
  const revisions = async (): Promise<number[]> => {
    const { json } = await server.send('GET', '/v1/clusters/c/events?limit=1000&after=0');
    return (json.items as { revision: number }[]).map(({ revision }) => revision);
  };
  const expectWhole = async (answers: readonly Answer[]): Promise<void> => {
    const held = addressesOf(answers);
    expect(new Set(held).size).toBe(held.length);
    const found = await revisions();
    expect(found).toEqual(found.map((_, i) => i + 1));
    const listed = (await other.send('GET', other.services('c'))).json.items as { spec: { clusterIPs: string[] } }[];
    expect(listed.flatMap(({ spec }) => spec.clusterIPs).filter((address) => held.includes(address)).sort()).toEqual(held.sort());
  };

  it('appends what was decided meanwhile right after, at the revision it was decided at, and answers in order of commits', async () => {
    const sent = await inFlight({}, {}, { clusterIP: '10.96.0.1' });
    let answered = 0;
    for (const one of sent) void one.then(() => answered++);
    expect(answered).toBe(0);
    store.next();
    expect((await sent[0])?.status).toBe(201);
    await eventually(() => expect(store.waiting).toBe(1));
    expect(answered).toBe(1);
    store.next();
    const answers = await Promise.all(sent);
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 422]);
    expect(store.batches.slice(-2).map(({ at, rows }) => [at, rows.length])).toEqual([[3, 1], [6, 2]]);
    await expectWhole(answers);
  });

  it('decides anew when the cluster moved on, and nobody gets an address that another replica took meanwhile', async () => {
    const sent = await inFlight({ clusterIP: '10.96.0.9' }, {});
    const theirs = create('theirs', { clusterIP: '10.96.0.9' }, other);
    await eventually(() => expect(store.waiting).toBe(2));
    store.next(undefined, 1);
    expect((await theirs).status).toBe(201);
    store.release();
    const answers = await Promise.all(sent);
    expect(answers.map(({ status }) => status)).toEqual([201, 422, 201]);
    expect(answers[1]?.json.message).toContain('provided IP is already allocated');
    await expectWhole([...answers, await theirs]);
  });

  it.each<[string, Error, number]>([
    ['is refused for its content', new BadAppend('no such text'), 500],
    ['fails since the database is away', new StoreUnavailable('gone'), 503],
  ])('decides anew when the append before %s: its neighbours are not hurt', async (_, failure, status) => {
    const sent = await inFlight({}, {});
    store.next(failure);
    expect((await sent[0])?.status).toBe(status);
    store.release();
    const answers = await Promise.all(sent.slice(1));
    expect(answers.map((answer) => answer.status)).toEqual([201, 201]);
    await expectWhole(answers);
    expect((await server.send('GET', `${server.services('c')}/first`)).status).toBe(404);
  });

  it('decides nothing ahead of those that are left of a batch that was refused for its content', async () => {
    const sent = await inFlight({}, {});
    store.next();
    await eventually(() => expect(store.waiting).toBe(1));
    store.next(new BadAppend('no such text')); // now each goes by itself
    await eventually(() => expect(store.waiting).toBe(1));
    const left = await queued();
    const late = create('late');
    await eventually(async () => expect(await queued()).toBe(left + 1));
    store.release();
    const answers = await Promise.all([...sent, late]);
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
    expect(store.batches.slice(-3).map(({ documents: { written } }) => written.map(({ name }) => name))).toEqual([['more0'], ['more1'], ['late']]);
    await expectWhole(answers);
  });

  it('decides anew when nobody knows at first whether the append before happened', async () => {
    const sent = await inFlight({}, {});
    store.next('after');
    await eventually(() => expect(store.waiting).toBe(1));
    store.release();
    const answers = await Promise.all(sent);
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201]);
    await expectWhole(answers);
  });

  it('appends what was decided meanwhile as it was decided, even if the clock goes back to a time of contention', async () => {
    await create('theirs', {}, other);
    expect((await create('mine')).status).toBe(201); // after a conflict
    const now = vi.spyOn(Date, 'now');
    try {
      now.mockReturnValue(Date.now() + 10_000); // the contention is over
      const sent = await inFlight({}, {});
      now.mockReturnValue(Date.now() - 10_000);
      store.release();
      const answers = await Promise.all([...sent, create('last')]);
      expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
      await expectWhole(answers);
    } finally {
      now.mockRestore();
    }
  });

  it('keeps the order of what needs a document and what does not', async () => {
    await create('known');
    const patch = (body: object) => server.send('PATCH', `${server.services('c')}/known`, body, { 'content-type': 'application/merge-patch+json' });
    store.hold();
    const first = create('first');
    await eventually(() => expect(store.waiting).toBe(1));
    const patched = patch({ spec: { ipFamilyPolicy: 'SingleStack' } });
    await eventually(async () => expect(await queued()).toBe(1));
    const last = create('last');
    await eventually(async () => expect(await queued()).toBe(2));
    store.release();
    const answers = await Promise.all([first, patched, last]);
    expect(answers.map(({ status }) => status)).toEqual([201, 200, 201]);
    const versions = answers.map(({ json }) => Number(json.metadata.resourceVersion));
    expect(versions).toEqual(versions.toSorted((a, b) => a - b));
    await expectWhole(answers);
  });
});
