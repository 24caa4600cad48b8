import { parseAddress } from '@ipledger/ip';
import { LbPoolMetrics, PoolAttempts, UsageMetrics, renderKubernetesMetrics, type ClusterForecasts, type ClusterUsage, type LbRangeUsage, type Stats, type UnattachedClaims } from '@ipledger/observability';
import { MetricsRegistry, ProblemError, registerProcessMetrics, type ExpositionFormat } from '@ipledger/runtime';
import { poolOf, sharedPoolOf, type DatedEvent, type Event, type Pool, type Rejection } from '@ipledger/services';
import type { WatchFeeds } from './kubernetes/watch-feed.js';
import { VerifyMetrics } from './verify-metrics.js';
import type { Order, Outcome } from './writer/order.js';
import type { WriterObserver } from './writer/writer.js';
import type { ServedCluster, Writers } from './writer/writers.js';

const poolLabels = ['cluster', 'pool', 'family'] as const;
type Scope = 'static' | 'dynamic';

/** What is known of the connections to a database; an in-memory store has none. */
export interface DatabaseObserved {
  connections(): { active: number; idle: number; waiting: number };
  onQuery(listener: (seconds: number) => void): void;
}

/**
 * What an allocator counts about itself. No label ever holds an address, the name of a Service, a uid or a user. Series of a
 * pool are there, with 0, from the first scrape after this process began to serve its cluster: `rate()` misses the first error of a
 * series that begins with it.
 */
