/** How often every open stream is looked at: a token that was revoked or ran out keeps its streams no longer than this. */
const sweepMs = 5_000;
const sweptAtOnce = 200;

interface Stream {
  user: string;
  mayGoOn(): Promise<boolean>;
  end(): void;
}

export interface StreamLimits {
  /** Open streams of one identity. */
  perIdentity: number;
  total: number;
}

/** The requests that stay open (watches, followed logs): counted, bounded, and ended when whoever opened them may no longer. */
export class Streams {
  private readonly open = new Set<Stream>();
  private readonly ofUser = new Map<string, number>();
  private readonly timer: NodeJS.Timeout;
  private sweeping: Promise<void> | undefined;

  constructor(private readonly limits: StreamLimits) {
    this.timer = setInterval(() => void this.sweep(), sweepMs);
    this.timer.unref();
  }

  /** @returns how to take it off again, or why it may not be opened */
  add(stream: Stream): (() => void) | string {
    const { perIdentity, total } = this.limits;
    const ofUser = this.ofUser.get(stream.user) ?? 0;
    if (ofUser >= perIdentity) return `${stream.user} has ${ofUser} open streams, which is the limit; close one, or retry later`;
    if (this.open.size >= total) return `${total} streams are open, which is the limit of this process; retry later`;
    this.open.add(stream);
    this.ofUser.set(stream.user, ofUser + 1);
    return () => this.remove(stream);
  }

  /** Ends every stream that may not go on. Called on each sweep, and at once when the rules changed. */
  sweep(): Promise<void> {
    this.sweeping ??= this.endRevoked().finally(() => (this.sweeping = undefined));
    return this.sweeping;
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private async endRevoked(): Promise<void> {
    let looked = 0;
    // One after the other, with pauses: thousands of them must not hold up requests, nor all ask the identity provider at once.
    for (const stream of this.open) {
      if (!(await stream.mayGoOn().catch(() => true))) stream.end();
      if (++looked % sweptAtOnce === 0) await new Promise((done) => { setImmediate(done); });
    }
  }

  private remove(stream: Stream): void {
    if (!this.open.delete(stream)) return;
    const left = (this.ofUser.get(stream.user) ?? 1) - 1;
    if (left === 0) this.ofUser.delete(stream.user);
    else this.ofUser.set(stream.user, left);
  }
}
