import type { EventStore } from '@ipledger/event-store';
import type { Rejection } from '@ipledger/services';

export interface ClusterHolder {
  address: string;
  /** `namespace/name` */
  service: string;
}

/** Who holds the addresses that a refusal names. Looked up after the decision, for people to read. */
export const holdersOf = async (store: EventStore, clusterId: number, rejection: Rejection): Promise<ClusterHolder[]> => {
  const addresses = rejection.code === 'cidr_in_use' || rejection.code === 'lb_pool_in_use' ? rejection.first : rejection.code === 'address_held' ? [rejection.address] : [];
  const claims = await Promise.all(addresses.map((address) => store.claim(clusterId, address)));
  return claims.flatMap((claim) => (claim === undefined ? [] : [{ address: claim.address, service: `${claim.namespace}/${claim.name}` }]));
};
