import { setTimeout as delay } from 'node:timers/promises';
import type { EventStore } from '@ipledger/event-store';
import { Nap } from '@ipledger/runtime';
import type { DatedEvent, Event } from '@ipledger/services';
import { Patience } from './patience.js';
import { runRound, type RoundTools } from './round.js';
import { Troubles } from './troubles.js';
import { Wishes } from './wishes.js';

/** Who looks for what other replicas have committed does so this often. */
const lookMs = 500;
/** Who has not got the lock asks again so often. */
const standbyMs = 1_000;
/** After a round comes a rest of several times what it took: a fifth of the time at most is spent on it, however much goes on. */
const restFactor = 4;
const restMsMin = 10;
const restMsMax = 2_000;
const pauseMsFirst = 200;
const pauseMsMax = 5_000;
const stopMsMax = 5_000;

/** Which of several processes works. It is for thrift: two that work at once do no harm. */
export interface AssignerLock {
  /** Asked before every round. @throws StoreUnavailable and the like */
  isMine(): Promise<boolean>;
  /** Given up, when this process stops or the database was away. */
  release(): Promise<void>;
}

export interface AssignerOptions extends Pick<RoundTools, 'submit' | 'observer' | 'logger'> {
  store: Pick<EventStore, 'pulse' | 'documents' | 'lbAttachedOf'> & RoundTools['store'];
}

/**
 * Gives Services what they wait for, and takes back what shared LB pools hold for nobody (ADR 0004, point 6): a loop that every allocator
 * has. It knows nothing that is not in the database; what it has begun when it dies, it or another one goes on with.
 */
export class Assigner {
  /** Whether this process is the one that works. */
  isActive = false;
  private readonly patience = new Patience();
  private readonly wishes: Wishes;
  private readonly cursors: RoundTools['cursors'] = new Map();
  private readonly place: RoundTools['place'] = {};
  private readonly troubles = new Troubles();
  private readonly stopping = new AbortController();
  private readonly nap = new Nap();
  private running: Promise<void> | undefined;
  private hinted = true;
  private pulse = '';

  constructor(private readonly options: AssignerOptions) {
    this.wishes = new Wishes(options.store);
  }

  start(lock: AssignerLock): void {
    this.running ??= this.run(lock);
  }

  /** A commit of this process. One that can matter wakes the loop. */
  note(log: string, events: readonly DatedEvent[]): void {
    for (const { event } of events) if (event.type === 'lb-member.left') this.wishes.forget(event.data.cluster ?? log, event.data.service);
    if (events.some(({ event }) => isSupply(event))) this.patience.renew();
    else if (!events.some(({ event }) => isDemand(event))) return;
    this.hinted = true;
    this.nap.wake();
  }

  /** Waits for the steps under way. A database that hangs is not waited for. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.nap.wake();
    await Promise.race([this.running, delay(stopMsMax, undefined, { ref: false })]);
  }

  private get isStopping(): boolean {
    return this.stopping.signal.aborted;
  }

  private async run(lock: AssignerLock): Promise<void> {
    for (let failures = 0; !this.isStopping; ) {
      try {
        await this.turn(lock);
        failures = 0;
      } catch (error) {
        this.isActive = false;
        this.hinted = true;
        const pauseMs = Math.min(pauseMsFirst * 2 ** failures++, pauseMsMax);
        if (!this.isStopping) this.options.logger.warn('the assigner of load balancer addresses pauses', { pauseMs, error: error instanceof Error ? error.message : String(error) });
        await lock.release().catch(() => undefined);
        await this.pause(pauseMs);
      }
    }
    this.isActive = false;
    await lock.release().catch(() => undefined);
  }

  private async turn(lock: AssignerLock): Promise<void> {
    const isMine = await lock.isMine();
    if (isMine !== this.isActive) this.options.logger.info(isMine ? 'this process assigns load balancer addresses' : 'another process assigns load balancer addresses');
    this.isActive = isMine;
    if (!isMine) return this.pause(standbyMs);
    const sinceMs = performance.now();
    if (await this.isDue()) {
      const { patience, troubles, wishes, cursors, place, stopping: { signal } } = this;
      if (await runRound({ ...this.options, patience, troubles, wishes, cursors, place, signal })) this.hinted = true;
      await this.pause(Math.min(restMsMin + restFactor * (performance.now() - sinceMs), restMsMax));
    }
    if (!this.hinted && !this.isStopping) await this.nap.sleep(lookMs);
  }

  /** Something was committed since the last round began, or something that failed is worth another attempt. */
  private async isDue(): Promise<boolean> {
    const pulse = await this.options.store.pulse();
    const isDue = this.hinted || pulse !== this.pulse || this.patience.isAnyOver(Date.now()) || this.troubles.isAnyOver(Date.now());
    this.hinted = false;
    this.pulse = pulse;
    return isDue;
  }

  private async pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.stopping.signal }).catch(() => undefined);
  }
}

/** After it a pool may have something that it had not, or more Services are served. */
const isSupply = (event: Event): boolean =>
  (event.type === 'ip.released' && event.data.kind === 'load-balancer') || event.type === 'lb-pool.configured' || event.type === 'cluster.load-balancing-declared' || event.type === 'lb-member.left' || event.type === 'lb-address.detached';

/** After it a Service may wait. */
const isDemand = (event: Event): boolean => (event.type === 'service.created' || event.type === 'service.updated') && event.data.object.spec.type === 'LoadBalancer';
