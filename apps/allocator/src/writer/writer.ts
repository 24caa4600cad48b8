import type { EventStore, LockedSession } from '@ipledger/event-store';
import { ClaimConflict, OutcomeUnknown, RevisionConflict, StoreError, BadAppend } from '@ipledger/event-store';
import type { ClusterState, DatedEvent, Pool } from '@ipledger/services';
import { Batch } from './batch.js';
import { catchUp, loadState, type LoadedState } from './load-state.js';
import { QueueFull, WriterUnavailable, type Order, type Outcome, type UnitOutcome } from './order.js';

export interface WriterSettings {
  /** Orders that may wait; the next one is refused. */
  queueLimit: number;
  /** An order that has waited for so long is refused: whoever sent it had better retry than wait on. 10 unless told. */
  queueSeconds?: number;
  /** Orders in one append. More than 256 buys nothing (guide, section 7). */
  batchLimit: number;
}

/** What the writer tells the metrics. Must not throw. */
export interface WriterObserver {
  committed(cluster: string, events: readonly DatedEvent[], commands: number): void;
  /** @param pools those of the cluster as it was decided */
  settled(cluster: string, order: Order, outcome: Outcome, seconds: number, pools: readonly Pool[]): void;
  failed(cluster: string, order: Order): void;
  retried(cluster: string, reason: 'revision_moved' | 'unique_violation'): void;
}

/** After a conflict: lock first for so many appends or so long, so that replicas on one cluster do not thrash (design D4). */
const lockFirstAppends = 100;
const lockFirstMs = 5_000;
const attemptsMax = 5;
const queueSecondsDefault = 10;

/** One order, or a unit of several that are accepted together or not at all. */
interface Waiting {
  orders: readonly Order[];
  isUnit: boolean;
  queuedMs: number;
  resolve(outcomes: readonly (UnitOutcome | undefined)[]): void;
  reject(error: Error): void;
}

/** Orders decided while the append before theirs is in flight, on the state as it is once that one has committed. */
interface Ahead {
  batch: Batch;
  waiting: Waiting[];
}

/**
 * The one place of this process that changes a cluster. It keeps the cluster's state in memory, decides against it at a
 * revision, and appends on condition that the cluster is still there. While one append is in flight, further orders queue;
 * the next append takes them all. No timer: it clocks itself (design D5). Orders that need nothing from the store, such as
 * creates, are decided while they wait, so that Postgres and this process work at the same time (ADR 0001).
 */
export class Writer {
  lastUsedMs = Date.now();
  private readonly queue: Waiting[] = [];
  private running: Promise<void> | undefined;
  private loaded: LoadedState | undefined;
  /** There while an append is in flight whose success the next one may count on. */
  private ahead: Ahead | undefined;
  private lockFirst = { appends: 0, untilMs: 0 };

  constructor(
    private readonly clusterId: number,
    private readonly name: string,
    private readonly store: EventStore,
    private readonly settings: WriterSettings,
    private readonly observer: WriterObserver,
  ) {}

  get isIdle(): boolean {
    return this.running === undefined && this.queue.length === 0;
  }
  get queueLength(): number {
    return this.queue.reduce((sum, { orders }) => sum + orders.length, 0) + (this.ahead?.waiting.length ?? 0);
  }
  /** The state as of the last commit that this process knows, for gauges; undefined when the cluster is not in memory. */
  get state(): ClusterState | undefined {
    return this.loaded?.state;
  }

  /**
   * @returns what the order came to, once it is committed
   * @throws QueueFull, WriterUnavailable
   */
  submit(order: Order): Promise<Outcome> {
    const { promise, resolve, reject } = withResolvers<Outcome>();
    this.enqueue([order], false, ([outcome]) => {
      if (outcome === undefined || outcome instanceof Error || outcome.kind === 'abandoned') reject(outcome instanceof Error ? outcome : new Error('an order was not decided'));
      else resolve(outcome);
    }, reject);
    return promise;
  }

