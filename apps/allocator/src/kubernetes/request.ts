import { randomUUID } from 'node:crypto';
import { applyStaticDefaults, decodeService, decodeWriteOptions, readJsonBytes, readProtobuf, type JsonText, type JsonValue, type ServiceObject } from '@ipledger/services';
import type { FastifyRequest } from 'fastify';
import { header, idempotencyKeyProblem } from '../request-context.js';
import { newSeed } from '../writer/random.js';
import { isContentType } from './media-type.js';
import { badRequest, invalidStatus, status } from './status.js';
import { StatusError } from './status-error.js';
import { readYamlBytes } from './yaml-body.js';

/** Options of a write, from the query. */
export interface WriteOptions {
  dryRun: boolean;
  /** As given, else the User-Agent up to its first `/`, else `unknown`. */
  fieldManager: string;
  fieldValidation: 'Strict' | 'Warn' | 'Ignore';
  /** Of an apply: take fields that others own. */
  force?: boolean;
}

export interface ParsedBody {
  value: JsonValue;
  /** Paths that stood twice; the last one wins. */
  duplicates: string[];
}

/** How a body is read, by its content type; without one it is JSON. */
const bodyReaders = new Map<string, { name: string; read: (bytes: Uint8Array) => JsonText }>([
  ['', { name: 'JSON', read: readJsonBytes }],
  ['application/json', { name: 'JSON', read: readJsonBytes }],
  ['application/yaml', { name: 'YAML', read: readYamlBytes }],
  ['application/vnd.kubernetes.protobuf', { name: 'protobuf', read: readProtobuf }],
]);
const objectTypes = [...bodyReaders.keys()].filter((type) => type !== '').join(', ');

/** Media type without parameters, lower case; "" when the header is missing; as sent when it cannot be read. */
export const mediaType = (request: FastifyRequest): string => {
  const sent = header(request, 'content-type') ?? '';
  if (sent === 'application/json' || sent === '') return sent;
  return isContentType(sent) ? sent.split(';', 1)[0]?.trim().toLowerCase() ?? '' : sent;
};

/** What every write checks before it looks at its body. */
export const writeOptions = (request: FastifyRequest, kind: 'CreateOptions' | 'UpdateOptions' | 'PatchOptions', isApply = false): WriteOptions => {
  const keyProblem = idempotencyKeyProblem(request);
  if (keyProblem !== undefined) throw new StatusError(badRequest(keyProblem));
  const options = decodeWriteOptions(kind, queryOf(request), isApply);
  if ('badRequest' in options) throw new StatusError(badRequest(options.badRequest));
  if ('invalid' in options) throw new StatusError(invalidStatus(kind, '', options.invalid, 'meta.k8s.io'));
  return { ...options, fieldManager: options.fieldManager || defaultManager(request) };
};

const managerCharsMax = 128;
export const defaultManager = (request: FastifyRequest): string => (header(request, 'user-agent') ?? '').split('/', 1)[0]?.slice(0, managerCharsMax) || 'unknown';

/** The query as Go reads it: a pair with a `;` or a broken escape in it is dropped, not taken as it stands. */
export const queryOf = (request: FastifyRequest): URLSearchParams => {
  const at = request.url.indexOf('?');
  const text = at < 0 ? '' : request.url.slice(at + 1);
  return new URLSearchParams(/[;%]/.test(text) ? text.split('&').filter((pair) => !/;|%(?![0-9a-f]{2})/i.test(pair)).join('&') : text);
};

/** The body of a request in any type that objects come in. @throws StatusError 415 */
export const readBody = (request: FastifyRequest): { name: string; text: JsonText } => {
  const reader = bodyReaders.get(mediaType(request));
  if (reader === undefined)
    throw new StatusError(status(415, 'UnsupportedMediaType', `the body of the request was in an unknown format - accepted media types include: ${objectTypes}`));
  return { name: reader.name, text: reader.read(bodyOf(request)) };
};

/** The body of a POST or PUT as a tree. @throws StatusError 415, 400 */
export const readObjectBody = (request: FastifyRequest): ParsedBody => {
  const { name, text } = readBody(request);
  if ('failure' in text) throw new StatusError(badRequest(`the body is not ${name}: ${text.failure}`));
  return text;
};

export const bodyOf = (request: FastifyRequest): Uint8Array => (request.body instanceof Uint8Array ? request.body : new Uint8Array());

/** The Service in a body, with the warnings that its unknown and repeated fields are worth. @throws StatusError 400 */
export const serviceBody = (request: FastifyRequest, options: WriteOptions): { service: ServiceObject; warnings: string[] } =>
  serviceIn(readObjectBody(request), options.fieldValidation);

/** The same of a tree. @throws StatusError 400 */
export const serviceIn = ({ value, duplicates }: ParsedBody, fieldValidation: WriteOptions['fieldValidation']): { service: ServiceObject; warnings: string[] } => {
  const decoded = decodeService(value, duplicates);
  const prefix = 'Service in version "v1" cannot be handled as a Service';
  if ('failure' in decoded) throw new StatusError(badRequest(`${prefix}: ${decoded.failure}`));
  if (fieldValidation === 'Strict' && decoded.strict.length > 0)
    throw new StatusError(badRequest(`${prefix}: strict decoding error: ${decoded.strict.join(', ')}`));
  return { service: applyStaticDefaults(decoded.service), warnings: fieldValidation === 'Warn' ? decoded.strict : [] };
};

/**
 * A name that could not be a part of a path, looked for when everything else about a request is well.
 * @throws StatusError 400
 * @see k8s.io/apimachinery/pkg/api/validation/path
 */
export const assertItemName = (name: string | undefined): void => {
  const problem = name === '.' || name === '..' ? `may not be '${name}'` : name?.includes('%') ? "may not contain '%'" : undefined;
  if (problem !== undefined) throw new StatusError(badRequest(`Name parameter invalid: ${JSON.stringify(name)}: ${problem}`));
};

/** What the edge adds to every Service command: the time, randomness, a uid should one be needed. */
export const orderBasis = (namespace: string, { dryRun, fieldManager }: Pick<WriteOptions, 'dryRun' | 'fieldManager'>) => ({ namespace, dryRun, fieldManager, time: new Date(), seed: newSeed(), newUid: randomUUID() });

/** @see k8s.io/apiserver/pkg/endpoints/handlers/rest.go checkName */
export const assertSameObject = (service: ServiceObject, namespace: string, name: string | undefined, warnings: readonly string[] = []): void => {
  const given = service.metadata;
  const refuse = (message: string): never => {
    throw new StatusError(badRequest(message), warnings);
  };
  if (name !== undefined && given.name === undefined)
    refuse(`the name of the object (${name} based on URL) was undeterminable: name must be provided`);
  if (name !== undefined && given.name !== name)
    refuse(`the name of the object (${given.name}) does not match the name on the URL (${name})`);
  if (given.namespace !== undefined && given.namespace !== namespace)
    refuse('the namespace of the provided object does not match the namespace sent on the request');
};