export class AllocatorMetrics implements WriterObserver {
  readonly registry = new MetricsRegistry();
  private readonly attempts = new PoolAttempts();
  private readonly usage = new UsageMetrics(this.registry);
  private readonly lbPools = new LbPoolMetrics(this.registry);
  private readonly allocations = this.registry.counter<(typeof poolLabels)[number] | 'scope' | 'outcome'>({
    name: 'ipledger_allocations_total', help: 'Attempts to allocate an address, one per family.', labels: [...poolLabels, 'scope', 'outcome'],
  });
  private readonly releases = this.registry.counter<(typeof poolLabels)[number] | 'reason'>({
    name: 'ipledger_releases_total', help: 'Addresses released.', labels: [...poolLabels, 'reason'],
  });
  private readonly lbAllocations = this.registry.counter<'cluster' | 'lb_pool' | 'family'>({
    name: 'ipledger_lb_allocations_total', help: 'Addresses of LB pools allocated.', labels: ['cluster', 'lb_pool', 'family'],
  });
  private readonly lbReleases = this.registry.counter<'cluster' | 'lb_pool' | 'family' | 'reason'>({
    name: 'ipledger_lb_releases_total', help: 'Addresses of LB pools released.', labels: ['cluster', 'lb_pool', 'family', 'reason'],
  });
  private readonly retries = this.registry.counter<'cluster' | 'reason'>({
    name: 'ipledger_allocation_retries_total', help: 'Appends that had to be decided again.', labels: ['cluster', 'reason'],
  });
  private readonly durations = this.registry.histogram<'scope'>({
    name: 'ipledger_allocation_duration_seconds', help: 'From queueing a command that allocates to its commit, on success.', labels: ['scope'], unit: 'seconds',
  });
  private readonly batches = this.registry.histogram({
    name: 'ipledger_append_batch_commands', help: 'Commands that shared one commit.', buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256],
  });
  private readonly requests = this.registry.histogram<'route' | 'method' | 'code'>({
    name: 'ipledger_http_request_duration_seconds', help: 'From request to answer.', labels: ['route', 'method', 'code'], unit: 'seconds',
  });
  private readonly revision = this.registry.gauge<'cluster'>({ name: 'ipledger_cluster_revision', help: 'Last revision of the log.', labels: ['cluster'] });
  private readonly queued = this.registry.gauge<'cluster'>({ name: 'ipledger_writer_queue_commands', help: 'Commands that wait for their commit.', labels: ['cluster'] });
  private readonly watches = this.registry.gauge<'cluster'>({ name: 'ipledger_watch_streams', help: 'Open watches.', labels: ['cluster'] });
  private readonly watchEvents = this.registry.counter<'cluster' | 'type'>({ name: 'ipledger_watch_events_total', help: 'Events sent on watches.', labels: ['cluster', 'type'] });
  private readonly databaseUp = this.registry.gauge({ name: 'ipledger_database_up', help: 'Whether the database answered this scrape.' });
  /** Shown once a scheduled verification has looked at a cluster. */
  readonly verify = new VerifyMetrics(this.registry);
  /** The events of the commit whose commands are being answered. */
  private committing: readonly DatedEvent[] = [];
  /** Clusters whose series stand, with the pools they stand for. */
  private readonly standing = new Map<string, string>();
  private look: () => Promise<Look> = () => Promise.resolve(nothing);
  /** Told of the events of every commit of this process. Must not throw. */
  onCommitted: (log: string, events: readonly DatedEvent[]) => void = () => {};

  constructor(build: { version: string; commit: string }) {
    this.registry.info({ name: 'ipledger_build_info', help: 'The running version.', values: { ...build, node: process.version } });
    registerProcessMetrics(this.registry);
    for (const scope of ['static', 'dynamic']) this.durations.touch({ scope });
  }

  /**
   * Gauges of every registered cluster, read when a scrape comes: all of one scrape are from one look.
   * @param stats the views, which know more and answer for many clusters at once; without them the claims are counted
   */
  observe(writers: Writers, feeds: WatchFeeds, stats: Stats | null): void {
    feeds.onSent = (cluster, type) => this.watchEvents.inc({ cluster, type });
    this.look = soon(() => lookAt(writers, stats));
    this.registry.onCollect(async () => {
      const look = await this.look().catch((error: unknown) => {
        this.show(nothing, feeds); // old figures of a database that is gone would look like news
        this.databaseUp.set({}, 0);
        throw error;
      });
      this.databaseUp.set({}, 1);
      this.show(look, feeds);
    });
  }

  observeDatabase(database: DatabaseObserved): void {
    const connections = this.registry.gauge<'state'>({ name: 'ipledger_database_connections', help: 'Connections of the pool, and requests that wait for one.', labels: ['state'] });
    const queries = this.registry.histogram({ name: 'ipledger_database_query_duration_seconds', help: 'From sending a statement to its answer.', unit: 'seconds' });
    queries.touch({});
    database.onQuery((seconds) => queries.observe({}, seconds));
    this.registry.onCollect(() => connections.replace(Object.entries(database.connections()).map(([state, count]) => [{ state }, count])));
  }

  /** The numbers of the pools under kube-apiserver's names. @param only one cluster, without a label for it */
  renderKubernetes(clusters: readonly ClusterUsage[], format: ExpositionFormat, only?: string): Promise<string> {
    return renderKubernetesMetrics(clusters, this.attempts, this.verify.repairs, format, only);
  }

  /** Without the logs of shared LB pools, which no kube-apiserver has. @throws when the database does not answer in time */
  async clusters(): Promise<readonly ClusterUsage[]> {
    return (await this.look()).usage.filter(({ cluster }) => sharedPoolOf(cluster) === undefined);
  }

  committed(cluster: string, events: readonly DatedEvent[], commands: number): void {
    if (commands > 0) this.batches.observe({}, commands);
    this.committing = events;
    this.onCommitted(cluster, events);
    for (const { event } of events) {
      if (event.type !== 'ip.allocated' && event.type !== 'ip.released') continue;
      if (event.data.kind === 'load-balancer') this.countLb(cluster, event);
      else if (event.type === 'ip.allocated')
        this.allocations.inc({ cluster, pool: event.data.cidr ?? '', family: event.data.family, scope: event.data.scope, outcome: 'success' });
      else this.releases.inc({ cluster, pool: event.data.cidr ?? '', family: event.data.family, reason: reasonLabel(event.data.reason) });
    }
  }

  private countLb(log: string, { type, data: { lbPool = '', family, ...data } }: Extract<Event, { type: 'ip.allocated' | 'ip.released' }>): void {
    const of = { cluster: sharedPoolOf(log) === undefined ? log : '', lb_pool: lbPool, family };
    if (type === 'ip.allocated') this.lbAllocations.inc(of);
    else this.lbReleases.inc({ ...of, reason: reasonLabel('reason' in data ? data.reason : '') });
  }

  settled(cluster: string, order: Order, outcome: Outcome, seconds: number, pools: readonly Pool[]): void {
    if (order.command.dryRun) return;
    if (outcome.kind === 'accepted' && !outcome.replayed) {
      const allocated = allocationsOf(this.committing, outcome.revision);
      for (const { cidr, scope } of allocated) this.attempts.succeeded(cluster, cidr ?? '', scope, seconds);
      if (allocated[0] !== undefined) this.durations.observe({ scope: allocated[0].scope }, seconds, order.requestId === null ? undefined : { request_id: order.requestId });
    }
    // A claim that a shared LB pool refuses is no failed attempt at a cluster IP.
    const failure = outcome.kind === 'rejected' && sharedPoolOf(cluster) === undefined ? allocationFailure(outcome.rejection, pools) : undefined;
    if (failure === undefined) return;
    this.allocations.inc({ cluster, ...failure });
    this.attempts.failed(cluster, failure.pool, failure.scope);
  }

  /** An order that would have made a Service came to nothing: the families it wanted are not known. */
  failed(cluster: string, { command }: Order): void {
    if (command.dryRun || command.type !== 'CreateService') return;
    this.allocations.inc({ cluster, pool: '', family: '', scope: command.service.spec.clusterIP === undefined ? 'dynamic' : 'static', outcome: 'error' });
  }

  retried(cluster: string, reason: 'revision_moved' | 'unique_violation'): void {
    this.retries.inc({ cluster, reason });
  }

  /** @param route the pattern, never the path: paths hold names */
  request(route: string, method: string, code: number, seconds: number): void {
    this.requests.observe({ route, method, code: `${Math.floor(code / 100)}xx` }, seconds);
  }

  private show({ served, usage, lbRanges, unattached, forecasts }: Look, feeds: WatchFeeds): void {
    this.usage.show(usage, forecasts);
    this.lbPools.show(lbRanges, unattached, Date.now());
    this.revision.replace(served.map(({ head }) => [{ cluster: head.name }, head.revision]));
    this.queued.replace(served.map(({ head, queued }) => [{ cluster: head.name }, queued]));
    this.watches.replace(served.map(({ head }) => [{ cluster: head.name }, feeds.watchersOf(head.id)]));
    const isServed = new Set(served.filter((cluster) => cluster.isServed).map(({ head }) => head.name));
    for (const cluster of usage) if (isServed.has(cluster.cluster)) this.stand(cluster);
  }

  private stand({ cluster, pools }: ClusterUsage): void {
    const named = pools.filter(({ pool }) => pool !== '');
    const key = named.map(({ pool }) => pool).join();
    if (this.standing.get(cluster) === key) return;
    this.standing.set(cluster, key);
    for (const { pool, family } of named) {
      for (const [scope, outcome] of poolOutcomes) this.allocations.inc({ cluster, pool, family, scope, outcome }, 0);
      for (const reason of ['deleted', 'downgraded', 'type_changed']) this.releases.inc({ cluster, pool, family, reason }, 0);
    }
    for (const [family, pool] of soleNames(named)) this.allocations.inc({ cluster, pool, family, scope: 'dynamic', outcome: 'exhausted' }, 0);
    for (const scope of ['static', 'dynamic']) this.allocations.inc({ cluster, pool: '', family: '', scope, outcome: 'error' }, 0);
    for (const reason of ['revision_moved', 'unique_violation']) this.retries.inc({ cluster, reason }, 0);
  }
}

