import { cloneJson, emptyObject, isJsonObject, type JsonObject, type JsonValue } from './json-reader.js';
import { elementKind, mergeInOrder, StrategicPatchFailure } from './strategic-order.js';

/*
 * Strategic merge patch for a Service: like a merge patch, but some lists are merged by key, and directives (`$patch`,
 * `$retainKeys`, `$setElementOrder/LIST`, `$deleteFromPrimitiveList/LIST`) say more than values can.
 *
 * @see k8s.io/apimachinery/pkg/util/strategicpatch/patch.go, Kubernetes v1.37.2
 */

/** A list that is merged: by `key`, or as a set of plain values when that is "". Any other list is replaced. */
interface MergedList {
  readonly key: string;
}

interface Schema {
  readonly maps: Readonly<Record<string, Schema>>;
  readonly lists: Readonly<Record<string, MergedList | 'replaced'>>;
}

const leaf: Schema = { maps: {}, lists: {} };

/** Lists of a Service and what merges them. That ports merge by number alone is upstream's well-known trap, kept. */
const serviceSchema: Schema = {
  maps: {
    metadata: {
      maps: { labels: leaf, annotations: leaf },
      lists: { ownerReferences: { key: 'uid' }, finalizers: { key: '' }, managedFields: 'replaced' },
    },
    spec: {
      maps: { selector: leaf, sessionAffinityConfig: { maps: { clientIP: leaf }, lists: {} } },
      lists: {
        ports: { key: 'port' }, clusterIPs: 'replaced', externalIPs: 'replaced', loadBalancerSourceRanges: 'replaced', ipFamilies: 'replaced',
      },
    },
    status: { maps: { loadBalancer: { maps: {}, lists: { ingress: 'replaced' } } }, lists: { conditions: { key: 'type' } } },
  },
  lists: {},
};

export type StrategicPatchResult =
  | { value: JsonObject; patch: JsonObject }
  | { failure: 'malformed' | 'failed'; detail: string };

/**
 * Changes neither argument. `null` as a patch changes nothing.
 * @returns the patched tree, and the patch as upstream prints it afterwards (without the directives that were used up).
 *   `malformed`: the patch breaks the rules of directives (400; a bare 500 upstream). `failed`: a list of lists (422)
 */
export const applyStrategicPatch = (target: JsonObject, patch: JsonValue): StrategicPatchResult => {
  const own = cloneJson(patch ?? emptyObject());
  if (!isJsonObject(own)) return { failure: 'malformed', detail: 'a strategic merge patch is an object' };
  try {
    return { value: mergeMap(cloneJson(target) as JsonObject, own, serviceSchema), patch: own };
  } catch (error) {
    if (error instanceof StrategicPatchFailure) return { failure: error.failure, detail: error.message };
    throw error;
  }
};

const malformed = (detail: string): never => {
  throw new StrategicPatchFailure('malformed', detail);
};

const directive = '$patch';
const retainKeys = '$retainKeys';
const deletePrefix = '$deleteFromPrimitiveList';
const orderPrefix = '$setElementOrder';
/** Two of the faults that upstream answers with a 400 in words of its own; for the others it has a bare 500. */
const badRetainKeys = 'invalid patch format of retainKeys';
const badPrimitiveList = 'invalid patch format of primitive list';

/** Merges in place; both arguments are private copies. */
const mergeMap = (target: JsonObject, patch: JsonObject, schema: Schema): JsonObject => {
  if (directive in patch) return replaceOrDelete(patch);
  applyRetainKeys(target, patch);
  for (const key of Object.keys(patch)) if (key.startsWith(orderPrefix)) applyElementOrder(target, patch, key, schema);
  for (const key of Object.keys(patch)) {
    const isDeletion = key.startsWith(deletePrefix);
    mergeMember(target, isDeletion ? listNameIn(key) : key, patch[key] ?? null, isDeletion, schema);
  }
  return target;
};

const replaceOrDelete = (patch: JsonObject): JsonObject => {
  const what = patch[directive];
  if (what === 'delete') return emptyObject();
  if (what !== 'replace') malformed(`unknown $patch directive ${shown(what)} in an object: expected "replace" or "delete"`);
  delete patch[directive];
  return patch;
};

