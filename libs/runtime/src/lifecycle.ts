import type { Logger } from './logger.js';

/** The part of `process` that is used, so that a test can send signals to a stand-in. */
export type ProcessLike = {
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  exit(code: number): void;
};

export type LifecycleOptions = {
  logger: Logger;
  /** Bound of a step that names none: SHUTDOWN_SECONDS. */
  stepBoundMs: number;
  process?: ProcessLike;
  now?: () => number;
};

type Step = { name: string; boundMs: number; run: () => void | Promise<void> };

/**
 * One orderly end for a process. Create it before anything is opened; register a step right after opening what it closes.
 *
 * - SIGTERM or SIGINT: the steps run, last registered first (listener, writers, pool, database), then exit 0,
 *   or 1 when a step failed or outlasted its bound. The steps after it still run.
 * - a second signal: exit at once, 130 or 143.
 * - an error nobody caught: logged, exit 1 without steps, since the state of the program is unknown.
 */
export class Lifecycle {
  readonly #logger: Logger;
  readonly #stepBoundMs: number;
  readonly #process: ProcessLike;
  readonly #now: () => number;
  readonly #steps: Step[] = [];
  #stopping: { sinceMs: number; signal: string | null } | null = null;

  constructor({ logger, stepBoundMs, process: host = process as ProcessLike, now = () => performance.now() }: LifecycleOptions) {
    [this.#logger, this.#stepBoundMs, this.#process, this.#now] = [logger, stepBoundMs, host, now];
    host.on('SIGTERM', () => this.#onSignal('SIGTERM', 143));
    host.on('SIGINT', () => this.#onSignal('SIGINT', 130));
    host.on('unhandledRejection', (error) => this.#crash('unhandled promise rejection', error));
    host.on('uncaughtException', (error) => this.#crash('uncaught exception', error));
  }

  /** True from the first signal on: `/readyz` answers no, new work is refused. */
  get isStopping(): boolean {
    return this.#stopping !== null;
  }

  /** Adds what must happen at the end. A step that is added while the shutdown runs is run too. */
  onShutdown(name: string, run: () => void | Promise<void>, boundMs = this.#stepBoundMs): void {
    this.#steps.push({ name, boundMs, run });
  }

  /** Runs the steps and exits; for a start that failed half-way (`exitCode` 1). Further calls do nothing. */
  async shutdown(exitCode: 0 | 1, signal: string | null = null): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = { sinceMs: this.#now(), signal };
    let code: number = exitCode;
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) {
      if (!(await this.#runStep(step))) code = 1;
    }
    this.#logger.info('stopped', { durationMs: Math.round(this.#now() - this.#stopping.sinceMs), exitCode: code });
    this.#process.exit(code);
  }

  #onSignal(signal: string, exitCode: number): void {
    if (this.#stopping) {
      // Ctrl-C under npm arrives twice: from the terminal, and passed on by npm. That is one wish to stop, not two.
      if (this.#stopping.signal === signal && this.#now() - this.#stopping.sinceMs < sameSignalMs) return;
      this.#logger.warn('second signal, leaving at once', { signal });
      this.#process.exit(exitCode);
      return;
    }
    this.#logger.info('stopping', { signal });
    void this.shutdown(0, signal);
  }

  async #runStep({ name, boundMs, run }: Step): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const bound = new Promise<'late'>((resolve) => { timer = setTimeout(resolve, boundMs, 'late'); });
    try {
      if ((await Promise.race([(async () => run())(), bound])) !== 'late') return true;
      this.#logger.error('shutdown step took too long, going on without it', { step: name, boundMs });
    } catch (error) {
      this.#logger.error('shutdown step failed', { step: name, error });
    } finally {
      clearTimeout(timer);
    }
    return false;
  }

  #crash(what: string, error: unknown): void {
    this.#logger.error(what, { error: error instanceof Error ? error : String(error) });
    this.#process.exit(1);
  }
}

const sameSignalMs = 300;
