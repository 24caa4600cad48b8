import { decodeWriteOptions, isJsonObject, readJsonBytes, type JsonValue } from '@ipledger/services';
import type { FastifyRequest } from 'fastify';
import { invalidRequest } from '../clusters/requests.js';
import { bodyOf, defaultManager, mediaType, queryOf, type WriteOptions } from '../kubernetes/request.js';
import { problem, ProblemError } from '../problem.js';
import { idempotencyKeyProblem } from '../request-context.js';

export const batchItemsMax = 1_000;

/** The body of a batch that comes as one document. */
export interface Envelope {
  items: readonly RawItem[];
  atomic: boolean;
}
export interface RawItem {
  value: JsonValue;
  /** Paths within the item that stood twice. */
  duplicates: string[];
}

/** @throws ProblemError when it is no envelope; what is wrong inside an item is the item's own */
export const readEnvelope = (request: FastifyRequest): Envelope => {
  if (!['', 'application/json'].includes(mediaType(request)))
    throw new ProblemError(problem('unsupported_media_type', `the body is ${JSON.stringify(mediaType(request))}; send application/json, or application/x-ndjson with an item on each line`));
  const parsed = readJsonBytes(bodyOf(request));
  if ('failure' in parsed) throw new ProblemError(problem('invalid_request', `the body is not JSON: ${parsed.failure}`));
  if (!isJsonObject(parsed.value)) throw invalidRequest('the body', '', 'must be an object with items');
  const { items, atomic = false, ...more } = parsed.value;
  const unknown = Object.keys(more)[0];
  if (unknown !== undefined) throw invalidRequest(unknown.slice(0, 60), more[unknown] ?? null, 'is not known; a batch has items and atomic');
  if (typeof atomic !== 'boolean') throw invalidRequest('atomic', atomic, 'must be true or false');
  if (!Array.isArray(items)) throw invalidRequest('items', items ?? null, 'must be a list');
  if (items.length === 0 || items.length > batchItemsMax)
    throw new ProblemError(problem('invalid_request', `items: ${items.length} of them; a batch has 1 to ${batchItemsMax}, longer runs are sent as application/x-ndjson`));
  return { items: withDuplicates(items, parsed.duplicates), atomic };
};

const withDuplicates = (items: readonly JsonValue[], duplicates: readonly string[]): RawItem[] => {
  const raw = items.map((value): RawItem => ({ value, duplicates: [] }));
  for (const path of duplicates) {
    const [, index, inside = ''] = /^items\[(\d+)\]\.?(.*)$/s.exec(path) ?? [];
    const item = index === undefined ? undefined : raw[Number(index)];
    if (item === undefined) throw new ProblemError(problem('invalid_request', `the body names ${path} twice`));
    item.duplicates.push(inside);
  }
  return raw;
};

/** `dryRun`, `fieldManager` and `fieldValidation` from the query, as for a single Service. They hold for all items. @throws ProblemError */
export const batchOptions = (request: FastifyRequest): WriteOptions => {
  const keyProblem = idempotencyKeyProblem(request);
  if (keyProblem !== undefined) throw new ProblemError(problem('invalid_request', keyProblem));
  const options = decodeWriteOptions('CreateOptions', queryOf(request), false);
  if ('badRequest' in options) throw new ProblemError(problem('invalid_request', options.badRequest));
  if ('invalid' in options) throw new ProblemError(problem('invalid_request', options.invalid.map(({ field, message }) => `${field}: ${message}`).join('; ')));
  return { ...options, fieldManager: options.fieldManager || defaultManager(request) };
};
