export { lagMax, sampleCount, windowMsMin } from './forecast.js';
export { PoolAttempts, renderKubernetesMetrics, type RepairCounts } from './kubernetes-metrics.js';
export type { ClusterForecasts } from './stats/forecasts.js';
export { StatsModule } from './stats.module.js';
export { samplesSql } from './stats/samples-sql.js';
export { Stats, statsColumns, type StatsList } from './stats/stats.js';
export { poolFigures, type ClusterUsage, type PoolUsage } from './usage.js';
export { UsageMetrics } from './usage-metrics.js';
export { registerViewedUsage } from './viewed-usage.js';
