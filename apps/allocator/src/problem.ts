import { problem, type Problem } from '@ipledger/runtime';
import type { Rejection } from '@ipledger/services';
import type { ClusterHolder } from './clusters/holders.js';

export { problem, problemCatalogue, ProblemError, type Problem } from '@ipledger/runtime';

/** The only map from a refusal of the domain to a problem of `/v1`. */
export const rejectionProblem = (rejection: Rejection, holders: readonly ClusterHolder[] = []): Problem => {
  switch (rejection.code) {
    case 'cluster_exists':
      return problem('cluster_exists', `a cluster named ${rejection.cluster} is registered; PUT /v1/clusters/${rejection.cluster} changes its ranges`);
    case 'cluster_not_found':
      return problem('cluster_not_found', `no cluster is registered under the name ${rejection.cluster}; GET /v1/clusters lists those that are`);
    case 'cluster_not_empty':
      return problem('cluster_not_empty', `${count(rejection.services, 'Service')} besides default/kubernetes must be deleted first: ${rejection.first.join(', ')}`, { services: rejection.services, first: rejection.first });
    case 'cluster_invalid':
      return problem('cluster_invalid', rejection.problems.map(({ field, value, why }) => `${field}: ${JSON.stringify(value)} ${why}`).join('; '), { problems: rejection.problems });
    case 'cidr_not_found':
      return problem('cidr_not_found', `cluster ${rejection.cluster} has no CIDR ${rejection.cidr}; GET /v1/clusters/${rejection.cluster} lists those it has`);
    case 'cidr_last':
      return problem('cidr_last', `${rejection.cidr} is the only CIDR of ${rejection.cluster}; add another one first, or remove the cluster`);
    case 'cidr_in_use':
      return problem('cidr_in_use', `${count(rejection.held, 'held address', 'held addresses')} would lie outside every range: ${holders.map(({ address, service }) => `${address} (${service})`).join(', ')}; delete or move these Services first, or PUT with ?inUse=keep to leave them outside`, { held: rejection.held, holders });
    case 'reservation_exists':
      return problem('reservation_exists', `cluster ${rejection.cluster} has a reservation named ${rejection.reservation}; DELETE it first, or choose another name`);
    case 'reservation_not_found':
      return problem('reservation_not_found', `cluster ${rejection.cluster} has no reservation named ${rejection.reservation}; it may have ended`);
    case 'reservation_overlaps':
      return problem('reservation_overlaps', `some of the addresses are reserved as ${rejection.other}`, { reservation: rejection.other });
    case 'reservation_unused':
      return problem('reservation_unused', `the Service names no address of the reservation ${rejection.reservation}; leave spec.clusterIP and spec.clusterIPs out to get one`);
    case 'reservations_too_many':
      return problem('reservations_too_many', `cluster ${rejection.cluster} has ${rejection.max} reservations of ${rejection.kind} already, which is the limit; release some, or reserve a range around them`);
    case 'address_held':
      return problem('address_held', `${rejection.address} is held by ${holders[0]?.service ?? 'a Service'}; a range around it can be reserved: what is held of it stays with its holder`, { holders });
    case 'pools_exhausted':
      return problem('pools_exhausted', `no open ${rejection.family} pool of ${rejection.cluster} has a free address`);
    case 'lb_pool_exists':
      return problem('lb_pool_exists', `there is an LB pool ${rejection.pool}; PUT /v1/lb-pools/${rejection.pool} changes it`);
    case 'lb_pool_not_found':
      return problem('lb_pool_not_found', `there is no LB pool ${rejection.pool}; GET /v1/lb-pools lists those there are`);
    case 'lb_range_not_found':
      return problem('lb_range_not_found', `the LB pool ${rejection.pool} has no range ${rejection.range}; GET /v1/lb-pools/${rejection.pool} lists those it has`);
    case 'lb_pool_invalid':
      return problem('lb_pool_invalid', rejection.problems.map(({ field, value, why }) => `${field}: ${JSON.stringify(value)} ${why}`).join('; '), { problems: rejection.problems });
    case 'lb_pool_in_use':
      return problem('lb_pool_in_use', `${count(rejection.held, 'held address', 'held addresses')} would be in no range of the LB pool ${rejection.pool}: ${holders.map(({ address, service }) => `${address} (${service})`).join(', ')}; drain the range, and delete or move these Services first`, { held: rejection.held, holders });
    default:
      return problem('internal', `a cluster command was refused with ${rejection.code}`);
  }
};

const count = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`;
