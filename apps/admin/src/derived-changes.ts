import type { DerivedChanges, LogRow } from '@ipledger/event-store';
import { claimChanges, ClusterState, encodeService, evolve, isDefining, serviceKey, type DatedEvent, type Event } from '@ipledger/services';

/** Folds the log of one cluster, page by page, into what it does to everything that the writer derived when it appended these rows. */
export class DerivedFold {
  private readonly cluster = new ClusterState();

  take(rows: readonly LogRow[]): DerivedChanges {
    const dated = rows.flatMap(({ events, revision, eventCount, time }): DatedEvent[] =>
      (JSON.parse(events) as Event[]).map((event, index) => ({ event, revision: revision - eventCount + 1 + index, time })));
    const { addresses, ports, reservations, cooling, lb } = claimChanges(dated);
    for (const { event, revision } of dated) if (isDefining(event.type)) evolve(this.cluster, event, revision);
    const { definition } = this.cluster;
    return {
      claims: { held: [...addresses.taken, ...addresses.moved], released: addresses.released },
      portClaims: { held: [...ports.taken, ...ports.moved], released: ports.released },
      documents: documentChanges(dated),
      reservations, cooling, lb,
      definition: definition === null ? null : JSON.stringify(definition),
    };
  }
}

const documentChanges = (dated: readonly DatedEvent[]): DerivedChanges['documents'] => {
  const written = new Map<string, DerivedChanges['documents']['written'][number]>();
  const removed = new Map<string, { namespace: string; name: string }>();
  for (const { event, revision } of dated) {
    if (!('object' in event.data)) continue;
    const { namespace, name, uid } = event.data.service;
    const key = serviceKey(namespace, name);
    written.delete(key);
    removed.delete(key);
    if (event.type === 'service.deleted') removed.set(key, { namespace, name });
    else written.set(key, { namespace, name, uid, revision, document: encodeService(event.data.object) });
  }
  return { written: [...written.values()], removed: [...removed.values()] };
};