const mergeMember = (target: JsonObject, key: string, given: JsonValue, isDeletion: boolean, schema: Schema): void => {
  if (given === null) {
    delete target[key];
    return;
  }
  const own = target[key];
  if (isJsonObject(own) && isJsonObject(given)) target[key] = mergeMap(own, given, schemaOf(schema, key));
  else if (Array.isArray(own) && Array.isArray(given)) target[key] = mergeList(own, given, listRule(schema, key), isDeletion);
  else if (!isDeletion) takeValue(target, key, given);
};

const takeValue = (target: JsonObject, key: string, given: JsonValue): void => {
  dropNulls(given);
  const value = withoutDirectives(given);
  if (value === undefined) delete target[key];
  else target[key] = value;
};

const schemaOf = (schema: Schema, key: string): Schema =>
  (Object.hasOwn(schema.maps, key) ? schema.maps[key] : undefined) ?? malformed(`${shown(key)} is no object of a Service`);

const listRule = (schema: Schema, key: string): MergedList | 'replaced' =>
  (Object.hasOwn(schema.lists, key) ? schema.lists[key] : undefined) ?? malformed(`${shown(key)} is no list of a Service`);

const listNameIn = (key: string): string => {
  const slash = key.indexOf('/');
  const prefix = key.slice(0, slash);
  if (slash > 0 && (prefix === deletePrefix || prefix === orderPrefix)) return key.slice(slash + 1);
  return malformed(key.startsWith(deletePrefix) ? badPrimitiveList : `${shown(key)} names no list`);
};

/** Keeps only the members that the directive names; every member that the patch gives must be among them. */
const applyRetainKeys = (target: JsonObject, patch: JsonObject): void => {
  if (!(retainKeys in patch)) return;
  const names = patch[retainKeys];
  delete patch[retainKeys];
  if (!Array.isArray(names)) return malformed(badRetainKeys);
  const retained = new Set(names);
  for (const key in patch) {
    const counts = patch[key] !== null && !key.startsWith(deletePrefix) && !key.startsWith(orderPrefix);
    if (counts && !retained.has(key)) malformed(badRetainKeys);
  }
  for (const key in target) if (!retained.has(key)) delete target[key];
};

/** Merges the list that a `$setElementOrder/LIST` is about, orders it, and takes both out of the patch. */
const applyElementOrder = (target: JsonObject, patch: JsonObject, directiveKey: string, schema: Schema): void => {
  const order = patch[directiveKey];
  delete patch[directiveKey];
  if (!Array.isArray(order)) return malformed(`${shown(directiveKey)} is no list`);
  const key = listNameIn(directiveKey);
  const own = target[key] ?? [];
  const given = patch[key] ?? [];
  if (!Array.isArray(own) || !Array.isArray(given)) return malformed(`${shown(key)} is no list`);
  const rule = listRule(schema, key);
  const mergeKey = rule === 'replaced' ? '' : rule.key;
  checkOrder(given, order, mergeKey);
  if (!(key in target) && !(key in patch)) return;
  let merged: JsonValue[] = own;
  if (!(key in target)) merged = withoutDirectives(given) as JsonValue[];
  else if (key in patch) merged = mergeList([...own], given, rule, false);
  const kind = elementKind([own, given]) ?? malformed(`${shown(directiveKey)} orders a list without elements`);
  target[key] = mergeInOrder(merged, order, own, mergeKey, kind);
  delete patch[key];
};

/**
 * Every element that the patch gives must stand in the order list, in the same relative order. Deletions are left out;
 * an element with another directive passes, but not after the order list has ended.
 */
const checkOrder = (given: JsonValue[], order: JsonValue[], mergeKey: string): void => {
  if (given.length === 0 || order.length === 0) return;
  const kept = given.filter((item) => mergeKey === '' || !isJsonObject(item) || item[directive] !== 'delete');
  let at = 0;
  for (let place = 0; at < kept.length && place < order.length; ) {
    const item = kept[at] ?? null;
    if (isJsonObject(item) && directive in item) at++;
    else if (identity(item, mergeKey) === identity(order[place++] ?? null, mergeKey)) at++;
  }
  if (at < kept.length) malformed(`the patch gives ${shown(kept[at])} not in the place that ${orderPrefix} says`);
};

