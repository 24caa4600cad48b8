import { leaf, serviceShape, type Shape } from '../managed-fields/shape.js';
import { itemElement } from '../managed-fields/trees.js';
import { refuse } from '../rejection.js';
import { decodeService } from './decode-service.js';
import { childPath, isJsonObject, type JsonObject, type JsonValue } from './json-reader.js';

/**
 * The body of a server-side apply as a configuration of a v1 Service.
 * @throws Refusal `bad_request`: another kind or version, managedFields, fields that a Service does not have, values of the wrong
 *   type, two items of a list with one key. Unknown fields are refused whatever `fieldValidation` says.
 */
export const readConfiguration = (body: JsonValue): JsonObject => {
  if (!isJsonObject(body)) return badRequest('an apply configuration is an object with apiVersion "v1" and kind "Service"');
  for (const [name, expected] of [['kind', 'Service'], ['apiVersion', 'v1']] as const) {
    if (body[name] !== expected) badRequest(`${name}: found ${shown(body[name])}, expected ${JSON.stringify(expected)}: an apply configuration names both`);
  }
  if (isJsonObject(body.metadata) && (body.metadata.managedFields ?? null) !== null) badRequest('metadata.managedFields must be nil');
  const decoded = decodeService(body, []);
  if ('failure' in decoded) return badRequest(`the configuration is no Service: ${decoded.failure}`);
  if (decoded.strict.length > 0) badRequest(`the configuration has fields that a Service does not have: ${decoded.strict.join(', ')}`);
  checkLists(serviceShape, body, '');
  return body;
};

const badRequest = (message: string): never => refuse({ code: 'bad_request', message });

const shown = (value: JsonValue | undefined): string => (value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 60));

/** Items are told apart by their keys, so each needs its own (a live list may have some twice, a configuration not). */
const checkLists = (shape: Shape, value: JsonValue, path: string): void => {
  if (Array.isArray(value)) {
    if (shape.kind === 'set' || shape.kind === 'keyed') checkItems(shape, value, path);
  } else if (isJsonObject(value) && shape.kind === 'struct') {
    for (const key in value) checkLists(shape.fields[key] ?? leaf, value[key] ?? null, childPath(path, key));
  }
};

const checkItems = (shape: Shape, items: readonly JsonValue[], path: string): void => {
  const seen = new Map<string, number>();
  items.forEach((item, i) => {
    if (item === null) badRequest(`${path}[${i}]: null is no item of this list; leave it out`);
    const key = itemElement(shape, item);
    const first = seen.get(key);
    if (first !== undefined) badRequest(`${path}[${i}]: has the same key as ${path}[${first}] (${key.slice(2)}); each item of this list needs its own`);
    seen.set(key, i);
  });
};
