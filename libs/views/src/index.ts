export { applyBatch, type Applied } from './apply.js';
export { Projector } from './projector.js';
export { rebuildViews } from './rebuild.js';
export { comparedTables, makeSet } from './sets.js';
