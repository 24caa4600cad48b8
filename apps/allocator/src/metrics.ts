import { MetricsRegistry, registerProcessMetrics } from '@ipledger/runtime';
import type { DatedEvent, Rejection } from '@ipledger/services';
import type { WatchFeeds } from './kubernetes/watch-feed.js';
import type { Order, Outcome } from './writer/order.js';
import type { WriterObserver } from './writer/writer.js';
import type { Writers } from './writer/writers.js';

const poolLabels = ['cluster', 'pool', 'family'] as const;

/** What an allocator counts about itself. No label ever holds an address, the name of a Service, a uid or a user. */
export class AllocatorMetrics implements WriterObserver {
  readonly registry = new MetricsRegistry();
  private readonly allocations = this.registry.counter<'cluster' | 'pool' | 'family' | 'scope' | 'outcome'>({
    name: 'ipledger_allocations_total', help: 'Attempts to allocate an address, one per family.', labels: [...poolLabels, 'scope', 'outcome'],
  });
  private readonly releases = this.registry.counter<'cluster' | 'pool' | 'family' | 'reason'>({
    name: 'ipledger_releases_total', help: 'Addresses released.', labels: [...poolLabels, 'reason'],
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
  private readonly capacity = this.registry.gauge<(typeof poolLabels)[number]>({
    name: 'ipledger_pool_capacity_addresses', help: 'Addresses that the pool can ever hand out.', labels: poolLabels,
  });
  private readonly allocated = this.registry.gauge<(typeof poolLabels)[number] | 'band'>({
    name: 'ipledger_pool_allocated_addresses', help: 'Claims in the pool.', labels: [...poolLabels, 'band'],
  });
  private readonly available = this.registry.gauge<(typeof poolLabels)[number] | 'band'>({
    name: 'ipledger_pool_available_addresses', help: 'Free addresses; the sum over the bands is what one more request can get.', labels: [...poolLabels, 'band'],
  });
  private readonly revision = this.registry.gauge<'cluster'>({ name: 'ipledger_cluster_revision', help: 'Last revision of the log.', labels: ['cluster'] });
  private readonly queued = this.registry.gauge<'cluster'>({ name: 'ipledger_writer_queue_commands', help: 'Commands that wait for their commit.', labels: ['cluster'] });
  private readonly watches = this.registry.gauge({ name: 'ipledger_watch_streams', help: 'Open watches.' });
  private readonly databaseUp = this.registry.gauge({ name: 'ipledger_database_up', help: 'Whether the database answered this scrape.' });

  constructor(version: string) {
    this.registry.info({ name: 'ipledger_build_info', help: 'The running version.', values: { version, node: process.version } });
    registerProcessMetrics(this.registry);
    for (const scope of ['static', 'dynamic']) this.durations.touch({ scope });
  }

  /** Gauges of every registered cluster, read when a scrape comes. */
  observe(writers: Writers, feeds: WatchFeeds): void {
    this.registry.onCollect(async () => {
      this.watches.set({}, feeds.watchers());
      this.databaseUp.set({}, 0);
      const clusters = await writers.inspect();
      this.databaseUp.set({}, 1);
      this.revision.replace(clusters.map(({ name, revision }) => [{ cluster: name }, revision] as const));
      this.queued.replace(clusters.map(({ name, queued }) => [{ cluster: name }, queued] as const));
      const pools = clusters.flatMap(({ name, pools: found }) => found.map((pool) => ({ ...pool, labels: { cluster: name, pool: pool.cidr, family: pool.family } })));
      this.capacity.replace(pools.map(({ labels, capacity }) => [labels, Number(capacity.static + capacity.dynamic)] as const));
      const bands = pools.flatMap((pool) => (['static', 'dynamic'] as const).map((band) => ({ ...pool, labels: { ...pool.labels, band }, band })));
      this.allocated.replace(bands.map(({ labels, band, use }) => [labels, use[band]] as const));
      this.available.replace(bands.map(({ labels, band, use, capacity }) => [labels, Number(capacity[band] - BigInt(use[band]))] as const));
    });
  }

  committed(cluster: string, events: readonly DatedEvent[], commands: number): void {
    if (commands > 0) this.batches.observe({}, commands);
    for (const { event } of events) {
      if (event.type === 'ip.allocated')
        this.allocations.inc({ cluster, pool: event.data.cidr ?? '', family: event.data.family, scope: event.data.scope, outcome: 'success' });
      else if (event.type === 'ip.released')
        this.releases.inc({ cluster, pool: event.data.cidr ?? '', family: event.data.family, reason: event.data.reason.replace('-', '_') });
    }
  }

  settled(cluster: string, order: Order, outcome: Outcome, seconds: number): void {
    if (order.command.dryRun) return;
    if (outcome.kind === 'accepted' && order.command.type === 'CreateService') {
      const scope = order.command.service.spec.clusterIP === undefined ? 'dynamic' : 'static';
      this.durations.observe({ scope }, seconds, order.requestId === null ? undefined : { request_id: order.requestId });
    }
    const failure = outcome.kind === 'rejected' ? allocationFailure(outcome.rejection) : undefined;
    if (failure !== undefined) this.allocations.inc({ cluster, pool: '', ...failure });
  }

  retried(cluster: string, reason: 'revision_moved' | 'unique_violation'): void {
    this.retries.inc({ cluster, reason });
  }

  /** @param route the pattern, never the path: paths hold names */
  request(route: string, method: string, code: number, seconds: number): void {
    this.requests.observe({ route, method, code: `${Math.floor(code / 100)}xx` }, seconds);
  }
}

/** Which failed attempt a refusal is; undefined when no address was tried for. */
const allocationFailure = (rejection: Rejection): { family: string; scope: string; outcome: string } | undefined => {
  if (rejection.code === 'addresses_exhausted') return { family: rejection.family, scope: 'dynamic', outcome: 'exhausted' };
  const message = rejection.code === 'invalid' ? rejection.errors[0]?.message : undefined;
  if (message === undefined || !message.includes(': failed to allocate IP ')) return undefined;
  return { family: '', scope: 'static', outcome: message.endsWith('already allocated') ? 'conflict' : 'invalid' };
};
