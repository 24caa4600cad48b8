import { emptyObject, isJsonObject, type JsonValue } from '../codec/json-reader.js';
import { isMember, isEmptySet, type FieldSet } from './field-set.js';
import { sameValue, type FieldChanges } from './service-fields.js';
import { leaf, type Shape } from './shape.js';

/*
 * What an apply does with objects: these work on JSON trees and not on Services, because a configuration that says `null`,
 * `{}` or `false` owns the field and changes it, which a Service without zero values could not say.
 * @see KEP-555 (server-side apply); kubernetes.io/docs/reference/using-api/server-side-apply, "Merge strategy"
 */

/** The path element of an item of a set or a keyed list: `v:"a/b"`, `k:{"port":80,"protocol":"TCP"}`. */
export const itemElement = (shape: Shape, item: JsonValue): string => {
  if (shape.kind !== 'keyed') return `v:${JSON.stringify(item)}`;
  const members = isJsonObject(item) ? item : {};
  return `k:{${shape.keys.map((key) => `"${key}":${JSON.stringify(members[key] ?? shape.defaults[key])}`).join(',')}}`;
};

const itemShape = (shape: Shape): Shape => (shape.kind === 'keyed' ? shape.item : leaf);
const memberShape = (shape: Shape, key: string): Shape => (shape.kind === 'struct' ? (shape.fields[key] ?? leaf) : leaf);

interface Part {
  shape: Shape;
  value: JsonValue;
}

/** What a value is made of, by path element; of equal items the last. Nothing for a leaf. */
const partsOf = (shape: Shape, value: JsonValue | undefined): Map<string, Part> => {
  const parts = new Map<string, Part>();
  if (shape.kind === 'leaf') return parts;
  if (Array.isArray(value)) for (const item of value) parts.set(itemElement(shape, item), { shape: itemShape(shape), value: item });
  else if (isJsonObject(value)) for (const key in value) parts.set(`f:${key}`, { shape: memberShape(shape, key), value: value[key] ?? null });
  return parts;
};

const isEmpty = (value: JsonValue | undefined): boolean => {
  if (value === undefined || value === null) return true;
  if (Array.isArray(value)) return value.length === 0;
  if (!isJsonObject(value)) return false;
  for (const _ in value) return false;
  return true;
};

/** Whether nothing below is told apart: a leaf, or a container that has nothing on either side. */
const isWhole = (shape: Shape, a: JsonValue | undefined, b: JsonValue | undefined): boolean => shape.kind === 'leaf' || (isEmpty(a) && isEmpty(b));

/** The fields that a configuration states and so claims. undefined: none, as for an empty list. */
export const fieldsIn = (shape: Shape, value: JsonValue): FieldSet | undefined => {
  if (shape.kind === 'leaf') return {};
  if (isEmpty(value)) return Array.isArray(value) ? undefined : {};
  const set: FieldSet = {};
  for (const [element, part] of partsOf(shape, value)) {
    const inner = fieldsIn(part.shape, part.value);
    if (!Array.isArray(value)) {
      if (inner !== undefined) set[element] = inner;
    } else set[element] = inner === undefined || isEmptySet(inner) ? {} : { '.': {}, ...inner };
  }
  return isEmptySet(set) ? undefined : set;
};

/** What differs; unlike `compareFields`, `null` and empty values are there. */
export const compareTrees = (shape: Shape, live: JsonValue | undefined, next: JsonValue | undefined): FieldChanges => {
  const changes: FieldChanges = { taken: {}, removed: {} };
  const before = partsOf(shape, live);
  const after = partsOf(shape, next);
  for (const [element, part] of after) comparePart(element, part.shape, before.get(element)?.value, part.value, changes);
  for (const [element, part] of before) if (!after.has(element)) comparePart(element, part.shape, part.value, undefined, changes);
  if (Array.isArray(live) && Array.isArray(next) && (before.size < live.length || after.size < next.length)) takeRepeated(shape, live, next, changes);
  return changes;
};

/** Live lists may have an item twice (finalizers are not checked for that). It changes when it is there more or less often. */
const takeRepeated = (shape: Shape, live: readonly JsonValue[], next: readonly JsonValue[], { taken }: FieldChanges): void => {
  const count = (list: readonly JsonValue[], wanted: string): number => list.filter((item) => itemElement(shape, item) === wanted).length;
  for (const element of new Set(next.map((item) => itemElement(shape, item)))) {
    const before = count(live, element);
    if (before > 0 && before !== count(next, element)) taken[element] = {};
  }
};

