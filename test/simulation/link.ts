import type { Random } from '../chaos/random.js';
import { lateSteps, type FaultRates } from './faulty-store.js';
import type { Process } from './scheduler.js';

/** A connection from a process to a server: one request after the other, each there and back in turns; once lost it stays so. */
export class Link {
  private lost: Error | undefined;
  private last: Promise<unknown> = Promise.resolve();
  private readonly losing: (() => void)[] = [];

  /** @param errorOf what its user is told when it is lost */
  constructor(readonly process: Process, private readonly random: Random, private readonly rates: () => FaultRates, private readonly errorOf: (why: string) => Error) {
    void process.died.then(() => this.lose('the process is dead'));
  }

  /** Once it is lost; the server may notice later. */
  onLost(notice: () => void): void {
    this.losing.push(notice);
  }

  /** @param work what the server does with the request when it arrives, possibly after the caller gave it up */
  call<T>(work: () => Promise<T> | T): Promise<T> {
    const mine = this.last.then(() => this.exchange(work));
    this.last = mine.catch(() => undefined);
    return mine;
  }

  lose(why: string): Error {
    const first = this.lost === undefined;
    this.lost ??= this.errorOf(why);
    if (first) for (const notice of this.losing) notice();
    return this.lost;
  }

  private async exchange<T>(work: () => Promise<T> | T): Promise<T> {
    const { scheduler } = this.process;
    if (this.lost !== undefined) throw this.lost;
    const { unavailable, unknown } = this.rates();
    if (this.random.chance(unavailable)) throw this.lose('simulated: no connection');
    const fate = this.random.chance(unknown) ? this.random.pick(['lost', 'done', 'late'] as const) : 'answered';
    const arrive = async (): Promise<T> => {
      await scheduler.turn();
      return work();
    };
    if (fate === 'late') void scheduler.after(lateSteps(this.random)).then(arrive).catch(() => undefined);
    const answer = fate === 'answered' || fate === 'done' ? await arrive().then((value) => ({ value }), (error: unknown) => ({ error })) : undefined;
    // The answer is there; a frozen process takes it when it wakes, and acts on what was true then.
    await this.process.turn();
    if (fate !== 'answered' || answer === undefined) throw this.lose('simulated: connection lost');
    if (this.lost !== undefined) throw this.lost;
    if ('error' in answer) throw answer.error;
    return answer.value;
  }
}
