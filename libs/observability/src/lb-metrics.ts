import type { Gauge, MetricsRegistry } from '@ipledger/runtime';
import { poolFigures, type LbRangeUsage, type UnattachedClaims } from './usage.js';

const labels = ['cluster', 'lb_pool', 'pool', 'family'] as const;
type Label = (typeof labels)[number];

/**
 * The gauges of LB pools, apart from those of Service CIDRs: who sums those must not find other addresses among them. Of a shared pool
 * the label `cluster` is "". As everywhere, no label holds an address; the label `pool` holds a range.
 */
export class LbPoolMetrics {
  private readonly capacity: Gauge<Label>;
  private readonly allocated: Gauge<Label>;
  private readonly available: Gauge<Label>;
  private readonly reserved: Gauge<Label | 'reason'>;
  private readonly utilization: Gauge<Label>;
  private readonly info: Gauge<Label | 'state'>;
  private readonly unattached: Gauge<'lb_pool'>;
  private readonly oldestUnattached: Gauge<'lb_pool'>;

  constructor(registry: MetricsRegistry) {
    const addresses = { labels, unit: 'addresses' };
    this.capacity = registry.gauge({ ...addresses, name: 'ipledger_lb_pool_capacity_addresses', help: 'Addresses in the range of the LB pool.' });
    this.allocated = registry.gauge({ ...addresses, name: 'ipledger_lb_pool_allocated_addresses', help: 'Addresses of it that Services or sharing groups hold.' });
    this.available = registry.gauge({ ...addresses, name: 'ipledger_lb_pool_available_addresses', help: 'What further Services can get.' });
    this.reserved = registry.gauge({ ...addresses, name: 'ipledger_lb_pool_reserved_addresses', help: 'Free, but held back.', labels: [...labels, 'reason'] });
    this.utilization = registry.gauge({ name: 'ipledger_lb_pool_utilization_ratio', help: '(capacity - available) / capacity.', labels });
    this.info = registry.gauge({ name: 'ipledger_lb_pool_info', help: '1 for each range of each LB pool, for joins.', labels: [...labels, 'state'] });
    this.unattached = registry.gauge({ name: 'ipledger_lb_unattached_claims', help: 'Addresses that a shared LB pool has claimed for a Service whose cluster does not say that it has them: under way, or left over.', labels: ['lb_pool'] });
    this.oldestUnattached = registry.gauge({ name: 'ipledger_lb_oldest_unattached_claim_seconds', help: 'Since when the first of them is so; 0 when there is none.', labels: ['lb_pool'], unit: 'seconds' });
  }

  /** Shows these ranges and claims and no others. */
  show(ranges: readonly LbRangeUsage[], unattached: readonly UnattachedClaims[], nowMs: number): void {
    const shown = ranges.map((range) => ({ range, figures: poolFigures(range), of: { cluster: range.cluster, lb_pool: range.lbPool, pool: range.pool, family: range.family } }));
    this.capacity.replace(shown.map(({ of, figures }) => [of, Number(figures.capacity)]));
    this.allocated.replace(shown.map(({ of, figures }) => [of, Number(figures.allocated)]));
    this.available.replace(shown.map(({ of, figures }) => [of, Number(figures.available.static + figures.available.dynamic)]));
    this.reserved.replace(shown.flatMap(({ of, figures }) => ([['draining', figures.draining], ['reservation', figures.reserved], ['cool-down', figures.coolingDown]] as const)
      .map(([reason, addresses]) => [{ ...of, reason }, Number(addresses)] as const)));
    this.utilization.replace(shown.map(({ of, figures }) => [of, figures.utilization ?? 0]));
    this.info.replace(shown.map(({ of, range }) => [{ ...of, state: range.isDraining ? 'draining' : 'open' }, 1]));
    this.unattached.replace(unattached.map(({ lbPool, claims }) => [{ lb_pool: lbPool }, claims]));
    this.oldestUnattached.replace(unattached.map(({ lbPool, oldestMs }) => [{ lb_pool: lbPool }, oldestMs === null ? 0 : Math.max(0, (nowMs - oldestMs) / 1000)]));
  }
}
