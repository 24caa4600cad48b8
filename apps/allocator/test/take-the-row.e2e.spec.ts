import { BadAppend, InMemoryEventStore, OutcomeUnknown, type AppendBatch, type LockedSession } from '@ipledger/event-store';
import { eventually } from '@ipledger/testing';
import { startServer, type Answer, type TestServer } from './start.js';

/** A store whose locks, once it is told so, are given when they are let go; a lock may lose its answer after its commit. */
class SlowLocks extends InMemoryEventStore {
  locks = 0;
  /** What is called while a lock is held. */
  readonly called: string[] = [];
  losesAnswer = false;
  /** Told of a batch before its append. */
  judge: (batch: AppendBatch) => void = () => undefined;
  private gate: { opened: Promise<void>; open: () => void } | undefined;

  hold(): void {
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => { open = resolve; });
    this.gate = { opened, open };
  }
  release(): void {
    this.gate?.open();
    this.gate = undefined;
  }
  override async locked<T>(clusterId: number, work: (session: LockedSession) => Promise<T>, known?: number): Promise<T> {
    this.locks++;
    await this.gate?.opened;
    const result = await super.locked(clusterId, (session) => work(this.watched(session)), known);
    if (!this.losesAnswer) return result;
    this.losesAnswer = false;
    throw new OutcomeUnknown('the connection was lost');
  }
  private watched(session: LockedSession): LockedSession {
    return new Proxy(session, { get: (target, name: keyof LockedSession) => {
      const member = target[name];
      if (typeof member !== 'function') return member;
      this.called.push(name);
      if (name === 'appendLast') return async (batch: AppendBatch) => {
        this.judge(batch);
        await target.appendLast(batch);
      };
      return (member as (...args: unknown[]) => unknown).bind(target);
    } });
  }
}

describe('a writer that waits for the row of its cluster', () => {
  let store: SlowLocks;
  let server: TestServer;
  let other: TestServer;
  beforeEach(async () => {
    store = new SlowLocks();
    [server, other] = await Promise.all([startServer(store, { batchLimit: 4 }), startServer(store)]);
    await server.register('c', ['10.96.0.0/24']);
    await create('theirs', other); // now the memory of `server` is behind, and its next append conflicts
    await create('mine');
    expect(store.locks).toBe(1);
    store.locks = 0;
  });
  afterEach(async () => {
    store.release();
    await server.close();
    await other.close();
  });

  const create = (name: string, by = server): Promise<Answer> => by.send('POST', by.services('c'), { metadata: { name }, spec: { ports: [{ port: 80 }] } });
  const createBoth = (...names: string[]): Promise<Answer> =>
    server.send('POST', '/v1/clusters/c/services:batch', { atomic: true, items: names.map((name) => ({ create: { metadata: { name }, spec: { ports: [{ port: 80 }] } } })) });
  const queued = async (): Promise<number> =>
    Number(/ipledger_writer_queue_commands\{cluster="c"\} (\d+)/.exec((await server.send('GET', '/metrics')).text)?.[1]);
  /** One create that waits for the row, and what came after it. */
  const whileWaiting = async (...later: (() => Promise<Answer>)[]): Promise<Answer[]> => {
    store.hold();
    const sent = [create('first')];
    await eventually(() => expect(store.locks).toBe(1));
    let queueLength = 0;
    for (const send of later) {
      sent.push(send());
      queueLength += send.name === 'both' ? 2 : 1;
      await eventually(async () => expect(await queued()).toBe(queueLength));
    }
    store.release();
    return Promise.all(sent);
  };
  const both = (): Promise<Answer> => createBoth('b', 'c');
  const namesInLog = async (): Promise<string[]> => {
    const { json } = await server.send('GET', '/v1/clusters/c/events?limit=1000&after=0');
    return (json.items as { type: string; data: { service: { name: string } } }[]).filter(({ type }) => type === 'service.created').map(({ data }) => data.service.name).slice(3);
  };

  it('brings all that came meanwhile, in the order it came', async () => {
    const answers = await whileWaiting(() => create('a'), () => create('b'), () => create('c'));
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
    expect(store.locks).toBe(1);
    expect(await namesInLog()).toEqual(['first', 'a', 'b', 'c']);
  });

  it('is given what it missed with the row, and asks for nothing but its append while others wait', async () => {
    await create('more-of-theirs', other);
    store.called.length = 0;
    expect((await whileWaiting(() => create('a'))).map(({ status }) => status)).toEqual([201, 201]);
    expect(store.called).toEqual(['appendLast']);
  });

  it('leaves what is more than a batch for the next turn', async () => {
    const answers = await whileWaiting(...['a', 'b', 'c', 'd', 'e'].map((name) => () => create(name)));
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201, 201]);
    expect(store.locks).toBe(2);
    expect(await namesInLog()).toEqual(['first', 'a', 'b', 'c', 'd', 'e']);
  });

  it('leaves what is to happen together or not at all, and all that came after it, for turns of their own', async () => {
    const answers = await whileWaiting(() => create('a'), both, () => create('d'));
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 200, 201]);
    expect(store.locks).toBe(3);
    expect(await namesInLog()).toEqual(['first', 'a', 'b', 'c', 'd']);
  });

  it('finds the one that is refused for its content by itself, and what came later comes after the others', async () => {
    store.judge = ({ documents: { written } }) => {
      if (!written.some(({ name }) => name === 'first')) return;
      if (store.locks === 1) store.hold(); // it waits for the row again
      throw new BadAppend('no such text');
    };
    const sent = whileWaiting(() => create('a'), () => create('b'));
    await eventually(() => expect(store.locks).toBe(2));
    const left = await queued();
    const late = create('late');
    await eventually(async () => expect(await queued()).toBe(left + 1));
    store.release();
    expect((await sent).map(({ status }) => status)).toEqual([500, 201, 201]);
    expect((await late).status).toBe(201);
    expect(await namesInLog()).toEqual(['a', 'b', 'late']);
    expect(store.locks).toBe(5);
  });

  it('answers each of them once when nobody knows at first whether they were committed', async () => {
    store.losesAnswer = true;
    const answers = await whileWaiting(() => create('a'), () => create('b'));
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201]);
    expect(await namesInLog()).toEqual(['first', 'a', 'b']);
  });
});
