import type { EventStore } from '@ipledger/event-store';
import type { Rejection } from '@ipledger/services';

export interface ClusterHolder {
  address: string;
  /** `namespace/name`; in the log of a shared LB pool `cluster/namespace/name`. */
  service: string;
}

/** Who holds the addresses that a refusal names. Looked up after the decision, for people to read. */
export const holdersOf = async (store: EventStore, clusterId: number, rejection: Rejection): Promise<ClusterHolder[]> => {
  const addresses = rejection.code === 'cidr_in_use' || rejection.code === 'lb_pool_in_use' ? rejection.first : rejection.code === 'address_held' ? [rejection.address] : [];
  const found = await Promise.all(addresses.map(async (address): Promise<ClusterHolder[]> => {
    const members = rejection.code === 'lb_pool_in_use' ? await store.lbMembers(clusterId, address) : [];
    if (members.length > 0) return members.map(({ cluster, namespace, name }) => ({ address, service: `${cluster === '' ? '' : `${cluster}/`}${namespace}/${name}` }));
    const claim = await store.claim(clusterId, address);
    return claim === undefined ? [] : [{ address: claim.address, service: `${claim.namespace}/${claim.name}` }];
  }));
  return found.flat();
};
