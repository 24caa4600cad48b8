import { readDeleteOptions, type DeletionOptions } from '@ipledger/services';
import type { FastifyRequest } from 'fastify';
import { idempotencyKeyProblem } from '../request-context.js';
import { bodyOf, queryOf, readBody } from './request.js';
import { badRequest, invalidStatus } from './status.js';
import { StatusError } from './status-error.js';

/** What a DELETE asks for, in its body or, without one, in its query. @throws StatusError 415, 422, 400 */
export const deletionRequest = (request: FastifyRequest): { options: DeletionOptions; dryRun: boolean } => {
  const keyProblem = idempotencyKeyProblem(request);
  if (keyProblem !== undefined) throw new StatusError(badRequest(keyProblem));
  const body = bodyOf(request).length === 0 ? undefined : readBody(request).text;
  const read = readDeleteOptions(body, queryOf(request));
  if ('badRequest' in read) throw new StatusError(badRequest(read.badRequest));
  if ('invalid' in read) throw new StatusError(invalidStatus('DeleteOptions', '', read.invalid, 'meta.k8s.io'));
  return { options: read.options, dryRun: (read.options.dryRun?.length ?? 0) > 0 };
};
