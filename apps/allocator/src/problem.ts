import type { ClusterHolder } from './clusters/holders.js';
import type { Rejection } from '@ipledger/services';

/** An RFC 9457 problem document of `/v1`. `code` is stable; `retriable` says whether the same request can succeed later. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  code: string;
  detail: string;
  retriable: boolean;
  [extension: string]: unknown;
}

/** Thrown by the `/v1` surface to answer with a problem document. */
export class ProblemError extends Error {
  constructor(readonly problem: Problem, readonly retryAfterSeconds?: number) {
    super(problem.detail);
  }
}

const titles = {
  invalid_request: [400, 'The request is malformed'],
  unauthenticated: [401, 'Nobody knows who sent the request'],
  forbidden: [403, 'Whoever sent the request may not do this'],
  unsupported_media_type: [415, 'The body has a type that is not understood'],
  request_timeout: [408, 'The request did not arrive in time'],
  headers_too_large: [431, 'The headers are too large'],
  request_too_large: [413, 'The body is too large'],
  cluster_invalid: [422, 'The cluster cannot be so'],
  request_differs: [422, 'The Idempotency-Key was used for another request'],
  not_found: [404, 'There is nothing at this path'],
  method_not_allowed: [405, 'This path does not take this method'],
  cluster_not_found: [404, 'There is no such cluster'],
  cidr_not_found: [404, 'The cluster has no such CIDR'],
  address_not_in_pools: [404, 'The address is in no pool of the cluster'],
  cluster_exists: [409, 'The cluster exists'],
  cluster_not_empty: [409, 'The cluster still has Services'],
  cidr_last: [409, 'A cluster needs a CIDR'],
  cidr_in_use: [409, 'Addresses of the range are held'],
  too_many_requests: [429, 'Too much at once'],
  internal: [500, 'Something is wrong in ipledger'],
  unavailable: [503, 'The request cannot be served now'],
} as const satisfies Record<string, readonly [number, string]>;

export type ProblemCode = keyof typeof titles;

/** Every code with its HTTP status and title, for the OpenAPI document and the docs. */
export const problemCatalogue = Object.entries(titles).map(([code, [status, title]]) => ({ code, status, title }));

export const problem = (code: ProblemCode, detail: string, extensions: Record<string, unknown> = {}): Problem => {
  const [status, title] = titles[code];
  return { type: `urn:ipledger:problem:${code}`, title, status, code, detail, retriable: [408, 429, 503].includes(status), ...extensions };
};

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
