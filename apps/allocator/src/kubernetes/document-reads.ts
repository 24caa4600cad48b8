import type { EventStore } from '@ipledger/event-store';

/** Reads of one cluster under way at once; what comes meanwhile shares the next one. */
const underWayMax = 2;
/** Keys in one read. */
const keysMax = 256;

interface Waiting {
  namespace: string;
  name: string;
  resolve(document: string | undefined): void;
  reject(error: unknown): void;
}

/**
 * The documents of single Services, read many at a time: while a SELECT of the cluster is under way, further keys wait and
 * share the next one, as orders share an append. No timer: a single reader never waits. Each key is read after it was asked
 * for, so that whoever has seen a commit reads it.
 */
export class DocumentReads {
  private readonly clusters = new Map<number, { waiting: Waiting[]; underWay: number }>();

  constructor(private readonly store: EventStore) {}

  /** @returns the document as stored; undefined when there is no such Service */
  read(clusterId: number, namespace: string, name: string): Promise<string | undefined> {
    return new Promise((resolve, reject) => {
      let cluster = this.clusters.get(clusterId);
      if (cluster === undefined) this.clusters.set(clusterId, (cluster = { waiting: [], underWay: 0 }));
      cluster.waiting.push({ namespace, name, resolve, reject });
      if (cluster.underWay < underWayMax) void this.drain(clusterId, cluster);
    });
  }

  private async drain(clusterId: number, cluster: { waiting: Waiting[]; underWay: number }): Promise<void> {
    cluster.underWay++;
    while (cluster.waiting.length > 0) await this.readAll(clusterId, cluster.waiting.splice(0, keysMax));
    if (--cluster.underWay === 0) this.clusters.delete(clusterId);
  }

  private async readAll(clusterId: number, waiting: readonly Waiting[]): Promise<void> {
    try {
      const wanted = new Map(waiting.map(({ namespace, name }) => [`${namespace}/${name}`, { namespace, name }]));
      const found = new Map((await this.store.documents(clusterId, [...wanted.values()])).map(({ namespace, name, document }) => [`${namespace}/${name}`, document]));
      for (const { namespace, name, resolve } of waiting) resolve(found.get(`${namespace}/${name}`));
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
  }
}
