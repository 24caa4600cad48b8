import type { ClusterTip, EventStore } from '@ipledger/event-store';
import type { CommandBatchHandler, LogConsumer } from '../log.js';
import { recordedCommand } from '../recorded.js';

export interface LogTailOptions {
  store: Pick<EventStore, 'tips' | 'pulse' | 'readLog'>;
  /** The revision up to which the handler has taken in a cluster; 0 for one that it has never seen. */
  positionOf(cluster: string): Promise<number>;
  /** A batch that the handler rejected, or (`cluster` null) a look at the log that failed. Must not throw. */
  onFailure(cluster: string | null, error: unknown): void;
  /** Clusters that are delivered at once; 2 unless told. */
  clustersAtOnce?: number;
  /** Commands in one batch at most; 200 unless told: small transactions, so that nothing waits long for another cluster. */
  batchCommandsMax?: number;
  /** How long commands may gather under load; 25 ms unless told. */
  gatherMs?: number;
}

/** The log is looked at so often when nothing happens and no hint comes. */
const idleMs = 50;
/**
 * Between the beginnings of two rounds, as long as no batch was full. What comes after a pause is delivered at once; under load a
 * transaction of the handler takes what has gathered meanwhile, instead of one commit each.
 */
const gatherMsDefault = 25;
const retryDelayMsMin = 100;
const retryDelayMsMax = 5_000;

interface Position {
  epoch: number;
  revision: number;
}
interface Failure {
  delayMs: number;
  untilMs: number;
}

/**
 * The Postgres side of the log port: follows the log of every cluster where no Kafka stands between. In each round every
 * cluster that is behind gets one batch, so that a busy one never holds up the others.
 */
export class LogTail implements LogConsumer {
  private readonly positions = new Map<string, Position>();
  private readonly failures = new Map<string, Failure>();
  private tips: readonly ClusterTip[] = [];
  private stopping = false;
  private running: Promise<void> | undefined;
  private hinted = false;
  private wake: () => void = () => {};

  constructor(private readonly options: LogTailOptions) {}

  /** Resolves after `stop`. */
  run(handler: CommandBatchHandler): Promise<void> {
    this.running ??= this.follow(handler);
    return this.running;
  }

  async stop(): Promise<void> {
    this.stopping = true;
    this.wake();
    await this.running;
  }

  /** Something was appended by this process: no need to wait for the next look. */
  hint(): void {
    this.hinted = true;
    this.wake();
  }

  private async follow(handler: CommandBatchHandler): Promise<void> {
    const { gatherMs = gatherMsDefault } = this.options;
    let pulse = '';
    let failedLooks = 0;
    while (!this.stopping) {
      this.hinted = false;
      const startedMs = performance.now();
      try {
        const now = await this.options.store.pulse();
        if (now !== pulse) this.tips = await this.options.store.tips();
        pulse = now;
        failedLooks = 0;
        const round = await this.round(handler);
        if (round === 'some') await this.sleep(startedMs + gatherMs - performance.now());
        if (round !== 'none') continue;
      } catch (error) {
        this.options.onFailure(null, error);
        pulse = '';
        failedLooks++;
      }
      await this.pause(failedLooks === 0 ? idleMs : Math.min(retryDelayMsMin * 2 ** failedLooks, retryDelayMsMax));
    }
  }

  /** One batch for every cluster that is behind. @returns how much came; after a full batch there is more already */
  private async round(handler: CommandBatchHandler): Promise<'none' | 'some' | 'full'> {
    const waiting = this.tips.filter((tip) => this.isBehind(tip));
    let most = 0;
    const deliverNext = async (): Promise<void> => {
      for (let tip = waiting.shift(); tip !== undefined && !this.stopping; tip = waiting.shift()) most = Math.max(most, await this.deliver(tip, handler));
    };
    await Promise.all(Array.from({ length: this.options.clustersAtOnce ?? 2 }, deliverNext));
    return most === 0 ? 'none' : most < this.batchCommandsMax ? 'some' : 'full';
  }

  private isBehind({ name, epoch, revision }: ClusterTip): boolean {
    const failure = this.failures.get(name);
    if (failure !== undefined && failure.untilMs > performance.now()) return false;
    const position = this.positions.get(name);
    return position === undefined || position.epoch !== epoch || position.revision < revision;
  }

  /** @returns how many commands the handler took */
  private async deliver({ id, name, epoch }: ClusterTip, handler: CommandBatchHandler): Promise<number> {
    try {
      const known = this.positions.get(name);
      const after = known?.epoch === epoch ? known.revision : await this.options.positionOf(name);
      const rows = await this.options.store.readLog(id, after, this.batchCommandsMax);
      const commands = rows.map((row) => recordedCommand(name, row));
      if (commands.length > 0) await handler({ cluster: name, epoch, commands });
      this.positions.set(name, { epoch, revision: commands.at(-1)?.revision ?? after });
      this.failures.delete(name);
      return commands.length;
    } catch (error) {
      this.positions.delete(name); // the handler may have taken a part of it
      const delayMs = Math.min((this.failures.get(name)?.delayMs ?? retryDelayMsMin / 2) * 2, retryDelayMsMax);
      this.failures.set(name, { delayMs, untilMs: performance.now() + delayMs });
      this.options.onFailure(name, error);
      return 0;
    }
  }

  private get batchCommandsMax(): number {
    return this.options.batchCommandsMax ?? 200;
  }

  /** Until the next look is due, or something was appended. */
  private async pause(ms: number): Promise<void> {
    if (!this.hinted) await this.sleep(ms, () => this.hinted);
  }

  /** Until then, or until it is woken for a reason: to stop is always one. */
  private async sleep(ms: number, isReason: () => boolean = () => false): Promise<void> {
    if (ms <= 0 || this.stopping) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wake = () => {
        if (!this.stopping && !isReason()) return;
        clearTimeout(timer);
        resolve();
      };
    });
    this.wake = () => {};
  }
}
