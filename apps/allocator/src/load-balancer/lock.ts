import { RelaySession } from '@ipledger/event-store';
import type { AssignerLock } from './assigner.js';

/** How long an answer holds. A holder whose session is gone works on for so long beside the next one, which does no harm. */
const askEveryMs = 1_000;

/** The lock of a database session: whoever dies has lost it. The URL must lead past a pooler. */
export class DatabaseLock implements AssignerLock {
  private session: RelaySession | undefined;
  private mine = false;
  private askedMs = -Infinity;

  constructor(private readonly directUrl: string) {}

  async isMine(): Promise<boolean> {
    if (this.mine && performance.now() - this.askedMs < askEveryMs) return true;
    this.session ??= await RelaySession.open(this.directUrl, 'assign');
    this.mine = await this.session.tryLock();
    this.askedMs = performance.now();
    return this.mine;
  }

  async release(): Promise<void> {
    const { session } = this;
    this.session = undefined;
    this.mine = false;
    await session?.close();
  }
}
