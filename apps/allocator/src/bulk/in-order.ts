/**
 * Does `work` for each item, at most `windowMax` at once, begun in order, and gives the results in order: a page of them at
 * a time, as soon as the first is done. Nothing more is begun while nobody takes results, so a slow reader holds up its own items.
 * @param work must not reject
 */
export async function* inOrder<T>(items: AsyncIterable<T>, windowMax: number, work: (item: T, index: number) => Promise<string>): AsyncGenerator<string[]> {
  const underWay: Slot[] = [];
  const iterator = items[Symbol.asyncIterator]();
  let index = 0;
  let next: Promise<IteratorResult<T>> | undefined = nextOf(iterator);
  try {
    while (next !== undefined || underWay.length > 0) {
      const read: IteratorResult<T> | undefined = await firstOf(underWay.length < windowMax ? next : undefined, underWay[0]?.done);
      if (read === undefined) yield takeDone(underWay);
      else if (read.done === true) next = undefined;
      else {
        const slot: Slot = { result: undefined, done: work(read.value, index++).then((result) => void (slot.result = result)) };
        underWay.push(slot);
        next = nextOf(iterator);
      }
    }
  } finally {
    iterator.return?.().catch(() => undefined); // not awaited: it waits for a line that may never come
  }
}

interface Slot {
  result: string | undefined;
  done: Promise<void>;
}

/** A failure to read is thrown where the item is waited for, which may be later than it happens. */
const nextOf = <T>(iterator: AsyncIterator<T>): Promise<IteratorResult<T>> => {
  const next = iterator.next();
  next.catch(() => undefined);
  return next;
};

const firstOf = async <T>(next: Promise<T> | undefined, done: Promise<void> | undefined): Promise<T | undefined> => {
  if (next === undefined || done === undefined) return (await (next ?? done)) ?? undefined;
  return (await Promise.race([next, done])) ?? undefined;
};

/** The first, which is done, and what is done behind it. */
const takeDone = (underWay: Slot[]): string[] => {
  const waiting = underWay.findIndex(({ result }) => result === undefined);
  return underWay.splice(0, waiting < 0 ? underWay.length : waiting).map(({ result }) => result ?? '');
};