const poolOutcomes = [['static', 'success'], ['static', 'conflict'], ['static', 'invalid'], ['dynamic', 'success']] as const;
const reasonLabel = (reason: string): string => reason.replaceAll('-', '_');

/** Cluster IPs of the command whose last event has this revision: what it allocated stands right before it (design D1). */
const allocationsOf = (events: readonly DatedEvent[], revision: number): { cidr: string | null; scope: Scope }[] => {
  const found: { cidr: string | null; scope: Scope }[] = [];
  for (let at = revision - (events[0]?.revision ?? Infinity) - 1; at >= 0; at--) {
    const event: Event | undefined = events[at]?.event;
    if (event === undefined || !/^(ip|port|lb-member|lb-address)\./.test(event.type)) break;
    if (event.type === 'ip.allocated' && event.data.kind === undefined) found.unshift({ cidr: event.data.cidr, scope: event.data.scope });
  }
  return found;
};

/** By family, the pool in which all of its dynamic attempts end; '' when it has several, of which a failed attempt chose none. */
const soleNames = (pools: readonly { pool: string; family: string }[]): Map<string, string> => {
  const names = new Map<string, string>();
  for (const { pool, family } of pools) names.set(family, names.has(family) ? '' : pool);
  return names;
};

/** Which failed attempt a refusal is; undefined when no address was tried for. The pool is '' when none was chosen. */
const allocationFailure = (rejection: Rejection, pools: readonly Pool[]): { pool: string; family: string; scope: Scope; outcome: string } | undefined => {
  if (rejection.code === 'addresses_exhausted') {
    const pool = soleNames(pools.map(({ name, family }) => ({ pool: name, family }))).get(rejection.family) ?? '';
    return { pool, family: rejection.family, scope: 'dynamic', outcome: 'exhausted' };
  }
  const message = rejection.code === 'invalid' ? rejection.errors[0]?.message : undefined;
  const [, text = '', why = ''] = /: failed to allocate IP (\S+): (.*)$/s.exec(message ?? '') ?? [];
  const address = parseAddress(text);
  if (address === undefined) return undefined;
  return { pool: poolOf(pools, address)?.name ?? '', family: address.family, scope: 'static', outcome: why.endsWith('already allocated') ? 'conflict' : 'invalid' };
};

