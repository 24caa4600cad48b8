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
      return problem('cluster_not_found', `no cluster is registered under the name ${rejection.cluster}`);
    case 'cluster_not_empty':
      return problem('cluster_not_empty', `${count(rejection.services, 'Service')} besides default/kubernetes must be deleted first: ${rejection.first.join(', ')}`, { services: rejection.services, first: rejection.first });
    case 'cluster_invalid':
      return problem('cluster_invalid', rejection.problems.map(({ field, value, why }) => `${field}: ${JSON.stringify(value)} ${why}`).join('; '), { problems: rejection.problems });
    case 'cidr_not_found':
      return problem('cidr_not_found', `cluster ${rejection.cluster} has no CIDR ${rejection.cidr}`);
    case 'cidr_last':
      return problem('cidr_last', `${rejection.cidr} is the only CIDR of ${rejection.cluster}; add another one first, or remove the cluster`);
    case 'cidr_in_use':
      return problem('cidr_in_use', `${count(rejection.held, 'held address', 'held addresses')} would lie outside every range: ${holders.map(({ address, service }) => `${address} (${service})`).join(', ')}; delete or move these Services first, or PUT with ?inUse=keep to leave them outside`, { held: rejection.held, holders });
    default:
      return problem('internal', `a cluster command was refused with ${rejection.code}`);
  }
};

const count = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`;
