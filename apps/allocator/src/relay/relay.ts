import { setTimeout as delay } from 'node:timers/promises';
import { RelaySession, StoreError, TermOver, type ClusterBehind, type RelayConnection } from '@ipledger/event-store';
import { Fenced, PublishFailed, type LogPublisher } from '@ipledger/messaging';
import type { Logger } from '@ipledger/runtime';
import { readBatch, type Batch } from './batch.js';

const claimsPageRows = 2_000;

const idleMs = 50;
const standbyMs = 500;
const pauseMsFirst = 200;
const pauseMsMax = 5_000;
const stopMsMax = 5_000;

/** What a relay has done since it was made, for metrics. */
export interface RelayCounts {
  active: boolean;
  publishedEvents: number;
  batches: number;
  errors: Record<'broker' | 'database' | 'fenced' | 'other', number>;
}

/** What a relay reaches the world by. The simulation brings its own: faults, and a time that it turns itself. */
export interface RelayMeans {
  openSession(directUrl: string): Promise<RelayConnection>;
  /** Rejects when told to end early. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

const realMeans: RelayMeans = {
  openSession: (directUrl) => RelaySession.open(directUrl),
  sleep: (ms, signal) => delay(ms, undefined, { signal }),
};

/**
 * Publishes the log, which is its own outbox: of all relays on a database the one with the lock reads past its checkpoints,
 * publishes, and moves them once the broker has it all. A crash in between publishes again; nothing is ever skipped.
 *
 * Two things keep a relay that froze and wakes up from doing harm: its session, and so lock, reads and checkpoints, is gone;
 * and the broker has given its identity to the next one. Hence the order at a start: lock, identity, then what to publish is
 * read. Whatever goes wrong ends the term, the lock included, so that a relay that reaches the broker can have it.
 */
export class Relay {
  readonly counts: RelayCounts = { active: false, publishedEvents: 0, batches: 0, errors: { broker: 0, database: 0, fenced: 0, other: 0 } };
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;
  private wake: () => void = () => {};
  private hinted = false;

  /** @param directUrl of the database, past a pooler */
  constructor(private readonly directUrl: string, private readonly makePublisher: () => LogPublisher, private readonly logger: Logger,
    private readonly means: RelayMeans = realMeans) {}

  start(): void {
    this.running ??= this.run();
  }

  /** A commit of this process: there is something to publish now. Costs nothing when the relay is busy, or not here. */
  hint(): void {
    this.hinted = true;
    this.wake();
  }

  /** Publishes what it has in hand, then ends; a broker that is away is not waited for. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.wake();
    await Promise.race([this.running, delay(stopMsMax, undefined, { ref: false })]);
  }

  private get isStopping(): boolean {
    return this.stopping.signal.aborted;
  }

  private async run(): Promise<void> {
    let failures = 0;
    while (!this.isStopping) {
      const before = this.counts.batches;
      try {
        await this.serveTerm();
      } catch (error) {
        failures = this.counts.batches > before ? 1 : failures + 1;
        const pauseMs = Math.min(pauseMsFirst * 2 ** (failures - 1), pauseMsMax);
        this.report(error, pauseMs);
        await this.pause(pauseMs);
      }
    }
  }

  private report(error: unknown, pauseMs: number): void {
    const reason = reasonOf(error);
    this.counts.errors[reason]++;
    this.logger.warn(reason === 'fenced' ? 'another relay has taken over' : 'the relay pauses', { reason, pauseMs, error: error instanceof Error ? error.message : String(error) });
  }

  /** Waits for the lock and relays until something ends it. */
  private async serveTerm(): Promise<void> {
    const session = await this.means.openSession(this.directUrl);
    let publisher: LogPublisher | undefined;
    try {
      while (!(await session.tryLock())) {
        await this.pause(standbyMs);
        if (this.isStopping) return;
      }
      publisher = this.makePublisher();
      await publisher.connect();
      await session.beginTerm();
      // Forgotten before the topics are made: a crash in between must not leave new topics with old checkpoints.
      if (await publisher.missesTopics()) await session.forget();
      await publisher.ensureTopics();
      this.counts.active = true;
      this.logger.info('the relay is active');
      await this.relay(session, publisher);
    } finally {
      this.counts.active = false;
      // The lock first: closing a publisher can take as long as the broker is away.
      await session.close();
      await publisher?.close().catch(() => undefined);
    }
  }

  private async relay(session: RelayConnection, publisher: LogPublisher): Promise<void> {
    let batch: Batch | undefined;
    for (let lastClusterId = 0; !this.isStopping; ) {
      this.hinted = false;
      batch ??= await readBatch(session, lastClusterId);
      if (batch === undefined) {
        if (!this.hinted) await this.idle();
        continue;
      }
      ({ lastClusterId } = batch);
      batch = await this.publishBatch(session, publisher, batch);
    }
  }

  /**
   * Under load the next batch is read while the broker takes this one. It goes when this one fails, with the term.
   * @returns it, or undefined where none was waiting
   */
  private async publishBatch(session: RelayConnection, publisher: LogPublisher, batch: Batch): Promise<Batch | undefined> {
    const { commands, reached, restate, lastClusterId, leavesSome } = batch;
    for (const { cluster, epoch } of restate) await this.restate(session, publisher, cluster, epoch);
    if (commands.length === 0) return undefined;
    const next = leavesSome ? readBatch(session, lastClusterId, batch) : undefined;
    next?.catch(() => undefined); // whoever waits for it below is told
    await publisher.publish(commands);
    this.counts.batches++;
    this.counts.publishedEvents += commands.reduce((sum, { events }) => sum + events.length, 0);
    await session.checkpoint(reached);
    return next;
  }

  /** After the epoch was raised: what Kafka holds of the claims may be of a life of the log that was lost (design D7). */
  private async restate(session: RelayConnection, publisher: LogPublisher, { clusterId, cluster, published }: ClusterBehind, epoch: number): Promise<void> {
    this.logger.info('the epoch was raised: stating anew who holds what', { cluster, epoch });
    for (let after: string | undefined; ; ) {
      const claims = await session.claims(clusterId, after, claimsPageRows);
      await publisher.restate(cluster, epoch, claims);
      if (claims.length < claimsPageRows || this.isStopping) break;
      after = claims.at(-1)?.address;
    }
    if (this.isStopping) return;
    await publisher.restated({ cluster, epoch, revision: published.revision, time: new Date().toISOString() });
    await session.checkpoint([{ clusterId, epoch, revision: published.revision }]);
  }

  private async idle(): Promise<void> {
    const woken = new AbortController();
    this.wake = () => woken.abort();
    await this.means.sleep(idleMs, woken.signal).catch(() => undefined);
  }

  private async pause(ms: number): Promise<void> {
    await this.means.sleep(ms, this.stopping.signal).catch(() => undefined);
  }
}

const reasonOf = (error: unknown): keyof RelayCounts['errors'] => {
  if (error instanceof Fenced || error instanceof TermOver) return 'fenced';
  if (error instanceof PublishFailed) return 'broker';
  return error instanceof StoreError ? 'database' : 'other';
};
