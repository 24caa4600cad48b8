import type { ClusterHead, EventStore, ServiceKey, StoredLbWaiting } from '@ipledger/event-store';
import { parseAddress, type Family } from '@ipledger/ip';
import { lbRequestOf, notServedReason, parseDocument, serviceKey, type ClusterDefinition, type LbRequest } from '@ipledger/services';
import { serves, type SharedPool } from './shared-pools.js';

/** Services whose wishes are remembered; past that the oldest are read again. */
const keptMax = 50_000;

/** What a Service asks for, as of a wait. */
export interface Wish {
  /** Revision of the Service. */
  wait: number;
  request: LbRequest;
  /** It has an address of its cluster's own pools: what it lacks can come from there only. */
  hasOwn: boolean;
  /** The shared pool that it has an address of, likewise. */
  hasShared: string | null;
  /** When it was last tried for itself. */
  triedMs: number;
}

/** Where a wish can be granted. */
export interface Sources {
  /** Whether the cluster has a pool of its own for it. */
  own: boolean;
  /** The shared ones, in the order in which they are used. */
  shared: readonly SharedPool[];
  /** The same for two wishes that have the same chance. */
  likeness: string;
  /** Changes whenever one of the pools may have something that it had not. */
  stamp: string;
}

/** What the Services that wait ask for: read once for each wait, since ten thousand that wait in vain are looked at again and again. */
export class Wishes {
  private readonly kept = new Map<string, Wish>();

  constructor(private readonly store: Pick<EventStore, 'documents' | 'lbAttachedOf'>) {}

  /** In the order of the rows; without those that have changed since. */
  async of({ id, name }: ClusterHead, rows: readonly StoredLbWaiting[]): Promise<{ row: StoredLbWaiting; wish: Wish }[]> {
    const unknown = rows.filter((row) => this.kept.get(keyOf(name, row))?.wait !== row.revision);
    if (unknown.length > 0) await this.read(id, name, unknown);
    return rows.flatMap((row) => {
      const wish = this.kept.get(keyOf(name, row));
      return wish?.wait === row.revision ? [{ row, wish }] : [];
    });
  }

  /** It is to be tried for itself again: something that it had is free, and may be kept for it. */
  forget(cluster: string, service: ServiceKey): void {
    this.kept.delete(keyOf(cluster, service));
  }

  private async read(clusterId: number, cluster: string, rows: readonly StoredLbWaiting[]): Promise<void> {
    const [documents, attached] = await Promise.all([this.store.documents(clusterId, rows), this.store.lbAttachedOf(clusterId, rows)]);
    const pools = new Map(attached.map(({ pool, ...service }) => [keyOf(cluster, service), pool]));
    for (const { document, revision, ...service } of documents) {
      const object = parseDocument(document);
      const row = rows.find(({ namespace, name }) => serviceKey(namespace, name) === serviceKey(service.namespace, service.name));
      const request = lackingOf(lbRequestOf(object), row);
      const key = keyOf(cluster, service);
      const hasShared = pools.get(key) ?? null;
      // What one shows that nobody serves yet is another controller's.
      const hasOwn = hasShared === null && row?.reason !== notServedReason && (object.status.loadBalancer.ingress ?? []).length > 0;
      this.kept.delete(key); // so that it takes its place among the newest
      this.kept.set(key, { wait: revision, request, hasShared, hasOwn, triedMs: -Infinity });
      if (this.kept.size > keptMax) this.kept.delete(this.kept.keys().next().value ?? '');
    }
  }
}

/** Only the families that it lacks are asked for, and by number only addresses of those: what it has is not to be claimed again. */
const lackingOf = (request: LbRequest, row: StoredLbWaiting | undefined): LbRequest => {
  const lacks = (family: Family): boolean => row?.families.includes(family) === true;
  const isOfOneThatItHas = (text: string): boolean => {
    const family = parseAddress(text)?.family;
    return family !== undefined && request.families.includes(family) && !lacks(family);
  };
  return { ...request, families: request.families.filter(lacks), requested: request.requested.filter((text) => !isOfOneThatItHas(text)) };
};

const keyOf = (cluster: string, { namespace, name }: ServiceKey): string => `${cluster} ${serviceKey(namespace, name)}`;

/** Never two sources for the families of one Service: what it has says where the rest must come from. Whether a pool is for it at all, the pool says. */
export const sourcesOf = ({ id, name, revision, definition }: ClusterHead, pools: readonly SharedPool[], { request, hasOwn, hasShared }: Wish): Sources => {
  const own = hasShared === null && ((JSON.parse(definition ?? '{}') as ClusterDefinition).lbPools ?? []).length > 0;
  const shared = pools.filter((one) => !hasOwn && serves(one, name) && (hasShared === null || one.pool.name === hasShared));
  const { service: { namespace }, annotations, ...rest } = request;
  const ours = Object.entries(annotations).filter(([key]) => key.startsWith('ipledger.io/'));
  return {
    own, shared,
    likeness: JSON.stringify([id, own, shared.map(({ log }) => log.id), namespace, ours, rest]),
    stamp: [...(own ? [revision] : []), ...shared.map((one) => one.revision)].join(),
  };
};
