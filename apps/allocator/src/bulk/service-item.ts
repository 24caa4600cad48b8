import { isJsonObject, readDeleteOptions, type JsonObject, type JsonValue, type ServiceCommand } from '@ipledger/services';
import { patchFormats } from '../kubernetes/patch-request.js';
import { orderBasis, serviceIn, type WriteOptions } from '../kubernetes/request.js';
import { badRequest, invalidStatus, status } from '../kubernetes/status.js';
import { StatusError } from '../kubernetes/status-error.js';

/** What one item of a bulk request asks for: one of these, as a request of its own would. */
const kinds = ['create', 'replace', 'patch', 'delete'] as const;
type Kind = (typeof kinds)[number];

export interface ServiceItem {
  command: ServiceCommand;
  warnings: readonly string[];
}

/**
 * The command that an item stands for.
 * @param duplicates paths within the item that stood twice
 * @throws StatusError 400, 415, 422
 */
export const serviceItem = (item: JsonValue, duplicates: readonly string[], options: WriteOptions): ServiceItem => {
  if (!isJsonObject(item)) throw new StatusError(badRequest(`an item is an object with one of ${kinds.join(', ')}`));
  const [kind, ...more] = Object.keys(item);
  if (kind === undefined || more.length > 0 || !isKind(kind))
    throw new StatusError(badRequest(`an item has exactly one of ${kinds.join(', ')}; this one has ${kind === undefined ? 'nothing' : [kind, ...more].slice(0, 5).join(', ')}`));
  const body = item[kind] ?? null;
  const inside = duplicates.map((path) => path.slice(kind.length + 1));
  if (inside.includes('')) throw new StatusError(badRequest(`the item has ${kind} twice`));
  return makers[kind](body, inside, options);
};

const isKind = (text: string): text is Kind => (kinds as readonly string[]).includes(text);

const ofService = (kind: 'create' | 'replace') => (body: JsonValue, duplicates: string[], options: WriteOptions): ServiceItem => {
  const { service, warnings } = serviceIn({ value: body, duplicates }, options.fieldValidation);
  const { namespace = defaultNamespace, name } = service.metadata;
  const basis = orderBasis(namespace, options);
  if (kind === 'create') return { warnings, command: { type: 'CreateService', ...basis, service } };
  if (name === undefined) throw new StatusError(badRequest('replace.metadata.name: name must be provided'));
  return { warnings, command: { type: 'UpdateService', ...basis, name, subresource: null, change: { kind: 'replace', service } } };
};

const makers: Record<Kind, (body: JsonValue, duplicates: string[], options: WriteOptions) => ServiceItem> = {
  create: ofService('create'),
  replace: ofService('replace'),
  patch: (body, duplicates, options) => {
    const given = members('patch', body, ['namespace', 'name', 'contentType', 'body'], duplicates);
    const { namespace, name } = target('patch', given);
    const type = given['contentType'];
    const format = typeof type === 'string' && Object.hasOwn(patchFormats, type) ? patchFormats[type] : undefined;
    if (format === undefined || format === 'apply')
      throw new StatusError(status(415, 'UnsupportedMediaType', `patch.contentType: ${JSON.stringify(type ?? null)} is not one of ${itemPatchTypes.join(', ')}`));
    const inPatch = duplicates.flatMap((path) => (path.startsWith('body') ? [path.slice('body.'.length)] : []));
    const change = { kind: 'patch', format, patch: given['body'] ?? null, duplicates: inPatch, fieldValidation: options.fieldValidation } as const;
    return { warnings: [], command: { type: 'UpdateService', ...orderBasis(namespace, options), name, subresource: null, change } };
  },
  delete: (body, duplicates, { dryRun }) => {
    const given = members('delete', body, ['namespace', 'name', 'preconditions'], duplicates);
    const { namespace, name } = target('delete', given);
    const preconditions = given['preconditions'];
    const read = readDeleteOptions(preconditions === undefined ? undefined : { value: { preconditions }, duplicates: [] }, new URLSearchParams());
    if ('badRequest' in read) throw new StatusError(badRequest(read.badRequest));
    if ('invalid' in read) throw new StatusError(invalidStatus('DeleteOptions', '', read.invalid, 'meta.k8s.io'));
    return { warnings: [], command: { type: 'DeleteService', ...orderBasis(namespace, { dryRun, fieldManager: '' }), name, options: read.options } };
  },
};

/** Server-side apply is not among them: its conflicts want an answer from who applies. */
export const itemPatchTypes = Object.keys(patchFormats).filter((type) => patchFormats[type] !== 'apply');
const defaultNamespace = 'default';

/** The members of an order of ours, of which none may be unknown or stand twice; what lies inside a patch is the patch's own. */
const members = (kind: Kind, body: JsonValue, known: readonly string[], duplicates: readonly string[]): JsonObject => {
  if (!isJsonObject(body)) throw new StatusError(badRequest(`${kind}: an object with ${known.join(', ')} is needed`));
  const unknown = Object.keys(body).find((key) => !known.includes(key));
  if (unknown !== undefined) throw new StatusError(badRequest(`${kind}.${unknown.slice(0, 60)}: is not known; ${kind} has ${known.join(', ')}`));
  const twice = duplicates.find((path) => !path.startsWith('body.') && !path.startsWith('body['));
  if (twice !== undefined) throw new StatusError(badRequest(`${kind}.${twice}: stands twice`));
  return body;
};

const target = (kind: Kind, { namespace = defaultNamespace, name }: JsonObject): { namespace: string; name: string } => {
  if (typeof namespace !== 'string' || namespace === '') throw new StatusError(badRequest(`${kind}.namespace: ${JSON.stringify(namespace)} is no name`));
  if (typeof name !== 'string' || name === '') throw new StatusError(badRequest(`${kind}.name: name must be provided`));
  return { namespace, name };
};
