import { readJsonBytes, type ServicePatch, type UpdateService } from '@ipledger/services';
import type { FastifyRequest } from 'fastify';
import { bodyOf, mediaType, writeOptions, type WriteOptions } from './request.js';
import { badRequest, status } from './status.js';
import { StatusError } from './status-error.js';

const formats: Record<string, ServicePatch['format']> = {
  'application/merge-patch+json': 'merge',
  'application/json-patch+json': 'json',
  'application/strategic-merge-patch+json': 'strategic',
};

/** Content types that a PATCH may have. */
export const patchTypes = Object.keys(formats);

/** A PATCH as a change. @throws StatusError 415, 422, 400 */
export const patchRequest = (request: FastifyRequest): { change: UpdateService['change']; options: WriteOptions } => {
  const format = formats[mediaType(request)];
  if (format === undefined) throw new StatusError(status(415, 'UnsupportedMediaType', '415: Unsupported Media Type', {}));
  const options = writeOptions(request, 'PatchOptions');
  const parsed = readJsonBytes(bodyOf(request));
  if ('failure' in parsed) throw new StatusError(badRequest(`the patch is not JSON: ${parsed.failure}`));
  return { change: { kind: 'patch', format, patch: parsed.value, duplicates: parsed.duplicates, fieldValidation: options.fieldValidation }, options };
};
