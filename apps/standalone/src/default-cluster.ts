/** The cluster that a new installation can allocate from at once: dual-stack, IPv4 first. */
const defaultCluster = { name: 'default', serviceCIDRs: ['10.96.0.0/16', 'fd00:10:96::/112'] };

/**
 * Registers the cluster `default` where there is no cluster at all, over the same HTTP that everybody uses. A `default` that
 * somebody removed on purpose stays away as long as another cluster exists.
 */
export const registerDefaultCluster = async (url: string): Promise<void> => {
  const listed = await fetch(`${url}/v1/clusters?limit=1`);
  const { items } = (await listed.json()) as { items: unknown[] };
  if (items.length > 0) return;
  const answer = await fetch(`${url}/v1/clusters`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(defaultCluster) });
  // 409: another process on the same database was faster.
  if (answer.status !== 201 && answer.status !== 409) throw new Error(`the cluster "default" could not be registered: ${answer.status} ${await answer.text()}`);
};
