import type { Gauge, MetricsRegistry } from '@ipledger/runtime';
import type { ClusterForecasts } from './stats/forecasts.js';
import { poolFigures, type ClusterUsage } from './usage.js';

const poolLabels = ['cluster', 'pool', 'family'] as const;
type PoolLabel = (typeof poolLabels)[number];
const bands = ['static', 'dynamic'] as const;

/**
 * The gauges of pools, Services and node ports: the same on every process that shows them. There from the first scrape for
 * every pool, with 0 where nothing is allocated. No label ever holds an address, the name of a Service, a uid or a user.
 */
export class UsageMetrics {
  private readonly capacity: Gauge<PoolLabel>;
  private readonly allocated: Gauge<PoolLabel | 'band'>;
  private readonly available: Gauge<PoolLabel | 'band'>;
  private readonly reserved: Gauge<PoolLabel | 'reason'>;
  private readonly utilization: Gauge<PoolLabel>;
  private readonly info: Gauge<PoolLabel | 'primary' | 'state'>;
  private readonly services: Gauge<'cluster' | 'type' | 'ip_family_policy' | 'families'>;
  private readonly unsatisfied: Gauge<'cluster' | 'reason'>;
  private readonly exhaustion: Gauge<'cluster' | 'family' | 'bound'>;
  private readonly portsAllocated: Gauge<'cluster'>;
  private readonly portsCapacity: Gauge<'cluster'>;

  constructor(registry: MetricsRegistry) {
    const addresses = { labels: poolLabels, unit: 'addresses' };
    this.capacity = registry.gauge({ ...addresses, name: 'ipledger_pool_capacity_addresses', help: 'Addresses that the pool can ever hand out.' });
    this.allocated = registry.gauge({ ...addresses, name: 'ipledger_pool_allocated_addresses', help: 'Claims in the pool. The pool "" is what lies outside every CIDR.', labels: [...poolLabels, 'band'] });
    this.available = registry.gauge({ ...addresses, name: 'ipledger_pool_available_addresses', help: 'What further requests can get; the sum over the bands is what is left.', labels: [...poolLabels, 'band'] });
    this.reserved = registry.gauge({ ...addresses, name: 'ipledger_pool_reserved_addresses', help: 'Free, but held back.', labels: [...poolLabels, 'reason'] });
    this.utilization = registry.gauge({ name: 'ipledger_pool_utilization_ratio', help: '(capacity - available) / capacity.', labels: poolLabels });
    this.info = registry.gauge({ name: 'ipledger_pool_info', help: '1 for each pool, for joins.', labels: [...poolLabels, 'primary', 'state'] });
    this.services = registry.gauge({ name: 'ipledger_services', help: 'Services.', labels: ['cluster', 'type', 'ip_family_policy', 'families'] });
    this.unsatisfied = registry.gauge({ name: 'ipledger_services_unsatisfied', help: 'Services that lack what they prefer.', labels: ['cluster', 'reason'] });
    this.exhaustion = registry.gauge({ name: 'ipledger_family_exhaustion_timestamp_seconds', help: 'When the open pools of a family are full, at the earliest and at the latest, if they go on as in the last two weeks. Absent when nothing grows.', labels: ['cluster', 'family', 'bound'], unit: 'seconds' });
    this.portsAllocated = registry.gauge({ name: 'ipledger_node_ports_allocated', help: 'Node ports held.', labels: ['cluster'] });
    this.portsCapacity = registry.gauge({ name: 'ipledger_node_ports_capacity', help: 'Node ports in the range.', labels: ['cluster'] });
  }

  /** Shows these clusters and no others, with what is forecast of them. */
  show(clusters: readonly ClusterUsage[], forecasts: ReadonlyMap<string, ClusterForecasts>): void {
    const pools = clusters.flatMap(({ cluster, pools: found }) => found.map((pool) => (
      { pool, figures: poolFigures(pool), labels: { cluster, pool: pool.pool, family: pool.family } })));
    const real = pools.filter(({ pool }) => pool.pool !== '');
    this.capacity.replace(real.map(({ labels, figures }) => [labels, Number(figures.capacity)]));
    this.allocated.replace(pools.flatMap(({ labels, pool }): [Record<PoolLabel | 'band', string>, number][] => (pool.pool === ''
      ? [[{ ...labels, band: '' }, pool.static.allocated + pool.dynamic.allocated]]
      : bands.map((band) => [{ ...labels, band }, pool[band].allocated]))));
    this.available.replace(real.flatMap(({ labels, figures }) => bands.map((band) => [{ ...labels, band }, Number(figures.available[band])] as const)));
    this.reserved.replace(real.flatMap(({ labels, figures }) => ([['draining', figures.draining], ['reservation', figures.reserved], ['cool-down', figures.coolingDown]] as const)
      .map(([reason, addresses]) => [{ ...labels, reason }, Number(addresses)] as const)));
    this.utilization.replace(real.flatMap(({ labels, figures }) => (figures.utilization === null ? [] : [[labels, figures.utilization] as const])));
    this.info.replace(real.map(({ labels, pool }) => [{ ...labels, primary: String(pool.isPrimary), state: pool.isDraining ? 'draining' : 'open' }, 1]));
    this.exhaustion.replace(clusters.flatMap(({ cluster }) => [...(forecasts.get(cluster)?.families ?? [])].flatMap(([family, { earliestMs, latestMs }]) =>
      ([['early', earliestMs], ['late', latestMs]] as const).flatMap(([bound, ms]) => (ms === null ? [] : [[{ cluster, family, bound }, ms / 1000] as const])))));
    this.showCounts(clusters);
  }

  private showCounts(clusters: readonly ClusterUsage[]): void {
    this.services.replace(clusters.flatMap(({ cluster, services }) =>
      (services ?? []).map(({ type, ipFamilyPolicy, families, count }) => [{ cluster, type, ip_family_policy: ipFamilyPolicy, families }, count] as const)));
    this.unsatisfied.replace(clusters.flatMap(({ cluster, services }) => (services === null ? []
      : [[{ cluster, reason: 'single_family' }, services.reduce((sum, { unsatisfied }) => sum + unsatisfied, 0)] as const])));
    const ported = clusters.flatMap(({ cluster, nodePorts }) => (nodePorts === null ? [] : [{ labels: { cluster }, ...nodePorts }]));
    this.portsAllocated.replace(ported.map(({ labels, allocated }) => [labels, allocated]));
    this.portsCapacity.replace(ported.map(({ labels, capacity }) => [labels, capacity]));
  }
}
