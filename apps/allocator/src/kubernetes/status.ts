import { goQuote, type FieldConflict, type FieldError, type Rejection } from '@ipledger/services';

/** A Kubernetes `Status`, and the HTTP code and headers that go with it. @see spec 0.2; k8s.io/apimachinery/pkg/api/errors */
export interface StatusAnswer {
  code: number;
  body: string;
  retryAfterSeconds?: number;
}

interface Details {
  name?: string;
  group?: string;
  kind?: string;
  causes?: { reason?: string; message: string; field?: string }[];
  retryAfterSeconds?: number;
}

export const status = (code: number, reason: string, message: string, details?: Details): StatusAnswer => ({
  code,
  body: JSON.stringify({
    kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, ...(reason !== '' && { reason }), ...(details && { details }), code,
  }),
  ...(details?.retryAfterSeconds !== undefined && { retryAfterSeconds: details.retryAfterSeconds }),
});

export const badRequest = (message: string): StatusAnswer => status(400, 'BadRequest', message);

/** 422 with one cause per error. `kind` and `group` are those of what was invalid: the Service, or the options of the request. */
export const invalidStatus = (kind: string, name: string, errors: readonly FieldError[], group = ''): StatusAnswer => {
  const texts = errors.map(({ field, message }) => `${field}: ${message}`);
  const subject = group === '' ? kind : `${kind}.${group}`;
  return status(422, 'Invalid', `${subject} ${JSON.stringify(name)} is invalid: ${texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`}`, {
    ...(name !== '' && { name }),
    ...(group !== '' && { group }),
    ...(kind !== '' && { kind }),
    causes: errors.map(({ field, reason, message }) => ({ reason, message, field })),
  });
};

/** @param resource plural; of another group than the core one with the group after a dot */
export const notFound = (name: string, resource = 'services'): StatusAnswer => {
  const [kind = '', ...group] = resource.split('.');
  return status(404, 'NotFound', `${resource} ${goQuote(name)} not found`, { name, ...(group.length > 0 && { group: group.join('.') }), kind });
};

export const clusterNotFound = (cluster: string): StatusAnswer =>
  status(404, 'NotFound', `clusters "${cluster}" not found`, { name: cluster, kind: 'clusters' });

/** The text for a path or subresource that does not exist under a group that does. */
export const noSuchResource = (): StatusAnswer => status(404, 'NotFound', 'the server could not find the requested resource', {});

export const methodNotAllowed = (): StatusAnswer =>
  status(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});

export const unauthorized = (): StatusAnswer => status(401, 'Unauthorized', 'Unauthorized');

/** @param about the resource asked for; null for a path that is none */
export const forbiddenStatus = (why: string, about: { name?: string; group?: string; resource?: string } | null): StatusAnswer => {
  if (about === null) return status(403, 'Forbidden', `forbidden: ${why}`, {});
  const { name, group = '', resource = '' } = about;
  const subject = `${resource}${group === '' ? '' : `.${group}`}${name === undefined ? '' : ` ${JSON.stringify(name)}`}`;
  return status(403, 'Forbidden', `${subject} is forbidden: ${why}`, { ...(name !== undefined && { name }), ...(group !== '' && { group }), kind: resource });
};

export const tooManyRequests = (message: string, retryAfterSeconds: number): StatusAnswer =>
  status(429, 'TooManyRequests', message, { retryAfterSeconds });

export const unavailable = (message: string, retryAfterSeconds: number): StatusAnswer =>
  status(503, 'ServiceUnavailable', message, { retryAfterSeconds });

export const internalError = (text: string): StatusAnswer =>
  status(500, 'InternalError', `Internal error occurred: ${text}`, { causes: [{ message: text }] });

export const requestDiffers = (key: string): StatusAnswer =>
  status(422, 'Invalid', `the Idempotency-Key ${JSON.stringify(key)} was used for a request with other content; use a new key for a new request`, {});

const conflict = (kind: string, name: string, why: string): StatusAnswer =>
  status(409, 'Conflict', `Operation cannot be fulfilled on ${kind} "${name}": ${why}`, { name, kind: kind === 'Service' ? 'Service' : 'services' });

/** What an unsafe deletion is told of an object that can be read after all, which every Service here can. */
export const readableObject = (namespace: string, name: string): StatusAnswer =>
  conflict('services', name, `StorageError: invalid object, Code: 4, Key: /registry/services/specs/${namespace}/${name}, ResourceVersion: 0, AdditionalErrorMsg: unsafe deletion is not allowed because the object is decodable from storage`);

/** The only map from a refusal of the domain to what the Kubernetes API answers. */
export const rejectionStatus = (rejection: Rejection, cluster: string): StatusAnswer => {
  switch (rejection.code) {
    case 'invalid':
      return invalidStatus('Service', rejection.name, rejection.errors);
    case 'addresses_exhausted':
      return internalError(`failed to allocate a serviceIP for Service "${rejection.name}": range is full`);
    case 'node_ports_exhausted':
      return internalError('failed to allocate a nodePort: range is full');
    case 'health_check_port_refused':
      return internalError(healthCheckText(rejection.port, rejection.detail));
    case 'already_exists':
      return alreadyExists(rejection.name, rejection.beingDeleted, rejection.generated);
    case 'not_found':
      return notFound(rejection.name);
    case 'stale_revision':
      return conflict('services', rejection.name, 'the object has been modified; please apply your changes to the latest version and try again');
    case 'uid_mismatch': {
      const key = `${rejection.dryRun ? '' : '/registry'}/services/specs/${rejection.namespace}/${rejection.name}`;
      return conflict('services', rejection.name, `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: ${rejection.given}, UID in object meta: ${rejection.stored}`);
    }
    case 'uid_unknown':
      return conflict('services', rejection.name, `uid mismatch: the provided object specified uid ${rejection.given}, and no existing object was found`);
    case 'apply_conflict':
      return applyConflict(rejection.conflicts);
    case 'precondition_failed':
      return conflict('Service', rejection.name, preconditionText(rejection.what, rejection.given, rejection.stored));
    case 'import_conflict':
      return conflict('services', rejection.name, rejection.conflicts.join('; '));
    case 'bad_request':
      return badRequest(rejection.message);
    case 'patch_failed':
      return status(422, 'Invalid', 'the server rejected our request due to an error in our request', {});
    case 'patch_undecodable':
      return invalidStatus('', '', [rejection.error]);
    case 'too_many_operations':
      return status(413, 'RequestEntityTooLarge', `Request entity too large: The allowed maximum operations in a JSON patch is 10000, got ${rejection.given}`);
    case 'cluster_not_found':
      return clusterNotFound(cluster);
    default:
      return internalError(`a Service command was refused with ${rejection.code}`);
  }
};

const applyConflict = (conflicts: readonly FieldConflict[]): StatusAnswer => {
  const lines = conflicts.flatMap(({ manager, field }, i) => (conflicts[i - 1]?.manager === manager ? [`- ${field}`] : [`conflicts with ${manager}:`, `- ${field}`]));
  const [only] = conflicts.length === 1 ? conflicts : [];
  const message = only === undefined ? `${conflicts.length} conflicts: ${lines.join('\n')}` : `1 conflict: conflict with ${only.manager}: ${only.field}`;
  return status(409, 'Conflict', `Apply failed with ${message}`, {
    causes: conflicts.map(({ manager, field }) => ({ reason: 'FieldManagerConflict', message: `conflict with ${manager}`, field })),
  });
};

const healthCheckText = (port: number, detail: string): string =>
  port === 0 ? `failed to allocate a HealthCheck NodePort 0: ${detail}` : `failed to allocate requested HealthCheck NodePort ${port}: ${detail}`;

const preconditionText = (what: 'UID' | 'ResourceVersion', given: string, stored: string): string =>
  `the ${what} in the precondition (${given}) does not match the ${what} in record (${stored}). The object might have been ${what === 'UID' ? 'deleted and then recreated' : 'modified'}`;

const alreadyExists = (name: string, beingDeleted: boolean, generated: boolean): StatusAnswer => {
  const suffix = generated ? ', the server was not able to generate a unique name for the object' : '';
  const prefix = beingDeleted ? 'object is being deleted: ' : '';
  return status(409, 'AlreadyExists', `${prefix}services "${name}" already exists${suffix}`, { name, kind: 'services', ...(generated && { retryAfterSeconds: 1 }) });
};
