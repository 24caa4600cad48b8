import type { MetricsRegistry } from '@ipledger/runtime';
import type { Stats } from './stats/stats.js';
import { UsageMetrics } from './usage-metrics.js';

/** The gauges of all clusters from the views, and whether their database answers: what a process shows that only projects. */
export const registerViewedUsage = (registry: MetricsRegistry, stats: Stats): void => {
  const usage = new UsageMetrics(registry);
  const databaseUp = registry.gauge({ name: 'ipledger_database_up', help: 'Whether the database answered this scrape.' });
  registry.onCollect(async () => {
    databaseUp.set({}, 0);
    const { clusters, forecasts } = await stats.usage().catch((error: unknown) => {
      usage.show([], new Map()); // old figures of a database that is gone would look like news
      throw error;
    });
    usage.show(clusters, forecasts);
    databaseUp.set({}, 1);
  });
};
