/** A cluster of a run: its ranges, the primary one first, and how many addresses of each family can be held. */
export interface ChaosCluster {
  readonly name: string;
  readonly serviceCIDRs: readonly string[];
  readonly capacity: { readonly IPv4: number; readonly IPv6: number };
}

/** Ranges small enough to be full now and then. Usable: 14 and 6 IPv4 addresses; 15 and 7 IPv6 addresses. */
export const contended: readonly ChaosCluster[] = [
  { name: 'small', serviceCIDRs: ['10.0.0.0/28', 'fd00::/124'], capacity: { IPv4: 14, IPv6: 15 } },
  { name: 'tiny', serviceCIDRs: ['fd01::/125', '10.1.0.0/29'], capacity: { IPv4: 6, IPv6: 7 } },
];

/** Many clusters, written at the same time by the same allocators: their appends share statements. */
export const crowdOf = (count: number): readonly ChaosCluster[] => Array.from({ length: count }, (_, i) => (
  { name: `crowd-${i}`, serviceCIDRs: ['10.2.0.0/28', 'fd02::/124'], capacity: { IPv4: 14, IPv6: 15 } }));

/** Shared by all clusters, with fewer addresses than there are names of Services that want one. */
export const sharedPool = { name: 'edge', clusters: 'all', addresses: ['203.0.113.0/29', '2001:db8::/125'] };
export const sharedPoolLog = `lb-pool:${sharedPool.name}`;
