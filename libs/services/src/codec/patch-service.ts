import type { ServicePatch } from '../commands.js';
import { goQuote, invalid } from '../field-error.js';
import { refuse } from '../rejection.js';
import type { ObjectMeta, ServiceObject } from '../service.js';
import { applyStaticDefaults } from '../static-defaults.js';
import { decodeMergedService, decodeService, type Undecodable } from './decode-service.js';
import { encodeService } from './encode-service.js';
import { isJsonObject, readJson, type JsonObject, type JsonValue } from './json-reader.js';
import { applyJsonPatch, applyMergePatch } from './patches.js';
import { applyStrategicPatch } from './strategic-patch.js';

/**
 * The stored Service with a patch applied, decoded and statically defaulted, and the warnings about unknown and duplicate
 * fields. Changes neither argument. The result keeps the stored resourceVersion unless the patch sets another.
 * @param target namespace and name of the URL
 * @throws Refusal `bad_request` (a patch of the wrong shape, another name or namespace), `too_many_operations`,
 *   `patch_failed` (an operation cannot be applied), `patch_undecodable` (the result is no Service, or `Strict` found fields)
 * @see staging/src/k8s.io/apiserver/pkg/endpoints/handlers/patch.go, Kubernetes v1.37.2
 */
export const patchService = (
  stored: ServiceObject, patch: ServicePatch, target: { namespace: string; name: string },
): { service: ServiceObject; warnings: string[] } => {
  const tree = treeOf(stored);
  const { decoded, shown, notes, hasVersion } = formats[patch.format](tree, patch);
  if ('failure' in decoded) return refuse({ code: 'patch_undecodable', error: invalid('patch', shown(), decoded.upstream) });
  const strict = patch.fieldValidation === 'Ignore' ? [] : [...notes, ...decoded.strict];
  if (patch.fieldValidation === 'Strict' && strict.length > 0) {
    refuse({ code: 'patch_undecodable', error: invalid('patch', shown(), `strict decoding error: ${strict.join(', ')}`) });
  }
  if (!hasVersion) badRequest(nameless(target.name));
  checkIdentity(decoded.service.metadata, target);
  return { service: applyStaticDefaults(decoded.service), warnings: strict };
};

/** A Service as the tree that patches are laid over. */
export const treeOf = (service: ServiceObject): JsonObject => {
  const json = readJson(encodeService(service));
  if ('failure' in json || !isJsonObject(json.value)) throw new Error(`an encoded Service cannot be read: ${JSON.stringify(json).slice(0, 200)}`);
  return json.value;
};

interface Patched {
  decoded: { service: ServiceObject; strict: string[] } | Undecodable;
  /** What upstream shows as the invalid value: the patched object as JSON, or a strategic patch in Go's `%+v`. */
  shown: () => string;
  /** Unknown and duplicate fields of the patch itself. */
  notes: string[];
  /** Without an apiVersion upstream reads the object in no version, and finds nothing in it. */
  hasVersion: boolean;
}

const merge = (tree: JsonObject, { patch, duplicates }: ServicePatch): Patched => {
  if (!isJsonObject(patch)) return badRequest('a merge patch is an object');
  return decodeTree(applyMergePatch(tree, patch), duplicateNotes(duplicates));
};

const json = (tree: JsonObject, { patch, duplicates }: ServicePatch): Patched => {
  const result = applyJsonPatch(tree, patch);
  if ('value' in result) {
    return decodeTree(result.value, [...unknownMembers(patch), ...duplicateNotes(duplicates)].map((note) => `json patch ${note}`));
  }
  switch (result.failure) {
    case 'malformed':
      return badRequest(result.detail);
    case 'too-many':
      return refuse({ code: 'too_many_operations', given: Array.isArray(patch) ? patch.length : 0 });
    case 'failed':
      return refuse({ code: 'patch_failed' });
  }
};

const strategic = (tree: JsonObject, { patch, duplicates }: ServicePatch): Patched => {
  const result = applyStrategicPatch(tree, patch);
  if ('failure' in result) return result.failure === 'malformed' ? badRequest(result.detail) : refuse({ code: 'patch_failed' });
  return { decoded: decodeMergedService(result.value), shown: () => goPrint(result.patch), notes: duplicateNotes(duplicates), hasVersion: true };
};

const formats = { merge, json, strategic };

const badRequest = (message: string): never => refuse({ code: 'bad_request', message });

const decodeTree = (tree: JsonValue, notes: string[]): Patched =>
  ({ decoded: decodeService(tree, []), shown: () => goJsonText(tree), notes, hasVersion: !isJsonObject(tree) || (tree.apiVersion ?? '') !== '' });


const duplicateNotes = (duplicates: readonly string[]): string[] => duplicates.map((path) => `duplicate field ${goQuote(path)}`);

const operationMembers = new Set(['op', 'path', 'from', 'value']);

const unknownMembers = (patch: JsonValue): string[] =>
  (Array.isArray(patch) ? patch : []).flatMap((operation, i) =>
    Object.keys(operation ?? {})
      .filter((member) => !operationMembers.has(member))
      .map((member) => `unknown field ${goQuote(`[${i}].${member}`)}`),
  ).slice(0, 100);

/** JSON as Go writes it: these characters are escaped. */
const goJsonText = (value: JsonValue): string =>
  JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** Go's `%+v` of untyped JSON: `map[spec:map[ports:[80 81]]]`, keys sorted. */
const goPrint = (value: JsonValue): string => {
  if (value === null) return '<nil>';
  if (Array.isArray(value)) return `[${value.map(goPrint).join(' ')}]`;
  if (!isJsonObject(value)) return String(value);
  return `map[${Object.keys(value).sort().map((key) => `${key}:${goPrint(value[key] ?? null)}`).join(' ')}]`;
};

const nameless = (name: string): string => `the name of the object (${name} based on URL) was undeterminable: name must be provided`;

/** A patch may not move a Service. An emptied namespace is that of the URL; an emptied name is refused. @throws Refusal `bad_request` */
export const checkIdentity = (metadata: ObjectMeta, { namespace, name }: { namespace: string; name: string }): void => {
  metadata.namespace ??= namespace;
  if (metadata.namespace !== namespace) {
    badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  if (metadata.name === undefined) badRequest(nameless(name));
  if (metadata.name !== name) badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${name})`);
};
