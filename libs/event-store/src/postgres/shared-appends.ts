import { OutcomeUnknown } from '../errors.js';
import type { AppendBatch } from '../event-store.js';
import { canShare } from './append.js';

/** Appends of one process under way at once; what comes meanwhile shares the next one. */
const underWayMax = 2;
/** Nobody waits longer than this for the statements under way: one may hang on a row that another process holds. */
const waitMsMax = 50;
const clustersMax = 64;
/** Commands in a shared append: more than so many buy nothing, and the neighbours would wait for them. */
const rowsMax = 512;

interface Waiting {
  batch: AppendBatch;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * Appends of many clusters, a few statements at a time: as long as some are under way, further clusters wait and share the next
 * statement. No timer: the only cluster never waits. A batch that cannot be written together with others is appended by itself, so
 * that what is wrong with it, or who was faster, is its own.
 */
export class SharedAppends {
  /** By cluster: two of one cluster must never be in one statement. */
  private readonly waiting = new Map<number, Waiting>();
  private underWay = 0;
  private late: NodeJS.Timeout | undefined;

  /** @param together answers the clusters whose batch was written; throws when none was, or `OutcomeUnknown` */
  constructor(private readonly alone: (batch: AppendBatch) => Promise<void>, private readonly together: (batches: readonly AppendBatch[]) => Promise<Set<number>>) {}

  /** @throws what `alone` throws, and `OutcomeUnknown` */
  append(batch: AppendBatch): Promise<void> {
    if (this.underWay < underWayMax || !canShare(batch) || this.waiting.has(batch.clusterId)) return this.counted(() => this.alone(batch));
    return new Promise((resolve, reject) => {
      this.waiting.set(batch.clusterId, { batch, resolve, reject });
      this.late ??= setTimeout(() => this.sendWaiting(), waitMsMax);
    });
  }

  private async counted<T>(work: () => Promise<T>): Promise<T> {
    this.underWay++;
    try {
      return await work();
    } finally {
      this.underWay--;
      if (this.underWay < underWayMax) this.sendWaiting();
    }
  }

  private sendWaiting(): void {
    clearTimeout(this.late);
    this.late = undefined;
    const group: Waiting[] = [];
    let rows = 0;
    for (const [clusterId, one] of this.waiting) {
      rows += one.batch.rows.length;
      if (group.length === clustersMax || (rows > rowsMax && group.length > 0)) break;
      group.push(one);
      this.waiting.delete(clusterId);
    }
    if (this.waiting.size > 0) this.late = setTimeout(() => this.sendWaiting(), waitMsMax);
    if (group.length > 0) void this.appendTogether(group);
  }

  /** Never rejects. */
  private async appendTogether(group: readonly Waiting[]): Promise<void> {
    let left = group;
    try {
      if (group.length > 1) {
        const written = await this.counted(() => this.together(group.map(({ batch }) => batch)));
        left = group.filter(({ batch }) => !written.has(batch.clusterId));
        for (const { batch, resolve } of group) if (written.has(batch.clusterId)) resolve();
      }
    } catch (error) {
      if (error instanceof OutcomeUnknown) {
        for (const { reject } of group) reject(error);
        return;
      }
    }
    for (const { batch, resolve, reject } of left) this.counted(() => this.alone(batch)).then(resolve, reject);
  }
}