/** What a scrape shows of the clusters. */
interface Look {
  served: readonly ServedCluster[];
  usage: readonly ClusterUsage[];
  /** Of the views: without them, nobody counts LB pools. */
  lbRanges: readonly LbRangeUsage[];
  unattached: readonly UnattachedClaims[];
  forecasts: ReadonlyMap<string, ClusterForecasts>;
}
const nothing: Look = { served: [], usage: [], lbRanges: [], unattached: [], forecasts: new Map() };

/** Counting claims takes a query for each band, so a scrape does it for so many clusters only. */
const countedMax = 1_000;

/** A cluster that the views do not know yet, or all where there are none, is counted by its claims: those in memory here first. */
const lookAt = async (writers: Writers, stats: Stats | null): Promise<Look> => {
  const [served, viewed] = await Promise.all([writers.clusters(), stats === null ? unviewed : viewedBy(stats)]);
  const known = new Map(viewed.clusters.map((cluster) => [cluster.cluster, cluster]));
  const counted = served.filter(({ head, isServed }) => isServed && !known.has(head.name)).concat(served.filter(({ head, isServed }) => !isServed && !known.has(head.name))).slice(0, countedMax);
  const usage = await Promise.all(counted.map(({ head }) => writers.usageOf(head)));
  const names = new Set(served.map(({ head }) => head.name));
  return { served, usage: [...viewed.clusters.filter(({ cluster }) => names.has(cluster)), ...usage], lbRanges: viewed.lbRanges, unattached: viewed.unattached, forecasts: viewed.forecasts };
};

type Viewed = Awaited<ReturnType<Stats['usage']>> & { unattached: readonly UnattachedClaims[] };
const unviewed: Viewed = { clusters: [], lbRanges: [], unattached: [], forecasts: new Map() };

const viewedBy = async (stats: Stats): Promise<Viewed> => {
  try {
    const [usage, unattached] = await Promise.all([stats.usage(), stats.unattached()]);
    return { ...usage, unattached };
  } catch (error) {
    if (error instanceof ProblemError) return unviewed; // the views are not there yet
    throw error;
  }
};

const lookMs = 900;

/** At most one look under way, and nobody waits for it longer than a scrape may take: a database that hangs gets no second question. */
const soon = <T>(look: () => Promise<T>): (() => Promise<T>) => {
  let under: Promise<T> | undefined;
  return async () => {
    under ??= look().finally(() => (under = undefined));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(reject, lookMs, new Error(`the database did not answer within ${lookMs} ms`));
    });
    return Promise.race([under, late]).finally(() => clearTimeout(timer));
  };
};
