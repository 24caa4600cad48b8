import type { Family } from '@ipledger/ip';
import type { Condition, ServiceObject } from '../service.js';

/** Says whether a Service has its addresses of LB pools. Only Services that are ipledger's have it. */
export const lbConditionType = 'ipledger.io/LoadBalancerAddresses';

/** Everything but `Assigned` says that the Service waits. `RequirementUnmet`: it requires two families and keeps the one that it had before it did. */
export type LbReason = 'Assigned' | 'PartlyAssigned' | 'RequirementUnmet' | 'NoPool' | 'PoolsExhausted' | 'AddressNotAvailable' | 'AwaitingSharedPool';

export const lbConditionOf = ({ status }: ServiceObject): Condition | undefined => status.conditions?.find(({ type }) => type === lbConditionType);

/**
 * What a Service lacks, as its condition says it; undefined when it does not wait. A Service that is being deleted wants nothing
 * any more. It is a fold of the Service's last event and of nothing else, so that who waits can be rebuilt from the log.
 */
export const lackOf = (service: ServiceObject): { families: Family[]; reason: string } | undefined => {
  const condition = lbConditionOf(service);
  if (condition === undefined || condition.reason === 'Assigned' || service.metadata.deletionTimestamp !== undefined) return undefined;
  const has = (service.status.loadBalancer.ingress ?? []).map(({ ip = '' }) => (ip.includes(':') ? 'IPv6' : 'IPv4'));
  const families = (service.spec.ipFamilies ?? []) as Family[];
  return { families: families.filter((family) => !has.includes(family)), reason: condition.reason };
};
