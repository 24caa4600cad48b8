import type { Allocator } from '../../allocator/src/index.js';

/** The cluster that a new installation can allocate from at once: dual-stack, IPv4 first. */
const defaultCluster = { name: 'default', serviceCIDRs: ['10.96.0.0/16', 'fd00:10:96::/112'] };

/**
 * Registers the cluster `default` where there is no cluster at all, through the same API that everybody uses. A `default` that
 * somebody removed on purpose stays away as long as another cluster exists.
 */
export const registerDefaultCluster = async (allocator: Allocator): Promise<void> => {
  const { items } = JSON.parse((await allocator.asItself('GET', '/v1/clusters?limit=1')).body) as { items: unknown[] };
  if (items.length > 0) return;
  const answer = await allocator.asItself('POST', '/v1/clusters', defaultCluster);
  // 409: another process on the same database was faster.
  if (answer.status !== 201 && answer.status !== 409) throw new Error(`the cluster "default" could not be registered: ${answer.status} ${answer.body}`);
};
