import type { DerivedChanges, LogRow } from '@ipledger/event-store';
import { claimChanges, encodeService, serviceKey, type DatedEvent, type Event } from '@ipledger/services';

/** What rows of the log do to claims, port claims and documents: the same as what the writer derived when it appended them. */
export const derivedChanges = (rows: readonly LogRow[]): DerivedChanges => {
  const dated = rows.flatMap(({ events, revision, eventCount, time }): DatedEvent[] =>
    (JSON.parse(events) as Event[]).map((event, index) => ({ event, revision: revision - eventCount + 1 + index, time })));
  const { addresses, ports } = claimChanges(dated);
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
  return {
    claims: { held: [...addresses.taken, ...addresses.moved], released: addresses.released },
    portClaims: { held: [...ports.taken, ...ports.moved], released: ports.released },
    documents: { written: [...written.values()], removed: [...removed.values()] },
  };
};
