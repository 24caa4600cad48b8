import type { InMemoryEventStore } from '@ipledger/event-store';
import type { Random } from '../chaos/random.js';
import type { Broker } from './broker.js';
import type { RelayDatabase } from './relay-database.js';
import type { Replicas } from './replicas.js';
import type { Scheduler } from './scheduler.js';

export interface Hurt {
  readonly scheduler: Scheduler;
  readonly replicas: Replicas;
  readonly database: RelayDatabase;
  readonly broker: Broker;
  readonly store: InMemoryEventStore;
}

/** How often each comes, relative to the others. */
const weights = { freeze: 10, kill: 6, endSession: 4, loseLock: 5, raiseEpoch: 1, replaceBroker: 1 } as const;
const [pauseMin, pauseMax] = [4, 40];
const [freezeMin, freezeMax] = [5, 120];
/** Behind a pooler nobody ends the session of one that is frozen. */
const pooledFreezeMax = 300;
const publishTurnsMax = 60;
/** A server ends a session that it has not heard of for so many steps. */
const idleStepsMax = 25;

/** What happens to processes and servers as wholes; links fail by themselves. */
export class Faults {
  private stopped = false;
  constructor(private readonly hurt: Hurt, private readonly random: Random) {}

  async run(): Promise<void> {
    while (!this.stopped) {
      await this.hurt.scheduler.after(this.random.whole(pauseMin, pauseMax));
      if (!this.stopped) await this.inject(this.draw());
    }
  }

  /** No more of them, and whoever is frozen wakes. */
  stop(): void {
    this.stopped = true;
    for (const { process } of this.hurt.replicas.all) process.thaw();
  }

  private draw(): keyof typeof weights {
    const kinds = Object.entries(weights) as [keyof typeof weights, number][];
    let at = this.random.next() * kinds.reduce((sum, [, weight]) => sum + weight, 0);
    return kinds.find(([, weight]) => (at -= weight) < 0)?.[0] ?? 'freeze';
  }

  private async inject(kind: keyof typeof weights): Promise<void> {
    const { scheduler, replicas, database, broker, store } = this.hurt;
    const replica = this.random.pick(replicas.all);
    switch (kind) {
      case 'freeze': {
        const steps = this.random.whole(freezeMin, freezeMax);
        replica.process.freeze(steps);
        if (steps > idleStepsMax) void scheduler.after(idleStepsMax).then(() => database.endSessionOf(replica.process));
        return;
      }
      case 'kill': return replicas.kill(replica);
      case 'endSession': return database.endSessionOf(replica.process);
      case 'loseLock': {
        // In the middle of a publish, after which its checkpoint comes.
        for (let turns = 0; turns < publishTurnsMax && !broker.isWriting; turns++) await scheduler.turn();
        return database.loseLock()?.freeze(this.random.whole(freezeMin, pooledFreezeMax));
      }
      case 'raiseEpoch': return void (await store.raiseEpoch());
      // Only who begins a term asks whether the topics are there.
      case 'replaceBroker': {
        replicas.killAll();
        return broker.replace();
      }
    }
  }
}
