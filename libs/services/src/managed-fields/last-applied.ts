import { decodeService } from '../codec/decode-service.js';
import { emptyObject, isJsonObject, readJson, type JsonObject, type JsonValue } from '../codec/json-reader.js';
import { goJson } from '../field-error.js';
import type { ObjectMeta } from '../service.js';
import { difference, isEmptySet, type FieldSet } from './field-set.js';
import { serviceShape } from './shape.js';
import type { Applied } from './apply.js';
import { compareTrees, fieldsIn } from './trees.js';

/** Where kubectl's client-side apply keeps the last manifest. */
const annotation = 'kubectl.kubernetes.io/last-applied-configuration';

/** The only manager for whom the annotation counts: an object moves from client-side to server-side apply by kubectl itself. */
export const annotatingManager = 'kubectl';

/**
 * The conflicts that are left when fields which kubectl applied from the client side, and which still have that value, are
 * its own to take. All of them when there is no such annotation, or when it holds no v1 Service.
 * @see managedfields/internal/lastappliedmanager.go, Kubernetes v1.37.2
 */
export const conflictsBeyondLastApplied = (conflicts: Applied['conflicts'], live: JsonObject): Applied['conflicts'] => {
  const allowed = allowedFields(live);
  return conflicts.map(({ entry, fields }) => ({ entry, fields: difference(fields, allowed) })).filter(({ fields }) => !isEmptySet(fields));
};

const allowedFields = (live: JsonObject): FieldSet => {
  const last = lastConfiguration(live);
  if (last === undefined) return {};
  const { taken, removed } = compareTrees(serviceShape, last, live);
  return difference(difference(fieldsIn(serviceShape, last) ?? {}, taken), removed);
};

const lastConfiguration = (live: JsonObject): JsonValue | undefined => {
  const text = isJsonObject(live.metadata) && isJsonObject(live.metadata.annotations) ? live.metadata.annotations[annotation] : undefined;
  if (typeof text !== 'string' || text === '') return undefined;
  const json = readJson(text);
  if ('failure' in json || !isJsonObject(json.value) || json.value.apiVersion !== 'v1' || json.value.kind !== 'Service') return undefined;
  const decoded = decodeService(json.value, []);
  return 'failure' in decoded || decoded.strict.length > 0 ? undefined : json.value;
};

/** Where the annotation is, it follows what kubectl applies, so that both kinds of apply can be used in turn. Changes `metadata`. */
export const keepAnnotation = (metadata: ObjectMeta, configuration: JsonObject): void => {
  if (!metadata.annotations?.[annotation]) return;
  metadata.annotations = Object.assign(emptyObject(), metadata.annotations, { [annotation]: `${goJson(inOrder(configuration))}\n` });
};

const inOrder = (value: JsonValue): JsonValue => {
  if (Array.isArray(value)) return value.map(inOrder);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, inOrder(value[key] ?? null)]));
};
