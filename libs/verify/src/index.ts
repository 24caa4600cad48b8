export { compareTopics } from './compare-topics.js';
export { differenceLine, type Difference } from './difference.js';
export { verifyCluster, type VerifiedCluster } from './verify-cluster.js';
export { verifySharedPools } from './verify-shared-pools.js';
