import { readDeleteOptions, readJsonBytes, type DeletionOptions } from '@ipledger/services';
import type { FastifyRequest } from 'fastify';
import { idempotencyKeyProblem } from '../request-context.js';
import { bodyOf, mediaType, queryOf } from './request.js';
import { badRequest, invalidStatus, status } from './status.js';
import { StatusError } from './status-error.js';
import { readYamlBytes } from './yaml-body.js';

/** What a DELETE asks for, in its body or, without one, in its query. @throws StatusError 415, 422, 400 */
export const deletionRequest = (request: FastifyRequest): { options: DeletionOptions; dryRun: boolean } => {
  const keyProblem = idempotencyKeyProblem(request);
  if (keyProblem !== undefined) throw new StatusError(badRequest(keyProblem));
  const bytes = bodyOf(request);
  const type = mediaType(request);
  if (bytes.length > 0 && !['', 'application/json', 'application/yaml'].includes(type))
    throw new StatusError(status(415, 'UnsupportedMediaType', 'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf'));
  const body = bytes.length === 0 ? undefined : type === 'application/yaml' ? readYamlBytes(bytes) : readJsonBytes(bytes);
  const read = readDeleteOptions(body, queryOf(request));
  if ('badRequest' in read) throw new StatusError(badRequest(read.badRequest));
  if ('invalid' in read) throw new StatusError(invalidStatus('DeleteOptions', '', read.invalid, 'meta.k8s.io'));
  return { options: read.options, dryRun: (read.options.dryRun?.length ?? 0) > 0 };
};
