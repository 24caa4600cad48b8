import { readJsonBytes, type JsonText, type ServicePatch, type UpdateService } from '@ipledger/services';
import type { FastifyRequest } from 'fastify';
import { header } from '../request-context.js';
import { bodyOf, writeOptions, type WriteOptions } from './request.js';
import { badRequest, status, type StatusAnswer } from './status.js';
import { StatusError } from './status-error.js';
import { readYamlBytes } from './yaml-body.js';

/** Content types that a PATCH may have, in upstream's order. */
export const patchFormats: Record<string, ServicePatch['format'] | 'apply'> = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
  'application/apply-patch+yaml': 'apply',
};

export const patchTypes = Object.keys(patchFormats);

/** A PATCH as a change. @throws StatusError 415, 422, 400 */
export const patchRequest = (request: FastifyRequest): { change: UpdateService['change']; options: WriteOptions } => {
  const type = patchType(request);
  const format = patchFormats[type];
  if (format === 'apply') return applyRequest(request);
  if (format === undefined) throw new StatusError(unsupported(type));
  const options = writeOptions(request, 'PatchOptions');
  const parsed = readJsonBytes(bodyOf(request));
  if ('failure' in parsed) throw new StatusError(badRequest(`the patch is not JSON: ${parsed.failure}`));
  return { change: { kind: 'patch', format, patch: parsed.value, duplicates: parsed.duplicates, fieldValidation: options.fieldValidation }, options };
};

/** As upstream reads it: in lower case only, up to the first `;`, a space before that included. */
const patchType = (request: FastifyRequest): string => (header(request, 'content-type') ?? '').split(';', 1)[0] ?? '';

const unsupported = (type: string): StatusAnswer =>
  patchTypes.includes(type.trim())
    ? status(415, 'UnsupportedMediaType', `the body of the request was in an unknown format - accepted media types include: ${patchTypes.join(', ')}`)
    : status(415, 'UnsupportedMediaType', '415: Unsupported Media Type', {});

const applyRequest = (request: FastifyRequest): { change: UpdateService['change']; options: WriteOptions } => {
  const options = writeOptions(request, 'PatchOptions', true);
  const parsed = readConfiguration(bodyOf(request));
  if ('failure' in parsed) throw new StatusError(badRequest(`the apply configuration is neither JSON nor YAML: ${parsed.failure}`));
  const { fieldValidation, force = false } = options;
  return { change: { kind: 'apply', configuration: parsed.value, duplicates: parsed.duplicates, fieldValidation, force }, options };
};

/** Most clients send JSON here, which is YAML, but much faster to read as what it is, and without YAML's bound. */
const readConfiguration = (body: Uint8Array): JsonText => {
  const json = readJsonBytes(body);
  return 'failure' in json ? readYamlBytes(body) : json;
};
