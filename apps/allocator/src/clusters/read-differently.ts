import type { EventStore, ServiceKey } from '@ipledger/event-store';
import type { Family } from '@ipledger/ip';
import { readDocument } from '@ipledger/services';

const pageRows = 1_000;

/**
 * How many Services look different to a reader because another family became primary: those written without families,
 * which follow it (spec section 3). Read in pages, so a large cluster costs time, not memory.
 */
export const countReadDifferently = async (store: EventStore, clusterId: number, before: Family, after: Family): Promise<number> => {
  if (before === after) return 0;
  let changed = 0;
  for (let last: ServiceKey | undefined; ; ) {
    const page = await store.listDocuments(clusterId, { limit: pageRows, ...(last && { after: last }) });
    for (const { document } of page) if (readDocument(document, before) !== readDocument(document, after)) changed++;
    if (page.length < pageRows) return changed;
    last = page.at(-1);
  }
};
