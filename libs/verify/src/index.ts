export { compareTopics } from './compare-topics.js';
export { differenceLine, type Difference } from './difference.js';
export { verifyCluster } from './verify-cluster.js';
