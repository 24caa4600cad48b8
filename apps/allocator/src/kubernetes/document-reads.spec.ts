import type { Document, EventStore, ServiceKey } from '@ipledger/event-store';
import { eventually } from '@ipledger/testing';
import { DocumentReads } from './document-reads.js';

/** A store whose reads wait until they are answered, from what it holds at that moment of asking. */
class AskedStore {
  readonly documentsByName = new Map([['a', 'A'], ['b', 'B'], ['c', 'C']]);
  readonly asked: { clusterId: number; names: string[]; answer: () => void; fail: (error: Error) => void }[] = [];

  documents(clusterId: number, keys: readonly ServiceKey[]): Promise<Document[]> {
    const found = keys.flatMap(({ namespace, name }): Document[] => {
      const document = this.documentsByName.get(name);
      return document === undefined ? [] : [{ namespace, name, uid: '', revision: 1, document }];
    });
    return new Promise((resolve, reject) => {
      this.asked.push({ clusterId, names: keys.map(({ name }) => name), answer: () => resolve(found), fail: reject });
    });
  }
}

describe('reads of single documents', () => {
  let store: AskedStore;
  let reads: DocumentReads;
  beforeEach(() => {
    store = new AskedStore();
    reads = new DocumentReads(store as unknown as EventStore);
  });
  const read = (name: string, clusterId = 1): Promise<string | undefined> => reads.read(clusterId, 'ns', name);
  const names = (): string[][] => store.asked.map((one) => one.names);

  it('go out at once, two at a time; what comes meanwhile shares the next one, each key once', async () => {
    const answers = ['a', 'b', 'c', 'none', 'c'].map((name) => read(name));
    expect(names()).toEqual([['a'], ['b']]);
    store.asked[0]?.answer();
    expect(await answers[0]).toBe('A');
    await eventually(() => expect(names()).toEqual([['a'], ['b'], ['c', 'none']]));
    store.asked[2]?.answer();
    expect(await Promise.all(answers.slice(2))).toEqual(['C', undefined, 'C']);
    store.asked[1]?.answer();
    expect(await answers[1]).toBe('B');
  });

  it('see what was committed before they were asked for, although an older read of the same key is under way', async () => {
    const [older, other] = [read('a'), read('b')];
    store.documentsByName.set('a', 'A2');
    const newer = read('a');
    for (let i = 0; i < 2; i++) store.asked[i]?.answer();
    expect(await Promise.all([older, other])).toEqual(['A', 'B']);
    store.asked[2]?.answer();
    expect(await newer).toBe('A2');
  });

  it('keep clusters apart', async () => {
    const answers = [read('a', 1), read('b', 1), read('c', 2)];
    expect(store.asked.map(({ clusterId }) => clusterId)).toEqual([1, 1, 2]);
    for (const one of store.asked) one.answer();
    expect(await Promise.all(answers)).toEqual(['A', 'B', 'C']);
  });

  it('fail with those they shared a read with, and the next one works', async () => {
    const failed = [read('a'), read('b'), read('c')];
    store.asked[0]?.fail(new Error('gone'));
    await expect(failed[0]).rejects.toThrow('gone');
    store.asked[1]?.answer();
    store.asked[2]?.answer();
    expect(await Promise.all(failed.slice(1))).toEqual(['B', 'C']);
    const next = read('a');
    store.asked[3]?.answer();
    expect(await next).toBe('A');
  });
});