  /**
   * All of these orders in one append, or none of them. They are decided in order; deciding ends with the first one that
   * is not accepted. Counts as one entry of the queue.
   * @returns what each came to
   * @throws QueueFull, WriterUnavailable
   */
  submitUnit(orders: readonly Order[]): Promise<readonly UnitOutcome[]> {
    const { promise, resolve, reject } = withResolvers<readonly UnitOutcome[]>();
    this.enqueue(orders, true, (outcomes) => resolve(outcomes.map((outcome) => outcome ?? new Error('an order was not decided'))), reject);
    return promise;
  }

  private enqueue(orders: readonly Order[], isUnit: boolean, resolve: Waiting['resolve'], reject: Waiting['reject']): void {
    const { queueLimit } = this.settings;
    if (this.queue.length + (this.ahead?.waiting.length ?? 0) >= queueLimit) return reject(new QueueFull(this.name, queueLimit));
    this.lastUsedMs = Date.now();
    this.queue.push({ orders, isUnit, queuedMs: performance.now(), resolve, reject });
    this.decideAhead();
    this.running ??= this.run();
  }

  /** Answers what has waited too long. Called every second, since the append that it waits for may hang. */
  refuseLate(): void {
    const bound = this.settings.queueSeconds ?? queueSecondsDefault;
    const sinceMs = performance.now() - bound * 1000;
    const inTime = this.queue.findIndex(({ queuedMs }) => queuedMs > sinceMs); // the oldest stand first
    for (const { orders, reject } of this.queue.splice(0, inTime < 0 ? this.queue.length : inTime)) {
      for (const order of orders) this.observer.failed(this.name, order);
      reject(new WriterUnavailable(`the database is too slow: the command waited ${bound} s and was not decided; send it again`));
    }
  }

  /** Resolves when everything that was queued has been answered. */
  async drained(): Promise<void> {
    while (this.running !== undefined) await this.running;
  }

  private async run(): Promise<void> {
    // Orders that arrive in the same turn of the event loop share the first batch.
    await Promise.resolve();
    for (;;) {
      const { ahead } = this;
      this.ahead = undefined;
      if (ahead !== undefined && ahead.waiting.length > 0) await this.settle(ahead.waiting, ahead.batch);
      else if (this.queue.length > 0) await this.settle(this.takeQueued());
      else break;
    }
    this.running = undefined;
  }

  /** The next batch: a unit by itself, or the orders up to the next unit. */
  private takeQueued(): Waiting[] {
    const unitAt = this.queue.findIndex(({ isUnit }) => isUnit);
    return this.queue.splice(0, Math.min(this.settings.batchLimit, unitAt < 0 ? Infinity : Math.max(unitAt, 1)));
  }

  /** Fills a batch up to the next unit. */
  private joinQueued(waiting: Waiting[]): void {
    if (isUnit(waiting)) return;
    const unitAt = this.queue.findIndex((one) => one.isUnit);
    waiting.push(...this.queue.splice(0, Math.min(this.settings.batchLimit - waiting.length, unitAt < 0 ? Infinity : unitAt)));
  }

  /** Decides what waits, in order, as long as it needs nothing from the store. */
  private decideAhead(): void {
    const { ahead, queue } = this;
    while (ahead !== undefined && queue[0] !== undefined && !queue[0].isUnit && ahead.waiting.length < this.settings.batchLimit) {
      const [order] = queue[0].orders;
      if (order === undefined || !ahead.batch.addWithoutReading(order)) return;
      ahead.waiting.push(...queue.splice(0, 1));
    }
  }

  /** The append that they counted on did not happen, or nobody knows: they are decided again, first of all. */
  private dropAhead(): void {
    const { ahead } = this;
    this.ahead = undefined;
    if (ahead === undefined) return;
    if (!ahead.batch.undo()) this.loaded = undefined;
    this.queue.unshift(...ahead.waiting);
  }