const comparePart = (element: string, shape: Shape, live: JsonValue | undefined, next: JsonValue | undefined, { taken, removed }: FieldChanges): void => {
  if (isWhole(shape, live, next)) {
    if (next === undefined) removed[element] = {};
    else if (live === undefined || (live !== next && !sameValue(live, next))) taken[element] = {};
    return;
  }
  const inner = compareTrees(shape, live, next);
  if (live === undefined) taken[element] = { '.': {}, ...inner.taken };
  else if (!isEmptySet(inner.taken)) taken[element] = inner.taken;
  if (next === undefined) removed[element] = { '.': {}, ...inner.removed };
  else if (!isEmptySet(inner.removed)) removed[element] = inner.removed;
};

/** The live value with a configuration laid over it: what the configuration does not name stays. Shares nodes with its arguments. */
export const merge = (shape: Shape, live: JsonValue | undefined, applied: JsonValue): JsonValue => {
  if (live === undefined || isWhole(shape, live, applied)) return applied;
  if (Array.isArray(live)) return mergeLists(shape, live, Array.isArray(applied) ? applied : []);
  const result = emptyObject();
  if (isJsonObject(live)) Object.assign(result, live);
  if (isJsonObject(applied)) {
    for (const key in applied) result[key] = merge(memberShape(shape, key), isJsonObject(live) ? live[key] : undefined, applied[key] ?? null);
  }
  return result;
};

/**
 * Applied items keep their order. An item only of the live list comes as early as it can without overtaking the next item
 * that both have: so it stays behind the live items it stood behind, and before applied items that are new.
 */
const mergeLists = (shape: Shape, live: readonly JsonValue[], applied: readonly JsonValue[]): JsonValue[] => {
  const liveElements = live.map((item) => itemElement(shape, item));
  const appliedElements = applied.map((item) => itemElement(shape, item));
  const known = new Map(liveElements.map((element, i) => [element, live[i] ?? null]));
  const wanted = new Set(appliedElements);
  const result: JsonValue[] = [];
  let at = 0;
  /** Up to that live item, or to the end; items that the configuration puts elsewhere are passed over. */
  const takeLiveUntil = (stop: string | undefined): void => {
    for (; at < live.length && liveElements[at] !== stop; at++) if (!wanted.has(liveElements[at] ?? '')) result.push(live[at] ?? null);
  };
  appliedElements.forEach((element, i) => {
    takeLiveUntil(appliedElements.slice(i).find((later) => known.has(later)));
    result.push(merge(itemShape(shape), known.get(element), applied[i] ?? null));
    if (liveElements[at] === element) at++;
  });
  takeLiveUntil(undefined);
  return result;
};

/**
 * Takes out what the applier stated last time and nobody states or owns any more, with everything below it.
 * @param last the applier's fields of last time
 * @param owned what anybody owns now, the applier with its new configuration included
 */
export const prune = (shape: Shape, value: JsonValue, last: FieldSet, owned: FieldSet): JsonValue => {
  if (shape.kind === 'leaf' || isEmpty(value)) return value;
  const isGone = (element: string): boolean => {
    const isNamed = shape.kind === 'struct';
    return isClaimed(last[element], isNamed) && !isClaimed(owned[element], isNamed);
  };
  const below = (element: string, inner: Shape, item: JsonValue): JsonValue => {
    const claimed = last[element];
    return claimed === undefined ? item : prune(inner, item, claimed, owned[element] ?? {});
  };
  if (Array.isArray(value)) {
    const kept = value.filter((item) => !isGone(itemElement(shape, item))).map((item) => below(itemElement(shape, item), itemShape(shape), item));
    return kept.length === 0 ? null : kept;
  }
  const kept = emptyObject();
  for (const [element, part] of partsOf(shape, value)) if (!isGone(element)) kept[element.slice(2)] = below(element, part.shape, part.value);
  return isEmpty(kept) ? null : kept;
};

/** A field with a name in the schema is claimed by claiming anything in it; an item or a key of a map only by itself. */
const isClaimed = (node: FieldSet | undefined, isNamed: boolean): boolean => node !== undefined && (isNamed || isMember(node));
