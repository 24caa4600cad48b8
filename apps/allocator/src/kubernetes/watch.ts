import type { ServerResponse } from 'node:http';
import type { EventStore } from '@ipledger/event-store';
import { drained, Nap } from '@ipledger/runtime';
import type { FastifyReply } from 'fastify';
import { parseDocument, readDocument, type ServiceObject } from '@ipledger/services';
import type { KnownCluster } from '../writer/writers.js';
import { documentAt, expired, listAt } from './list-at.js';
import type { ListQuery } from './list-query.js';
import type { Representation } from './representation.js';
import { assertReached, headRevision, selectableFields } from './service-list.js';
import { partialMetadata, tableHead, tableRow } from './service-table.js';
import { documentOf, TooOld, type FeedListener, type ServiceChange, type WatchFeeds } from './watch-feed.js';

/** Changes that may wait for a slow reader; one more and the watch is cut off, which makes the client start anew. */
const queueMax = 10_000;
/** How long a reader may keep the connection full. */
const drainMsMax = 30_000;
const bookmarkMs = 60_000;
const defaultSeconds = 1_800;
/** 24 days: a timer that is set for longer goes off at once. */
const timerMsMax = 2 ** 31 - 1;

type EventType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';

/** Everything that one watch is asked for. */
export interface WatchRequest {
  cluster: KnownCluster;
  namespace: string | undefined;
  query: ListQuery;
  form: Representation;
}

/**
 * Serves one watch to its end: what is there (if asked for), then every change, one JSON object per line.
 * @throws StatusError 504 when what is there is asked for at a revision of the future
 * @see k8s.io/apiserver/pkg/endpoints/handlers/watch.go
 */
export const serveWatch = async (store: EventStore, feeds: WatchFeeds, request: WatchRequest, reply: FastifyReply): Promise<void> => {
  const { cluster, query } = request;
  if (query.sendInitialEvents) assertReached(query.revision ?? 0, await headRevision(store, cluster));
  reply.hijack();
  const response = reply.raw;
  const watch = new Watch(store, request, response, (type) => feeds.onSent(cluster.definition.name, type));
  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' });
  response.flushHeaders();
  const timer = setTimeout(() => watch.end(), Math.min((query.timeoutSeconds ?? defaultSeconds) * 1000, timerMsMax));
  response.on('close', () => watch.end());
  let stop: (() => void) | undefined;
  try {
    const from = await watch.sendInitial();
    stop = await feeds.follow(cluster.id, from, watch);
    await watch.sendChanges();
  } catch (error) {
    if (!(error instanceof TooOld)) throw error;
    await watch.send('ERROR', expired(error.asked, error.now).body);
  } finally {
    clearTimeout(timer);
    stop?.();
    response.end();
  }
};

class Watch implements FeedListener {
  private readonly queue: ServiceChange[] = [];
  private reachedRevision = 0;
  private ended = false;
  private failure: unknown;
  private readonly nap = new Nap();
  private columnsSent = false;

  constructor(private readonly store: EventStore, private readonly request: WatchRequest, private readonly response: ServerResponse, private readonly onSent: (type: EventType) => void) {}

  changed(change: ServiceChange): void {
    if (this.queue.length >= queueMax) {
      this.response.destroy();
      this.end();
    } else if (!this.ended) this.queue.push(change);
    this.nap.wake();
  }
  async catchUp(change: ServiceChange): Promise<boolean> {
    if (!this.ended) await this.sendChange(change);
    return !this.ended;
  }
  reached(revision: number): void {
    this.reachedRevision = Math.max(this.reachedRevision, revision);
  }
  failed(error: unknown): void {
    this.failure = error;
    this.end();
  }
  end(): void {
    this.ended = true;
    this.nap.wake();
  }

