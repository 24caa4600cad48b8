import type { Random } from '../chaos/random.js';

/** A step that waits for its turn. */
type Step = () => void;

const stepsMax = 20_000;

/**
 * Decides what happens next. Everything that would be I/O asks for its turn and is let go one at a time, in an order drawn
 * from the seed: the same seed is the same interleaving, whatever the machine does. Time is the number of steps taken.
 */
export class Scheduler {
  now = 0;
  private readonly waiting: Step[] = [];
  constructor(private readonly random: Random) {}

  /** Resolves when it is the caller's turn. */
  turn(): Promise<void> {
    return new Promise((resolve) => { this.waiting.push(resolve); });
  }

  /** Lets one after the other go until `done` and nobody waits. @throws when everybody waits for something that never comes */
  async run(done: Promise<unknown>): Promise<void> {
    let finished = false;
    const ended = done.finally(() => { finished = true; });
    ended.catch(() => undefined);
    for (; this.now < stepsMax; this.now++) {
      // All microtasks that the last step caused, and those that they cause.
      await new Promise((resolve) => { setImmediate(resolve); });
      if (this.waiting.length === 0) {
        if (finished) return void (await ended);
        throw new Error(`after ${this.now} steps nobody has a turn to wait for, and the clients are not done`);
      }
      const [step] = this.waiting.splice(this.random.whole(0, this.waiting.length - 1), 1);
      step?.();
    }
    throw new Error(`not done after ${stepsMax} steps`);
  }
}
