import type { EventStore, InMemoryEventStore } from '@ipledger/event-store';
import { decide, lbRequestOf, notServedReason, parseDocument, type ClusterDefinition } from '@ipledger/services';
import { differenceLine, verifyCluster } from '@ipledger/verify';
import { loadState } from '../../apps/allocator/src/writer/load-state.js';
import type { SimulatedCluster } from './replicas.js';

/** What must hold after every commit. */
export class LbLaws {
  readonly violations: string[] = [];
  readonly happened: Record<string, number> = { attached: 0, orphans: 0, claimed: 0, partly: 0, unserved: 0 };
  private looking: Promise<void> = Promise.resolve();

  constructor(private readonly store: InMemoryEventStore, private readonly clusters: readonly SimulatedCluster[], private readonly pools: readonly SimulatedCluster[]) {}

  afterCommit(): Promise<void> {
    this.looking = this.looking.then(() => this.look());
    return this.looking;
  }

  private async look(): Promise<void> {
    if (this.violations.length > 0) return;
    const members = new Map<string, string>();
    for (const { id, name } of this.pools)
      for (const { address, cluster, namespace, name: service, uid } of await this.store.listLbMembers(id, undefined, 1_000)) members.set(`${name} ${address}`, `${cluster} ${namespace}/${service} ${uid}`);
    const holders = new Map<string, string>();
    for (const { id, name } of this.clusters)
      for (const { pool, address, namespace, name: service, uid } of await this.store.listLbAttached(id, undefined, 1_000)) {
        const [key, holder] = [`lb-pool:${pool} ${address}`, `${name} ${namespace}/${service} ${uid}`];
        const other = holders.get(key);
        if (other !== undefined) this.violations.push(`${key} is attached to ${other} and to ${holder}`);
        if (members.get(key) !== holder) this.violations.push(`${key} is attached to ${holder}, and claimed for ${members.get(key) ?? 'nobody'}`);
        holders.set(key, holder);
      }
    this.happened['attached'] = Math.max(this.happened['attached']!, holders.size);
    const unattached = await this.store.lbUnattached('lb-pool:', 100);
    if (unattached.some(({ isAwaited }) => isAwaited)) this.happened['claimed']!++;
    if (unattached.some(({ isAwaited }) => !isAwaited)) this.happened['orphans']!++;
    const reasons = (await this.store.lbWaits()).map(({ reason }) => reason);
    if (reasons.includes('PartlyAssigned')) this.happened['partly']!++;
    if (reasons.includes(notServedReason)) this.happened['unserved']!++;
  }
}

/** What must hold once all is quiet: nothing is held for nobody, nobody waits for what is free, and every table is what its log says. */
export const atTheEnd = async (store: EventStore, clusters: readonly SimulatedCluster[], pools: readonly SimulatedCluster[]): Promise<string[]> => {
  const found = await lbAtRest(store, clusters, pools);
  for (const { id } of [...clusters, ...pools]) found.push(...(await verifyCluster(store, (await store.head(id))!)).differences.map(differenceLine));
  return found;
};

/** The part of it that is of the logs together. */
export const lbAtRest = async (store: EventStore, clusters: readonly SimulatedCluster[], pools: readonly SimulatedCluster[]): Promise<string[]> => {
  const found = (await store.lbUnattached('lb-pool:', 100)).map(({ address, cluster, name, log, isAwaited }) => `${address} of ${log.name} is held for ${cluster} ${name}, which ${isAwaited ? 'waits for it' : 'does not have it'}`);
  for (const cluster of clusters) {
    const { defaultLoadBalancer = false } = JSON.parse((await store.head(cluster.id))?.definition ?? '{}') as Partial<ClusterDefinition>;
    for (const { namespace, name, families, revision, reason } of await store.listLbWaiting(cluster.id, undefined, 1_000)) {
      if (reason === notServedReason && defaultLoadBalancer) found.push(`${cluster.name} ${name} has no class, and is not served in a cluster that serves such`);
      if (reason === notServedReason) continue;
      const [document] = await store.documents(cluster.id, [{ namespace, name }]);
      const [attached] = await store.lbAttachedOf(cluster.id, [{ namespace, name }]);
      const request = lbRequestOf(parseDocument(document!.document));
      for (const pool of pools) {
        if (attached !== undefined && `lb-pool:${attached.pool}` !== pool.name) continue;
        const { state } = await loadState(store, pool.id);
        state.advanceTo(new Date(Date.now()));
        const decision = decide({ type: 'ClaimLoadBalancer', name: pool.name, cluster: cluster.name, wait: revision, request: { ...request, families: request.families.filter((family) => families.includes(family)) }, time: new Date(Date.now()), seed: [1, 2, 3, 4], dryRun: true }, state, undefined);
        const given = decision.outcome === 'accepted' ? (JSON.parse(decision.answer ?? '{}') as { addresses: string[] }).addresses : [];
        if (given.length > 0) found.push(`${cluster.name} ${name} waits for ${families.join(' and ')}, and ${pool.name} would give it ${given.join(' and ')}`);
      }
    }
  }
  return found;
};
