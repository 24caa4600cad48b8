import { OutcomeUnknown, StoreUnavailable, type AppendBatch, type EventStore, type LockedSession } from '@ipledger/event-store';
import type { Random } from '../chaos/random.js';
import { onlyReleases, type Bug } from './bugs.js';
import type { Process } from './scheduler.js';

/** How often calls go wrong, as shares of 1. */
export interface FaultRates {
  /** The database cannot be reached: nothing happened. */
  unavailable: number;
  /** The connection is lost after the statement was sent; a third of these commits, a third commits later, unless something forbids it by then. */
  unknown: number;
}

/** How long a statement may be on its way after its sender gave it up. */
export const lateSteps = (random: Random): number => random.whole(1, random.pick([3, 30, 150]));

/**
 * A store seen through a network: each call waits for its turn on the way there and on the way back, and some are lost.
 * Every replica has one of its own over the same store.
 */
export const faultyStore = (store: EventStore, process: Process, random: Random, rates: FaultRates, bug?: Bug): EventStore => {
  const { scheduler } = process;
  const call = async <T>(work: () => Promise<T>): Promise<T> => {
    await process.turn();
    if (random.chance(rates.unavailable)) throw new StoreUnavailable('simulated: no connection');
    const result = await work();
    await process.turn();
    return result;
  };
  const send = async (work: () => Promise<void>): Promise<void> => {
    await process.turn();
    if (random.chance(rates.unavailable)) throw new StoreUnavailable('simulated: no connection');
    if (random.chance(rates.unknown)) {
      const fate = random.pick(['lost', 'done', 'late'] as const);
      if (fate === 'done') await work().catch(() => undefined);
      // On its way while the client has given it up: it arrives some time later.
      if (fate === 'late') void scheduler.after(lateSteps(random)).then(work).catch(() => undefined);
      await process.turn();
      throw new OutcomeUnknown('simulated: connection lost during the commit');
    }
    await work();
    await process.turn();
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
    const sent = bug === 'no-row-condition' ? { ...batch, at: (await store.head(batch.clusterId))?.revision ?? batch.at } : batch;
    if (bug === 'release-before-commit' && batch.claims.released.length > 0) await store.append(onlyReleases(batch)).catch(() => undefined);
    if (bug !== 'answer-before-commit') return send(() => store.append(sent));
    void send(() => store.append(sent)).catch(() => undefined);
  };
  /** The row is held while the commit is on its way: nobody sees a late one. It happened, or it did not. */
  const locked = async <T>(clusterId: number, work: (session: LockedSession) => Promise<T>, known?: number): Promise<T> => {
    const fate = random.chance(rates.unknown) ? random.pick(['lost', 'done'] as const) : 'answered';
    const lost = new OutcomeUnknown('simulated: connection lost during the commit');
    const result = await call(() => store.locked(clusterId, (session) => {
      const worked = work(remote<LockedSession>(session, { locked: session.locked, missed: session.missed, append: (batch) => session.append(batch), appendLast: (batch) => session.appendLast(batch) })).then(async (value) => {
        await process.turn();
        if (fate === 'lost') throw lost;
        return value;
      });
      // The server rolls back what a dead process left open.
      return Promise.race([worked, process.died.then(() => { throw lost; })]);
    }, known));
    if (fate === 'done') throw lost;
    return result;
  };
  return remote<EventStore>(store, { append, locked });
};
