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
}

/** The log is looked at so often when nothing happens and no hint comes. */
const idleMs = 50;
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
    let pulse = '';
    let failedLooks = 0;
    while (!this.stopping) {
      this.hinted = false;
      try {
        const now = await this.options.store.pulse();
        if (now !== pulse) this.tips = await this.options.store.tips();
        pulse = now;
        failedLooks = 0;
        if (await this.round(handler)) continue;
      } catch (error) {
        this.options.onFailure(null, error);
        pulse = '';
        failedLooks++;
      }
      await this.pause(failedLooks === 0 ? idleMs : Math.min(retryDelayMsMin * 2 ** failedLooks, retryDelayMsMax));
    }
  }

  /** One batch for every cluster that is behind. @returns whether there may be more at once */
  private async round(handler: CommandBatchHandler): Promise<boolean> {
    const waiting = this.tips.filter((tip) => this.isBehind(tip));
    let delivered = 0;
    const deliverNext = async (): Promise<void> => {
      for (let tip = waiting.shift(); tip !== undefined && !this.stopping; tip = waiting.shift()) if (await this.deliver(tip, handler)) delivered++;
    };
    await Promise.all(Array.from({ length: this.options.clustersAtOnce ?? 2 }, deliverNext));
    return delivered > 0;
  }

  private isBehind({ name, epoch, revision }: ClusterTip): boolean {
    const failure = this.failures.get(name);
    if (failure !== undefined && failure.untilMs > performance.now()) return false;
    const position = this.positions.get(name);
    return position === undefined || position.epoch !== epoch || position.revision < revision;
  }

  /** @returns whether the handler took a batch */
  private async deliver({ id, name, epoch }: ClusterTip, handler: CommandBatchHandler): Promise<boolean> {
    try {
      const known = this.positions.get(name);
      const after = known?.epoch === epoch ? known.revision : await this.options.positionOf(name);
      const rows = await this.options.store.readLog(id, after, this.options.batchCommandsMax ?? 200);
      const commands = rows.map((row) => recordedCommand(name, row));
      if (commands.length > 0) await handler({ cluster: name, epoch, commands });
      this.positions.set(name, { epoch, revision: commands.at(-1)?.revision ?? after });
      this.failures.delete(name);
      return commands.length > 0;
    } catch (error) {
      this.positions.delete(name); // the handler may have taken a part of it
      const delayMs = Math.min((this.failures.get(name)?.delayMs ?? retryDelayMsMin / 2) * 2, retryDelayMsMax);
      this.failures.set(name, { delayMs, untilMs: performance.now() + delayMs });
      this.options.onFailure(name, error);
      return false;
    }
  }

  private async pause(ms: number): Promise<void> {
    if (this.hinted || this.stopping) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.wake = () => {};
  }
}
