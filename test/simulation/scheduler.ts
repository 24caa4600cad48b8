import type { Random } from '../chaos/random.js';

/** Somebody who waits for a turn: at a time at the earliest, and not while its process is frozen. */
interface Waiter {
  step(): void;
  readonly process: Process | undefined;
  earliest: number;
}

/** What a step is worth where somebody counts in milliseconds. */
export const msPerStep = 50;
const stepsMax = 20_000;

/**
 * Decides what happens next. Everything that would be I/O asks for its turn and is let go one at a time, in an order drawn
 * from the seed: the same seed is the same interleaving, whatever the machine does. Time is the number of steps taken; where
 * everybody sleeps it jumps to the first who wakes.
 */
export class Scheduler {
  now = 0;
  private waiting: Waiter[] = [];
  constructor(private readonly random: Random) {}

  /** Resolves when it is the caller's turn; never, once its process is dead. */
  turn(process?: Process): Promise<void> {
    return this.after(0, process);
  }

  /** Resolves some time after so many steps, or after the signal. */
  after(steps: number, process?: Process, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const waiter: Waiter = { step: resolve, process, earliest: signal?.aborted === true ? 0 : this.now + steps };
      this.waiting.push(waiter);
      if (signal === undefined) return;
      const hurry = (): void => { waiter.earliest = 0; };
      signal.addEventListener('abort', hurry);
      waiter.step = () => {
        signal.removeEventListener('abort', hurry);
        resolve();
      };
    });
  }

  /** Whether something is on its way that belongs to no process: its sender gave it up, and it may arrive all the same. */
  get hasStrays(): boolean {
    return this.waiting.some(({ process }) => process === undefined);
  }

  /** Lets one after the other go until `done` and nobody waits. @throws when everybody waits for something that never comes */
  async run(done: Promise<unknown>): Promise<void> {
    let finished = false;
    const ended = done.finally(() => { finished = true; });
    ended.catch(() => undefined);
    for (let steps = 0; steps < stepsMax; steps++, this.now++) {
      // All microtasks that the last step caused, and those that they cause.
      await new Promise((resolve) => { setImmediate(resolve); });
      this.waiting = this.waiting.filter(({ process }) => process?.isAlive !== false);
      if (this.waiting.length === 0) {
        if (finished) return void (await ended);
        throw new Error(`after ${steps} steps nobody has a turn to wait for, and the clients are not done`);
      }
      this.next()?.step();
    }
    throw new Error(`not done after ${stepsMax} steps`);
  }

  private next(): Waiter | undefined {
    const readyAt = ({ earliest, process }: Waiter): number => Math.max(earliest, process?.frozenUntil ?? 0);
    this.now = Math.max(this.now, Math.min(...this.waiting.map(readyAt)));
    const ready = this.waiting.filter((waiter) => readyAt(waiter) <= this.now);
    const chosen = ready[this.random.whole(0, ready.length - 1)];
    this.waiting = this.waiting.filter((waiter) => waiter !== chosen);
    return chosen;
  }
}

/** A process of the simulated system. Frozen it takes no turn, whatever arrives for it meanwhile; dead it never does again. */
export class Process {
  frozenUntil = 0;
  /** Resolves when it is killed. */
  readonly died: Promise<void>;
  private die: () => void = () => undefined;
  private living = true;

  constructor(readonly scheduler: Scheduler) {
    this.died = new Promise((resolve) => { this.die = resolve; });
  }

  get isAlive(): boolean {
    return this.living;
  }
  turn(): Promise<void> {
    return this.scheduler.turn(this);
  }
  sleep(steps: number, signal?: AbortSignal): Promise<void> {
    return this.scheduler.after(steps, this, signal);
  }
  freeze(steps: number): void {
    this.frozenUntil = Math.max(this.frozenUntil, this.scheduler.now + steps);
  }
  thaw(): void {
    this.frozenUntil = 0;
  }
  kill(): void {
    this.living = false;
    this.die();
  }
}
