export { applyBatch, type Applied } from './apply.js';
export { ClusterModel } from './model.js';
export { registerProjectionMetrics } from './projection-metrics.js';
export { Projector } from './projector.js';
export { LogFollowers } from './queries/follow.js';
export { ViewsReader } from './queries/views-reader.js';
export { rebuildViews } from './rebuild.js';
export { comparedTables, makeSet, makeViews, pruneSets, putLive, rollBackSet } from './sets.js';
export { ViewsModule } from './views.module.js';
