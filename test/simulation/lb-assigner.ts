import type { EventStore, InMemoryEventStore } from '@ipledger/event-store';
import { createLogger } from '@ipledger/runtime';
import { Patience } from '../../apps/allocator/src/load-balancer/patience.js';
import { runRound, type RoundTools } from '../../apps/allocator/src/load-balancer/round.js';
import { Troubles } from '../../apps/allocator/src/load-balancer/troubles.js';
import { Wishes } from '../../apps/allocator/src/load-balancer/wishes.js';
import type { Random } from '../chaos/random.js';
import { unattachedWith, withoutCondition, type LbBug } from './lb-bugs.js';
import type { Replica } from './replicas.js';

const logger = createLogger({ level: 'error', format: 'json' });

/** Before the steps that rest on an earlier look it may be long that something else happens. */
const sleepChance: Readonly<Record<string, number>> = { ClaimLoadBalancer: 0.2, AttachLoadBalancer: 0.5, ReleaseLoadBalancer: 0.4 };

/** The assigner of one allocator: the real rounds, over a way to the database that loses and delays. It may sleep before any step. */
export class LbAssigner {
  private readonly tools: RoundTools;
  private stopped = false;

  constructor(readonly replica: Replica, store: EventStore, private readonly base: InMemoryEventStore, private readonly random: Random, bug?: LbBug) {
    const { process } = replica;
    const signal = new AbortController().signal;
    this.tools = {
      store: new Proxy(store, { get: (target, name) => (name === 'lbUnattached' ? unattachedWith(bug, target, base, () => process.turn()) : target[name as keyof EventStore]) }),
      submit: async (_, log, order) => {
        if (random.chance(sleepChance[order.command.type] ?? 0)) await process.sleep(random.whole(1, random.pick([5, 60, 400])));
        const command = await withoutCondition(order.command, base, log, bug);
        // A dead process hears of nothing any more.
        return replica.submit(log, { ...order, command }).catch((error: unknown) => (process.isAlive ? Promise.reject(error as Error) : new Promise<never>(() => undefined)));
      },
      observer: { stepped: () => undefined }, logger, signal, now: () => new Date(Date.now()),
      patience: new Patience(), troubles: new Troubles(), wishes: new Wishes(store), cursors: new Map(), place: {},
    };
  }

  /** One round after the other, until its process dies or it is stopped. */
  async run(): Promise<void> {
    const { process } = this.replica;
    while (!this.stopped) {
      await this.round();
      await process.sleep(this.random.whole(1, 20));
    }
  }

  stop(): void {
    this.stopped = true;
  }

  /** Rounds until one of them changes nothing, long after the last one that failed. */
  async settle(roundsMax: number): Promise<void> {
    for (let round = 0, before = ''; round < roundsMax; round++) {
      await this.replica.process.sleep(2_000);
      await this.round();
      const pulse = await this.base.pulse();
      if (pulse === before) return;
      before = pulse;
    }
    throw new Error(`after ${roundsMax} rounds it is not quiet`);
  }

  /** The database being away ends a round; the next one goes on. */
  private async round(): Promise<void> {
    await runRound(this.tools).catch((error: unknown) => {
      if (error instanceof TypeError) throw error;
    });
  }
}