  /** @returns the revision from which changes follow */
  async sendInitial(): Promise<number> {
    const { cluster, namespace, query } = this.request;
    const wanted = query.sendInitialEvents ?? (query.revision === undefined || query.revision === 0);
    const head = await headRevision(this.store, cluster);
    if (!wanted) return query.revision === undefined || query.revision === 0 ? head : query.revision;
    for await (const page of listAt(this.store, cluster.id, head, { namespace }))
      for (const { document } of page) {
        const text = readDocument(document, cluster.primary);
        if (query.selects === undefined || this.selects(parseDocument(text))) await this.send('ADDED', this.render(text));
        if (this.ended) return head;
      }
    if (query.allowBookmarks) await this.sendBookmark(head, true);
    return head;
  }

  async sendChanges(): Promise<void> {
    let bookmarked = Date.now();
    while (!this.ended) {
      const change = this.queue.shift();
      if (change !== undefined) await this.sendChange(change);
      else if (this.request.query.allowBookmarks && Date.now() - bookmarked >= bookmarkMs) {
        bookmarked = Date.now();
        await this.sendBookmark(this.reachedRevision, false);
      } else await this.nap.sleep(bookmarkMs);
    }
    if (this.failure !== undefined) throw this.failure;
  }

  /** A watcher with a selector sees an object that leaves the selection deleted, and one that enters it added. */
  private async sendChange(change: ServiceChange): Promise<void> {
    const { cluster, namespace, query } = this.request;
    if (namespace !== undefined && change.namespace !== namespace) return;
    if (query.revision !== undefined && change.revision <= query.revision) return;
    const text = readDocument(documentOf(change), cluster.primary);
    const before = change.previous !== undefined && this.selectedBefore(change);
    const now = !change.deleted && this.selects(change.object);
    if (change.deleted) {
      if (before) await this.send('DELETED', this.render(text));
    } else if (now) await this.send(before ? 'MODIFIED' : 'ADDED', this.render(text));
    else if (before) await this.send('DELETED', this.render(await this.lastSelected(change)));
  }

  private selects(service: ServiceObject): boolean {
    return this.request.query.selects?.(service.metadata.labels ?? {}, selectableFields(service)) ?? true;
  }

  private selectedBefore({ previous, namespace, name }: ServiceChange): boolean {
    if (previous === undefined) return false;
    const fields = { 'metadata.name': name, 'metadata.namespace': namespace, 'spec.clusterIP': previous.clusterIP, 'spec.type': previous.type };
    return this.request.query.selects?.(previous.labels, fields) ?? true;
  }

  /** The Service as it was selected last, with the revision of the change that took it out. */
  private async lastSelected(change: ServiceChange): Promise<string> {
    const was = await documentAt(this.store, this.request.cluster.id, change.previous?.revision ?? 0);
    const text = readDocument(was, this.request.cluster.primary);
    return text.replace(/"resourceVersion":"\d+"/, `"resourceVersion":"${change.revision}"`);
  }

  private sendBookmark(revision: number, initialEnd: boolean): Promise<void> {
    const annotations = initialEnd ? ',"annotations":{"k8s.io/initial-events-end":"true"}' : '';
    const object = `{"kind":"Service","apiVersion":"v1","metadata":{"resourceVersion":"${revision}"${annotations}},"spec":{},"status":{"loadBalancer":{}}}`;
    return this.send('BOOKMARK', this.render(object));
  }

  private render(document: string): string {
    const { form } = this.request;
    if (form.kind === 'partial' || form.kind === 'partial-list') return partialMetadata(JSON.parse(document) as ServiceObject, form.version);
    if (form.kind !== 'table') return document;
    const { resourceVersion } = (JSON.parse(document) as ServiceObject).metadata;
    const head = tableHead(form, { resourceVersion }, !this.columnsSent);
    this.columnsSent = true;
    return `${head}${tableRow(document, form)}]}`;
  }

  async send(type: EventType, object: string): Promise<void> {
    this.onSent(type);
    if (this.response.write(`{"type":"${type}","object":${object}}\n`) || this.response.destroyed) return;
    await drained(this.response, drainMsMax);
  }
}
