import { OutcomeUnknown, StoreUnavailable, type AppendBatch, type EventStore, type LockedSession } from '@ipledger/event-store';
import type { Random } from '../chaos/random.js';
import type { Scheduler } from './scheduler.js';

/** How often calls go wrong, as shares of 1. */
export interface FaultRates {
  /** The database cannot be reached: nothing happened. */
  unavailable: number;
  /** The connection is lost after the statement was sent; a third of these commits, a third commits later, unless something forbids it by then. */
  unknown: number;
}

/** What a bug would leave out. The harness must notice each: see simulation.spec.ts. */
export interface Sabotage {
  /** The condition that the cluster is still at the revision of the decision. */
  ignoreRevision?: boolean;
  /** The answer before the commit. */
  answerBeforeCommit?: boolean;
}

/**
 * A store seen through a network: each call waits for its turn on the way there and on the way back, and some are lost.
 * Every replica has one of its own over the same store.
 */
export const faultyStore = (store: EventStore, scheduler: Scheduler, random: Random, rates: FaultRates, sabotage: Sabotage = {}): EventStore => {
  const call = async <T>(work: () => Promise<T>): Promise<T> => {
    await scheduler.turn();
    if (random.chance(rates.unavailable)) throw new StoreUnavailable('simulated: no connection');
    const result = await work();
    await scheduler.turn();
    return result;
  };
  const send = async (work: () => Promise<void>): Promise<void> => {
    await scheduler.turn();
    if (random.chance(rates.unavailable)) throw new StoreUnavailable('simulated: no connection');
    if (random.chance(rates.unknown)) {
      const fate = random.pick(['lost', 'done', 'late'] as const);
      if (fate === 'done') await work().catch(() => undefined);
      // On its way while the client has given it up: it arrives some time later.
      if (fate === 'late') void scheduler.turn().then(() => scheduler.turn()).then(work).catch(() => undefined);
      await scheduler.turn();
      throw new OutcomeUnknown('simulated: connection lost during the commit');
    }
    await work();
    await scheduler.turn();
  };
  /** Every method of the target is a call over the network, but for those that are told otherwise. */
  const remote = <T extends object>(target: T, otherwise: Partial<T>): T => new Proxy(target, {
    get: (_, name) => {
      if (name in otherwise) return otherwise[name as keyof T];
      const member = (target as Record<PropertyKey, unknown>)[name];
      return typeof member === 'function' ? (...args: unknown[]) => call(() => (member as (...given: unknown[]) => Promise<unknown>).apply(target, args)) : member;
    },
  });
  const append = async (batch: AppendBatch): Promise<void> => {
    const sent = sabotage.ignoreRevision ? { ...batch, at: (await store.head(batch.clusterId))?.revision ?? batch.at } : batch;
    if (!sabotage.answerBeforeCommit) return send(() => store.append(sent));
    void send(() => store.append(sent)).catch(() => undefined);
  };
  /** The row is held while the commit is on its way: nobody sees a late one. It happened, or it did not. */
  const locked = async <T>(clusterId: number, work: (session: LockedSession) => Promise<T>): Promise<T> => {
    const fate = random.chance(rates.unknown) ? random.pick(['lost', 'done'] as const) : 'answered';
    const lost = new OutcomeUnknown('simulated: connection lost during the commit');
    const result = await call(() => store.locked(clusterId, async (session) => {
      const worked = await work(remote<LockedSession>(session, { locked: session.locked, append: (batch) => session.append(batch) }));
      await scheduler.turn();
      if (fate === 'lost') throw lost;
      return worked;
    }));
    if (fate === 'done') throw lost;
    return result;
  };
  return remote<EventStore>(store, { append, locked });
};
