import { invalid, readDeleteOptions, type DeletionOptions } from '@ipledger/services';
import type { FastifyRequest } from 'fastify';
import { idempotencyKeyProblem } from '../request-context.js';
import { bodyOf, queryOf, readBody } from './request.js';
import { badRequest, invalidStatus, type StatusAnswer } from './status.js';
import { StatusError } from './status-error.js';

const unsafe = 'ignoreStoreReadErrorWithClusterBreakingPotential';

/** A whole collection is not deleted unread. */
export const unsafeCollection = (): StatusAnswer =>
  invalidStatus('DeleteOptions', '', [invalid(unsafe, true, 'is not allowed with DELETECOLLECTION, try again after removing the option')], 'meta.k8s.io');

/** What a DELETE asks for, in its body or, without one, in its query. `isUnsafe`: even when the object cannot be read. @throws StatusError 415, 422, 400 */
export const deletionRequest = (request: FastifyRequest): { options: DeletionOptions; dryRun: boolean; isUnsafe: boolean } => {
  const keyProblem = idempotencyKeyProblem(request);
  if (keyProblem !== undefined) throw new StatusError(badRequest(keyProblem));
  const body = bodyOf(request).length === 0 ? undefined : readBody(request).text;
  const read = readDeleteOptions(body, queryOf(request));
  if ('badRequest' in read) throw new StatusError(badRequest(read.badRequest));
  if ('invalid' in read) throw new StatusError(invalidStatus('DeleteOptions', '', read.invalid, 'meta.k8s.io'));
  return { options: read.options, dryRun: (read.options.dryRun?.length ?? 0) > 0, isUnsafe: read.options[unsafe] === true };
};