  /**
   * Answers every order of a batch, or queues them again one by one. Never throws: an order that cannot be decided or stored gets its error.
   * @param decided the batch of these orders, when it was decided ahead
   */
  private async settle(waiting: Waiting[], decided?: Batch): Promise<void> {
    try {
      const batch = await this.commit(waiting, decided);
      const answer = (): void => this.answer(waiting, batch);
      // The next append is sent first, or Postgres would be idle while a hundred answers are written.
      if ((this.ahead?.waiting.length ?? 0) > 0) setImmediate(answer);
      else answer();
    } catch (error) {
      // One of them is refused for its content: each goes by itself, first of all, and none is decided ahead or joins meanwhile.
      if (error instanceof BadAppend && waiting.length > 1) this.queue.unshift(...waiting.map((one) => ({ ...one, isUnit: true })));
      else for (const { orders, reject } of waiting) {
        for (const order of orders) this.observer.failed(this.name, order);
        reject(asUnavailable(error));
      }
    }
  }

  private answer(waiting: readonly Waiting[], batch: Batch): void {
    this.observer.committed(this.name, batch.events, batch.rowCount);
    let index = 0;
    for (const { orders, queuedMs, resolve } of waiting) {
      const outcomes = orders.map(() => batch.outcomes[index++]);
      for (const [i, outcome] of outcomes.entries()) this.observe(orders[i], outcome, (performance.now() - queuedMs) / 1000, batch.state.pools);
      resolve(outcomes);
    }
  }

  private observe(order: Order | undefined, outcome: UnitOutcome | undefined, seconds: number, pools: readonly Pool[]): void {
    if (order === undefined || outcome === undefined || outcome instanceof Error || outcome.kind === 'abandoned') return;
    this.observer.settled(this.name, order, outcome, seconds, pools);
  }

  /** @param waiting grows when more come until the row is held */
  private async commit(waiting: Waiting[], decided: Batch | undefined): Promise<Batch> {
    let unsure: Batch | undefined;
    for (let attempt = 1; ; attempt++) {
      try {
        const ahead = attempt === 1 ? decided : undefined; // in memory already, whatever the clock says now
        if (unsure !== undefined || (ahead === undefined && this.isLockFirst())) return await this.commitLocked(waiting, unsure);
        return await this.commitOptimistic(waiting, ahead);
      } catch (error) {
        if (error instanceof OutcomeUnknown) unsure = error instanceof Unsure ? error.batch : unsure;
        const isLast = !(await this.mayRetry(error)) || attempt === attemptsMax;
        if (isLast && unsure !== undefined) throw new WriterUnavailable('the database was lost during a commit; whether it happened is not known', { cause: error });
        if (isLast) throw error;
      }
    }
  }

  private isLockFirst(): boolean {
    return this.lockFirst.appends > 0 && Date.now() < this.lockFirst.untilMs;
  }

  /** Decide on memory, append if the cluster has not moved. */
  private async commitOptimistic(waiting: readonly Waiting[], decided: Batch | undefined): Promise<Batch> {
    this.loaded ??= await loadState(this.store, this.clusterId);
    const { state, epoch } = this.loaded;
    const batch = decided ?? (await Batch.decide(ordersOf(waiting), state, this.clusterId, epoch, this.store));
    if (isUnit(waiting)) batch.abandonUnlessAllAccepted();
    if (batch.isEmpty) await this.assertCurrent(state.revision, epoch);
    else await this.appendOrUndo(batch, epoch);
    return batch;
  }

  /**
   * Take the row, fold what is missing, decide, append: two statements on purpose, the second sees what the first waited for. Who
   * waits for the row brings all that came meanwhile: the row changes hands less often.
   * @param unsure the last batch of these orders, when the connection was lost during its commit. Whether it is in the log is
   *   asked under the lock, and what is decided instead is appended under the same lock: were it given back in between, a
   *   statement still on its way could come in after all, and its command would have been answered as something else.
   */
  private async commitLocked(waiting: Waiting[], unsure: Batch | undefined): Promise<Batch> {
    this.lockFirst.appends--;
    this.loaded ??= await loadState(this.store, this.clusterId);
    let decided: Batch | undefined;
    try {
      return await this.store.locked(this.clusterId, async (session) => {
        if (unsure !== undefined && (await this.isInLog(session, unsure))) return unsure;
        const { state } = await this.current(session);
        if (unsure === undefined) this.joinQueued(waiting);
        const batch = await Batch.decide(ordersOf(waiting), state, this.clusterId, session.locked.epoch, session);
        decided = batch;
        if (isUnit(waiting)) batch.abandonUnlessAllAccepted();
        if (!batch.isEmpty) await session.appendLast(batch.append());
        return batch;
      }, this.loaded.state.revision);
    } catch (error) {
      // Whatever failed, the transaction is not known to have committed: memory must not be ahead of the log.
      if (error instanceof OutcomeUnknown) throw this.unsureOf(decided, error);
      if (decided !== undefined && !decided.undo()) this.loaded = undefined;
      throw error;
    }
  }

