import type { MetricsRegistry } from '@ipledger/runtime';
import type { Projector } from './projector.js';

/** How far the views reflect each cluster, read when a scrape comes. */
export const registerProjectionMetrics = (registry: MetricsRegistry, projector: Projector): void => {
  const revision = registry.gauge<'cluster'>({ name: 'ipledger_projection_revision', help: 'Revision that the views reflect.', labels: ['cluster'] });
  const lag = registry.gauge<'cluster'>({ name: 'ipledger_projection_lag_seconds', help: 'Age of the oldest event that the views do not reflect.', labels: ['cluster'], unit: 'seconds' });
  const stopped = registry.gauge<'cluster'>({ name: 'ipledger_projection_stopped', help: '1 when the projection of the cluster has stopped and needs somebody.', labels: ['cluster'] });
  registry.onCollect(async () => {
    const clusters = await projector.progress();
    revision.replace(clusters.map((progress) => [{ cluster: progress.tip.name }, progress.revision] as const));
    lag.replace(clusters.map((progress) => [{ cluster: progress.tip.name }, progress.lagSeconds] as const));
    stopped.replace(clusters.map((progress) => [{ cluster: progress.tip.name }, progress.stoppedReason === null ? 0 : 1] as const));
  });
};
