export { PoolAttempts, renderKubernetesMetrics } from './kubernetes-metrics.js';
export { poolFigures, type ClusterUsage, type PoolUsage } from './usage.js';
export { UsageMetrics } from './usage-metrics.js';
