import type { LbUnattached, LbWaits } from './event-store.js';
import { compareBytes, compareKeys, compareMembers, keyOf, lbAttachedKeyOf } from './in-memory-reads.js';
import type { ClusterState } from './in-memory-reads.js';

export function waitsOf(clusters: readonly ClusterState[]): LbWaits[] {
  return clusters.flatMap(({ id, name, lbWaiting, log }) => {
    const waiting = [...lbWaiting.values()];
    return [...new Set(waiting.map(({ reason }) => reason))].sort(compareBytes).map((reason) => {
      const revisions = waiting.filter((one) => one.reason === reason).map(({ revision }) => revision);
      return { clusterId: id, cluster: name, reason, services: revisions.length, oldest: log.find(({ revision }) => revision >= Math.min(...revisions))!.time };
    });
  }).sort((a, b) => compareBytes(a.cluster, b.cluster));
}

export function unattachedOf(clusters: readonly ClusterState[], logPrefix: string): LbUnattached[] {
  const byName = new Map(clusters.map((cluster) => [cluster.name, cluster]));
  return clusters.filter(({ name }) => name.startsWith(logPrefix)).flatMap(({ id, name, lbMembers }) => [...lbMembers.values()].flatMap((member) => {
    const cluster = byName.get(member.cluster);
    const attached = cluster?.lbAttached.get(lbAttachedKeyOf({ ...member, pool: name.slice(logPrefix.length) }));
    if (attached?.uid === member.uid) return [];
    const waiting = cluster?.lbWaiting.get(keyOf(member));
    return [{ ...member, log: { id, name }, clusterId: cluster?.id ?? null, isAwaited: waiting?.uid === member.uid && waiting.revision === member.wait }];
  })).sort(compareUnattached);
}

export const compareUnattached = (a: LbUnattached, b: LbUnattached): number =>
  Number(a.isAwaited) - Number(b.isAwaited) || compareBytes(a.log.name, b.log.name) || compareBytes(a.cluster, b.cluster) || compareKeys(a, b) || compareMembers(a, b);
