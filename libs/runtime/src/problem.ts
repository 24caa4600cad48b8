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
  network_unknown: [404, 'The Pod and node ranges are not known'],
  cidr_not_found: [404, 'The cluster has no such CIDR'],
  address_not_in_pools: [404, 'The address is in no pool of the cluster'],
  cluster_exists: [409, 'The cluster exists'],
  cluster_not_empty: [409, 'The cluster still has Services'],
  cidr_last: [409, 'A cluster needs a CIDR'],
  cidr_in_use: [409, 'Addresses of the range are held'],
  reservation_exists: [409, 'The reservation exists'],
  reservation_not_found: [404, 'There is no such reservation'],
  reservation_overlaps: [409, 'Another reservation has these addresses'],
  reservation_unused: [422, 'The Service does not take the reserved address'],
  reservations_too_many: [409, 'The cluster has too many reservations'],
  address_held: [409, 'A Service holds the address'],
  pools_exhausted: [409, 'No address is free'],
  lb_pool_invalid: [422, 'The LB pool cannot be so'],
  lb_pool_not_found: [404, 'There is no such LB pool'],
  lb_range_not_found: [404, 'The LB pool has no such range'],
  lb_pool_exists: [409, 'The LB pool exists'],
  lb_pool_in_use: [409, 'Addresses of the LB pool are held'],
  service_refused: [422, 'The Service is refused'],
  too_many_requests: [429, 'Too much at once'],
  internal: [500, 'Something is wrong in ipledger'],
  unavailable: [503, 'The request cannot be served now'],
  views_behind: [503, 'The views do not reflect that yet'],
} as const satisfies Record<string, readonly [number, string]>;

type ProblemCode = keyof typeof titles;

/** Every code with its HTTP status and title, for the OpenAPI document and the docs. */
export const problemCatalogue = Object.entries(titles).map(([code, [status, title]]) => ({ code, status, title }));

export const problem = (code: ProblemCode, detail: string, extensions: Record<string, unknown> = {}): Problem => {
  const [status, title] = titles[code];
  return { type: `urn:ipledger:problem:${code}`, title, status, code, detail, retriable: [408, 429, 503].includes(status), ...extensions };
};

/** A request that names a field with a value that cannot be. */
export const invalidRequest = (field: string, value: unknown, why: string): ProblemError =>
  new ProblemError(problem('invalid_request', `${field}: ${JSON.stringify(value)} ${why}`, { problems: [{ field, value, why }] }));

/** A whole number from a query. @throws ProblemError when it is none, or out of bounds */
export const wholeNumberIn = (query: unknown, name: string, bounds: { min: number; max: number; otherwise: number }): number => {
  const text = (query as Record<string, unknown>)[name];
  if (text === undefined) return bounds.otherwise;
  const value = typeof text === 'string' && /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (value >= bounds.min && value <= bounds.max) return value;
  throw invalidRequest(name, text, `is not a whole number from ${bounds.min} to ${bounds.max}`);
};
