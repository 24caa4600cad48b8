import type { MetricsRegistry } from '@ipledger/runtime';
import { LbPoolMetrics } from './lb-metrics.js';
import type { Stats } from './stats/stats.js';
import { UsageMetrics } from './usage-metrics.js';

/** The gauges of all clusters from the views, and whether their database answers: what a process shows that only projects. */
export const registerViewedUsage = (registry: MetricsRegistry, stats: Stats): void => {
  const usage = new UsageMetrics(registry);
  const lbPools = new LbPoolMetrics(registry);
  const databaseUp = registry.gauge({ name: 'ipledger_database_up', help: 'Whether the database answered this scrape.' });
  registry.onCollect(async () => {
    databaseUp.set({}, 0);
    const [{ clusters, lbRanges, forecasts }, unattached] = await Promise.all([stats.usage(), stats.unattached()]).catch((error: unknown) => {
      usage.show([], new Map());
      lbPools.show([], [], 0); // old figures of a database that is gone would look like news
      throw error;
    });
    usage.show(clusters, forecasts);
    lbPools.show(lbRanges, unattached, Date.now());
    databaseUp.set({}, 1);
  });
};
