import type { ClusterReader, EventStore } from '@ipledger/event-store';
import { parseDocument, readDocument, type SelectableFields, type ServiceObject } from '@ipledger/services';
import type { KnownCluster } from '../writer/writers.js';
import { listAt, type ListedService } from './list-at.js';
import { writeToken, type ListQuery } from './list-query.js';
import type { Representation } from './representation.js';
import { partialMetadata, tableHead, tableRow } from './service-table.js';
import { status } from './status.js';
import { StatusError } from './status-error.js';

/** One page of a list: Services as readers see them, and what stands in the list's metadata. */
export interface ServicePage {
  revision: number;
  continueToken?: string;
  /** Not counted when there is a selector, as upstream. */
  remainingItemCount?: number;
  items: AsyncIterable<ListedService[]>;
}

/**
 * A list, or one page of it. Later pages are read at the revision of the first, so a list stays consistent while the
 * cluster changes. A list without limit is not held in memory.
 * @throws StatusError 410, 504
 */
export const servicePage = async (store: EventStore, cluster: KnownCluster, namespace: string | undefined, query: ListQuery): Promise<ServicePage> => {
  const head = await headRevision(store, cluster);
  const revision = query.continueFrom?.revision ?? (query.exact ? (query.revision ?? head) : head);
  assertReached(query.revision ?? revision, head);
  assertReached(revision, head);
  const where = { namespace: namespace ?? query.demands.namespace };
  const all = selected(listAt(store, cluster.id, revision, { ...where, after: query.continueFrom }), cluster, query);
  if (query.limit === undefined) return { revision, items: all };
  const items = await takeItems(all, query.limit);
  const last = items.length === query.limit ? items.at(-1) : undefined;
  const isOne = query.demands.name !== undefined && where.namespace !== undefined;
  if (last === undefined || isOne) return { revision, items: asPages(items) };
  const rest = listAt(store, cluster.id, revision, { ...where, after: last });
  const remainingItemCount = query.selects === undefined ? await countOf(rest) : undefined;
  if (remainingItemCount === 0 || (remainingItemCount === undefined && !(await isAnyIn(rest)))) return { revision, items: asPages(items) };
  return {
    revision, items: asPages(items), continueToken: writeToken({ revision, namespace: last.namespace, name: last.name }),
    ...(remainingItemCount !== undefined && { remainingItemCount }),
  };
};

/** The present revision of a cluster. */
export const headRevision = async (store: ClusterReader, cluster: KnownCluster): Promise<number> => (await store.head(cluster.id))?.revision ?? cluster.revision;

/** @throws StatusError 504 for a revision of the future */
export const assertReached = (revision: number, head: number): void => {
  if (revision > head) throw new StatusError(tooLarge(revision, head));
};

export const selectableFields = ({ metadata, spec }: ServiceObject): SelectableFields => ({
  'metadata.name': metadata.name ?? '',
  'metadata.namespace': metadata.namespace ?? '',
  'spec.clusterIP': spec.clusterIP ?? '',
  'spec.type': spec.type ?? '',
});

async function* selected(pages: AsyncIterable<ListedService[]>, cluster: KnownCluster, { selects }: ListQuery): AsyncGenerator<ListedService[]> {
  for await (const page of pages) {
    const read = page.map((item) => ({ ...item, document: readDocument(item.document, cluster.primary) }));
    yield selects === undefined ? read : read.filter(({ document }) => {
      const service = parseDocument(document);
      return selects(service.metadata.labels ?? {}, selectableFields(service));
    });
  }
}

const takeItems = async (pages: AsyncIterable<ListedService[]>, limit: number): Promise<ListedService[]> => {
  const items: ListedService[] = [];
  for await (const page of pages) {
    items.push(...page);
    if (items.length >= limit) return items.slice(0, limit);
  }
  return items;
};

/** Selected or not: as upstream, a page that is full says to go on while there are Services that were not looked at. */
const isAnyIn = async (pages: AsyncIterable<ListedService[]>): Promise<boolean> => {
  for await (const page of pages) if (page.length > 0) return true;
  return false;
};

export async function* asPages(items: ListedService[]): AsyncGenerator<ListedService[]> {
  yield items;
}

/** Counts by reading on, which is exact at the revision; a page of a large list says at most what can be counted quickly. */
const countOf = async (pages: AsyncIterable<ListedService[]>): Promise<number> => {
  let count = 0;
  for await (const page of pages) count += page.length;
  return count;
};

const tooLarge = (asked: number, head: number) =>
  status(504, 'Timeout', `Timeout: Too large resource version: ${asked}, current: ${head}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }], retryAfterSeconds: 1,
  });

const itemPrefix = /^\{"kind":"Service","apiVersion":"v1",/;

/** A list as JSON text, made while it is sent. Items of a ServiceList carry no kind and no apiVersion, as upstream's. */
export async function* serviceListText(page: ServicePage, form: Representation): AsyncGenerator<string> {
  const { revision, continueToken, remainingItemCount } = page;
  const metadata = { resourceVersion: String(revision), ...(continueToken && { continue: continueToken }), ...(remainingItemCount !== undefined && { remainingItemCount }) };
  const { head, item, first, none } = listForm(form, metadata);
  yield head;
  let separator: string = first;
  let isEmpty = true;
  for await (const items of page.items) {
    let text = '';
    for (const { document } of items) {
      text += separator + item(document);
      separator = ',';
      isEmpty = false;
    }
    if (text !== '') yield text;
  }
  yield isEmpty ? `${none}}\n` : ']}\n';
}

interface ListForm {
  head: string;
  item: (document: string) => string;
  /** What goes before the first item, and what stands instead of items when there is none. */
  first: '' | '[';
  none: ']' | 'null';
}

const listForm = (form: Representation, metadata: object): ListForm => {
  if (form.kind === 'table') return { head: tableHead(form, metadata), item: (document) => tableRow(document, form), first: '', none: ']' };
  if (form.kind === 'partial-list')
    return {
      head: `{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/${form.version}","metadata":${JSON.stringify(metadata)},"items":`,
      item: (document) => partialMetadata(JSON.parse(document) as ServiceObject, form.version),
      first: '[', none: 'null', // The list that upstream makes for this form has no items then, not an empty array of them.
    };
  return {
    head: `{"kind":"ServiceList","apiVersion":"v1","metadata":${JSON.stringify(metadata)},"items":[`,
    item: (document) => document.replace(itemPrefix, '{'), first: '', none: ']',
  };
};