  private async current(session: LockedSession): Promise<LoadedState> {
    const { locked: { revision, epoch }, missed } = session;
    if (this.loaded === undefined || this.loaded.epoch !== epoch) this.loaded = await loadState(session, this.clusterId);
    try {
      await catchUp(session, this.clusterId, this.loaded.state, revision, missed);
    } catch {
      // A state that cannot be brought forward is worth nothing; the tables are.
      this.loaded = await loadState(session, this.clusterId);
    }
    return this.loaded;
  }

  private async appendOrUndo(batch: Batch, epoch: number): Promise<void> {
    try {
      const appended = this.store.append(batch.append());
      this.ahead = { batch: Batch.ahead(batch.state, this.clusterId, epoch), waiting: [] };
      setImmediate(() => this.decideAhead()); // what waits already, once the append is on its way
      await appended;
    } catch (error) {
      this.dropAhead();
      if (error instanceof OutcomeUnknown) throw this.unsureOf(batch, error);
      if (!batch.undo()) this.loaded = undefined;
      throw error;
    }
  }

  /** A refusal must be judged on the cluster as it is, not as this replica remembers it. */
  private async assertCurrent(revision: number, epoch: number): Promise<void> {
    const head = await this.store.head(this.clusterId);
    if (head?.revision !== revision || head.epoch !== epoch) throw new RevisionConflict(this.clusterId, revision);
  }

  /** Memory may be behind the log now, or ahead of it: it is loaded again. */
  private unsureOf(batch: Batch | undefined, cause: OutcomeUnknown): OutcomeUnknown {
    this.loaded = undefined;
    return batch === undefined ? cause : new Unsure(batch, cause);
  }

  /** Asks over the connection of the lock: where every cluster is unsure at once, another one would be waited for in vain. */
  private async isInLog(session: LockedSession, { commandIds }: Batch): Promise<boolean> {
    return commandIds.length > 0 && (await session.findCommands(this.clusterId, commandIds)).size === commandIds.length;
  }

  private async mayRetry(error: unknown): Promise<boolean> {
    if (error instanceof RevisionConflict) {
      this.lockFirst = { appends: lockFirstAppends, untilMs: Date.now() + lockFirstMs };
      this.observer.retried(this.name, 'revision_moved');
      return true;
    }
    if (error instanceof OutcomeUnknown) return true;
    if (error instanceof ClaimConflict) {
      this.loaded = undefined;
      this.observer.retried(this.name, 'unique_violation');
      return true;
    }
    return false;
  }
}

const ordersOf = (waiting: readonly Waiting[]): Order[] => waiting.flatMap(({ orders }) => orders);
const isUnit = ([first]: readonly Waiting[]): boolean => first?.isUnit === true;

/** The connection was lost during the commit of this batch. */
class Unsure extends OutcomeUnknown {
  constructor(readonly batch: Batch, cause: OutcomeUnknown) {
    super(cause.message, { cause });
  }
}

const asUnavailable = (error: unknown): Error => {
  if (error instanceof StoreError && !(error instanceof BadAppend)) return new WriterUnavailable(error.message, { cause: error });
  return error instanceof Error ? error : new Error(String(error));
};

/** Promise.withResolvers, which Node 20 does not have. */
const withResolvers = <T>(): { promise: Promise<T>; resolve(value: T): void; reject(error: Error): void } => {
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
};
