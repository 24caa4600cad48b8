import type { LogRow } from '@ipledger/event-store';
import { LogTail } from './log-tail.js';

const time = new Date('2026-01-02T03:04:05.678Z');
const row = (revision: number): LogRow => ({
  clusterId: 1, epoch: 1, revision, time, eventCount: 1, events: '[]',
  command: { id: `c${revision}`, kind: 'CreateService', requestId: null, actor: null, userAgent: null, traceparent: null },
});

/** A log of one cluster that grows at will, and what is delivered of it. */
const follow = (options: { gatherMs: number; batchCommandsMax?: number }) => {
  let tip = 0;
  const delivered: number[][] = [];
  const tail = new LogTail({
    store: {
      pulse: async () => String(tip),
      tips: async () => (tip === 0 ? [] : [{ id: 1, name: 'blue', epoch: 1, revision: tip }]),
      readLog: async (_, after, limit) => Array.from({ length: Math.min(tip - after, limit) }, (__, index) => row(after + index + 1)),
    },
    positionOf: async () => 0,
    onFailure: (_, error) => { throw error; },
    ...options,
  });
  const ended = tail.run(async ({ commands }) => void delivered.push(commands.map(({ revision }) => revision)));
  const append = (commands: number): void => {
    tip += commands;
    tail.hint();
  };
  return { append, delivered, ended, stop: () => tail.stop() };
};

const anHourMs = 3_600_000;

describe('the tail of the log', () => {
  beforeEach(() => { vi.useFakeTimers(); });
  afterEach(() => { vi.useRealTimers(); });

  it('delivers at once what comes after a pause, then lets gather what follows', async () => {
    const { append, delivered, stop } = follow({ gatherMs: anHourMs });
    await vi.advanceTimersByTimeAsync(1_000);
    append(1);
    await vi.advanceTimersByTimeAsync(0);
    expect(delivered).toEqual([[1]]);
    append(1);
    append(2);
    await vi.advanceTimersByTimeAsync(anHourMs - 1);
    expect(delivered).toEqual([[1]]);
    await vi.advanceTimersByTimeAsync(1);
    expect(delivered).toEqual([[1], [2, 3, 4]]);
    await stop();
  });

  it('does not wait while batches are full', async () => {
    const { append, delivered, stop } = follow({ gatherMs: anHourMs, batchCommandsMax: 3 });
    append(7);
    await vi.advanceTimersByTimeAsync(0);
    expect(delivered).toEqual([[1, 2, 3], [4, 5, 6], [7]]);
    await stop();
  });

  it('ends at once when it is stopped while commands gather', async () => {
    const { append, delivered, ended, stop } = follow({ gatherMs: anHourMs });
    append(1);
    await vi.advanceTimersByTimeAsync(0);
    append(1);
    await stop();
    await ended;
    expect(delivered).toEqual([[1]]);
  });
});
