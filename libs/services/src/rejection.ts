import type { Family } from '@ipledger/ip';
import type { FieldError } from './field-error.js';

/**
 * Every refusal of the domain, as a value. A refused command changes nothing and leaves no trace. HTTP codes and texts of
 * the two surfaces are made from these in one place each (`status.ts` for the Kubernetes API, `problem.ts` for `/v1`).
 */
export type Rejection = ServiceRejection | ClusterRejection;

export type ServiceRejection =
  /** The object breaks rules; upstream's aggregated list. 422 `Invalid`. */
  | { code: 'invalid'; name: string; errors: readonly FieldError[] }
  /** No pool of the family has a free address. 500 `InternalError`, as upstream. */
  | { code: 'addresses_exhausted'; name: string; family: Family }
  /** Nothing free in the node port range. 500 `InternalError`. */
  | { code: 'node_ports_exhausted' }
  /** The health check port cannot be had. 500 `InternalError` (not 422: upstream wraps it so). */
  | { code: 'health_check_port_refused'; port: number; detail: string }
  | { code: 'already_exists'; name: string; beingDeleted: boolean; generated: boolean }
  | { code: 'not_found'; name: string }
  /** The resourceVersion in the object is not the current one. 409 `Conflict`. */
  | { code: 'stale_revision'; name: string }
  /** The uid in a PUT body is not the stored one; `stored` is empty when there is no such Service. 409 `Conflict`. */
  | { code: 'uid_mismatch'; namespace: string; name: string; given: string; stored: string; dryRun: boolean }
  /** An applied configuration names a uid, and there is no such Service. 409 `Conflict`. */
  | { code: 'uid_unknown'; name: string; given: string }
  /** Others own fields that an apply changes, and it does not force. 409 `Conflict` with a cause for each. */
  | { code: 'apply_conflict'; conflicts: readonly FieldConflict[] }
  /** A precondition of a DELETE does not hold. 409 `Conflict`. */
  | { code: 'precondition_failed'; name: string; what: 'UID' | 'ResourceVersion'; given: string; stored: string }
  /** A Service that runs elsewhere cannot be taken over: every reason. */
  | { code: 'import_conflict'; name: string; conflicts: readonly string[] }
  | { code: 'bad_request'; message: string }
  /** A JSON patch operation failed. 422 with empty details. */
  | { code: 'patch_failed' }
  /** The patched object does not decode. 422 on `patch`. */
  | { code: 'patch_undecodable'; error: FieldError }
  | { code: 'too_many_operations'; given: number };

/** `manager`: quoted, with what tells it from others of its name; `field`: the path, with its leading dot. */
export interface FieldConflict {
  manager: string;
  field: string;
}

export type ClusterRejection =
  | { code: 'cluster_exists'; cluster: string }
  | { code: 'cluster_not_found'; cluster: string }
  | { code: 'cluster_not_empty'; cluster: string; services: number; first: readonly string[] }
  /** `field` is a JSON path of the request; `value` what stood there. */
  | { code: 'cluster_invalid'; problems: readonly { field: string; value: unknown; why: string }[] }
  | { code: 'cidr_not_found'; cluster: string; cidr: string }
  | { code: 'cidr_last'; cluster: string; cidr: string }
  | { code: 'reservation_exists'; cluster: string; reservation: string }
  | { code: 'reservation_not_found'; cluster: string; reservation: string }
  /** Another reservation has some of the addresses. */
  | { code: 'reservation_overlaps'; cluster: string; other: string }
  | { code: 'reservations_too_many'; cluster: string; kind: 'addresses' | 'ranges'; max: number }
  /** A Service that is to take a reserved address names no address of the reservation. */
  | { code: 'reservation_unused'; cluster: string; reservation: string }
  /** The one address to be reserved is held by a Service. */
  | { code: 'address_held'; cluster: string; address: string }
  /** No open pool of the family has a free address to reserve. */
  | { code: 'pools_exhausted'; cluster: string; family: Family }
  | { code: 'lb_pool_exists'; pool: string }
  | { code: 'lb_pool_not_found'; pool: string }
  | { code: 'lb_range_not_found'; pool: string; range: string }
  /** As `cluster_invalid`. */
  | { code: 'lb_pool_invalid'; problems: readonly { field: string; value: unknown; why: string }[] }
  /** Held addresses would be in no range of the pool. `first` has the lowest ones. */
  | { code: 'lb_pool_in_use'; pool: string; held: number; first: readonly string[] }
  /** Held addresses would lie outside every CIDR. `first` has the lowest ones. */
  | { code: 'cidr_in_use'; cluster: string; held: number; first: readonly string[] };

/** Thrown inside a decision to leave it; `decide` turns it into its value. Never crosses the module's border. */
export class Refusal extends Error {
  /** @param warnings what the caller is told all the same: the object was valid, something else was not */
  constructor(readonly rejection: Rejection, readonly warnings: readonly string[] = []) {
    super(rejection.code);
  }
}

export const refuse = (rejection: Rejection, warnings: readonly string[] = []): never => {
  throw new Refusal(rejection, warnings);
};

export const refuseInvalid = (name: string | undefined, errors: readonly FieldError[]): void => {
  if (errors.length > 0) refuse({ code: 'invalid', name: name ?? '', errors });
};

/** Warnings about the request itself go out before those about the object, and with a refusal too. */
export const withWarnings = <Result extends { warnings: readonly string[] }>(warnings: readonly string[], decide: () => Result): Result => {
  try {
    const result = decide();
    return { ...result, warnings: [...warnings, ...result.warnings] };
  } catch (error) {
    if (error instanceof Refusal) refuse(error.rejection, [...warnings, ...error.warnings]);
    throw error;
  }
};
