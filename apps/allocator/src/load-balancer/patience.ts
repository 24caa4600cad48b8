/** Kept at most; past that the oldest are forgotten, which costs one attempt each. */
const keptMax = 100_000;
const retryMsFirst = 1_000;
const retryMsMax = 30_000;
/** How soon after a failure news can make another attempt worth it: however often the pools move, a full one is asked so often only. */
const newsMsFirst = 50;
const newsMsMax = 2_000;

interface Failure {
  /** In a row. */
  count: number;
  atMs: number;
  /** What the pools were then. */
  stamp: string;
}

/**
 * What could not be served, by what makes two Services the same to the pools: ten thousand that wait for one full pool cost one
 * attempt. Another one is worth it when the pools have moved since, and now and then without (reservations and cool-downs end silently).
 */
export class Patience {
  private readonly failures = new Map<string, Failure>();

  /** Whether anything has waited long enough without news. */
  isAnyOver(nowMs: number): boolean {
    for (const { count, atMs } of this.failures.values()) if (nowMs >= atMs + retryMsOf(count)) return true;
    return false;
  }

  /** @param stamp changes whenever a pool may have something that it had not */
  isWorthTrying(wish: string, stamp: string, nowMs: number): boolean {
    const failure = this.failures.get(wish);
    if (failure === undefined) return true;
    const { count, atMs } = failure;
    return nowMs >= atMs + (failure.stamp === stamp ? retryMsOf(count) : newsMsOf(count));
  }

  /** One attempt is made: until its end nobody else with the same wish makes another. */
  trying(wish: string, stamp: string, nowMs: number): void {
    const failure = this.failures.get(wish);
    if (failure !== undefined) [failure.atMs, failure.stamp] = [nowMs, stamp];
  }

  failed(wish: string, stamp: string, nowMs: number): void {
    const count = (this.failures.get(wish)?.count ?? 0) + 1;
    this.failures.delete(wish); // so that it takes its place among the newest
    this.failures.set(wish, { count, atMs: nowMs, stamp });
    if (this.failures.size > keptMax) this.failures.delete(this.failures.keys().next().value ?? '');
  }

  /**
   * Of what was worth another attempt at a time, forgets what has had none since, although everybody who waits was looked at: nobody asks
   * for it any more. Kept, it would be worth an attempt for ever, and the loop never come to rest.
   */
  forgetUntried(sinceMs: number): void {
    for (const [wish, { count, atMs }] of this.failures) if (sinceMs >= atMs + retryMsOf(count)) this.failures.delete(wish);
  }

  served(wish: string): void {
    this.failures.delete(wish);
  }

  /** Something was released, or a pool changed, in this process: everything is worth trying now. */
  renew(): void {
    this.failures.clear();
  }
}

const retryMsOf = (count: number): number => Math.min(retryMsFirst * 2 ** (count - 1), retryMsMax);
const newsMsOf = (count: number): number => Math.min(newsMsFirst * 2 ** (count - 1), newsMsMax);