/** What tells one element of a merged list from another. Not an object or list: upstream panics on those. */
const identity = (item: JsonValue, mergeKey: string): JsonValue => {
  const value = mergeKey === '' ? item : isJsonObject(item) ? item[mergeKey] : malformed('an element of a merged list is no object');
  if (value === undefined) return malformed(`an element of a merged list has no ${shown(mergeKey)}, by which the list is merged`);
  return typeof value === 'object' && value !== null ? malformed('an element of a merged list is told apart by an object or list') : value;
};

const mergeList = (own: JsonValue[], given: JsonValue[], rule: MergedList | 'replaced', isDeletion: boolean): JsonValue[] => {
  if (rule === 'replaced' && !isDeletion) return given;
  const kind = elementKind([own, given]);
  if (kind === undefined) return own;
  const mergeKey = rule === 'replaced' ? '' : rule.key;
  if (kind !== 'map') {
    if (!isDeletion) return mergeInOrder([...new Set([...own, ...given])], given, own, '', kind);
    const gone = new Set(given);
    return own.filter((item) => !gone.has(item));
  }
  if (mergeKey === '') return malformed('a list of objects is merged without a key');
  const { remaining, changes } = applyElementDirectives(own, given as JsonObject[], mergeKey);
  return mergeInOrder(mergeElements(remaining, changes, mergeKey), changes, remaining, mergeKey, kind);
};

/** Elements with `$patch`: `delete` removes what has its key, one `replace` makes the others of the patch the whole list. */
const applyElementDirectives = (own: JsonValue[], given: JsonObject[], mergeKey: string): { remaining: JsonValue[]; changes: JsonObject[] } => {
  const changes: JsonObject[] = [];
  const gone = new Set<JsonValue>();
  let replaces = false;
  for (const item of given) {
    if (!(directive in item)) changes.push(item);
    else if (item[directive] === 'delete') gone.add(identity(item, mergeKey));
    else if (item[directive] === 'replace') replaces = true;
    else malformed(`unknown $patch directive ${shown(item[directive])} in a list: expected "delete" or "replace"`);
  }
  if (replaces) return { remaining: changes, changes: [] };
  return { remaining: own.filter((item) => !gone.has((item as JsonObject)[mergeKey] ?? null)), changes };
};

const mergeElements = (own: JsonValue[], changes: JsonObject[], mergeKey: string): JsonValue[] => {
  const merged = [...own];
  const at = new Map<JsonValue, number>(); // key of the element -> its first index in `merged`
  merged.forEach((item, i) => {
    const key = (item as JsonObject)[mergeKey];
    if (key !== undefined && !at.has(key)) at.set(key, i);
  });
  for (const change of changes) {
    const key = identity(change, mergeKey);
    const index = at.get(key);
    if (index === undefined) at.set(key, merged.push(change) - 1);
    else merged[index] = mergeMap(merged[index] as JsonObject, change, leaf);
  }
  return merged;
};

const dropNulls = (value: JsonValue): void => {
  if (Array.isArray(value)) value.forEach(dropNulls);
  else if (isJsonObject(value)) {
    for (const key in value) {
      const item = value[key] ?? null;
      if (item === null) delete value[key];
      else dropNulls(item);
    }
  }
};

/** @returns undefined for an object with a `$patch`, which is dropped whole from a value that has nothing to be merged into */
const withoutDirectives = (value: JsonValue): JsonValue | undefined => {
  if (Array.isArray(value)) return value.map(withoutDirectives).filter((item) => item !== undefined);
  if (!isJsonObject(value)) return value;
  if (directive in value) return undefined;
  for (const key in value) {
    const kept = withoutDirectives(value[key] ?? null);
    if (kept === undefined) delete value[key];
    else value[key] = kept;
  }
  return value;
};

const shown = (value: JsonValue | undefined): string => {
  const text = JSON.stringify(value ?? null);
  return text.length <= 80 ? text : `${text.slice(0, 80)}…`;
};
