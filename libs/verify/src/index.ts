export { differenceLine, type Difference } from './difference.js';
export { verifyCluster } from './verify-cluster.js';
