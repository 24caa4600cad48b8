import { isJsonObject, type JsonObject, type JsonValue } from './json-reader.js';

/*
 * The order of a merged list. Items that the patch knows keep the order of the patch (or of `$setElementOrder`), items
 * that only the server has keep the server's order; the two are interleaved by the server's order where it knows both,
 * else the item of the patch goes first. So a plain patch that adds port 53 to [80, 443] gives [53, 80, 443].
 *
 * @see normalizeElementOrder in k8s.io/apimachinery/pkg/util/strategicpatch/patch.go
 */

/** Thrown inside the patch, never across the module. */
export class StrategicPatchFailure extends Error {
  constructor(readonly failure: 'malformed' | 'failed', message: string) {
    super(message);
  }
}

export type ElementKind = 'map' | 'string' | 'number' | 'boolean';

/** @returns undefined when there are no elements. @throws StrategicPatchFailure for mixed kinds, nulls and lists of lists */
export const elementKind = (lists: readonly (readonly JsonValue[])[]): ElementKind | undefined => {
  let kind: ElementKind | undefined;
  for (const items of lists) {
    for (const item of items) {
      if (Array.isArray(item) && kind !== undefined) throw differentKinds();
      const own = kindOf(item);
      if (kind !== undefined && own !== kind) throw differentKinds();
      kind = own;
    }
  }
  return kind;
};

const differentKinds = (): StrategicPatchFailure => new StrategicPatchFailure('malformed', 'the elements of a merged list are of different kinds');

const kindOf = (item: JsonValue): ElementKind => {
  if (Array.isArray(item)) throw new StrategicPatchFailure('failed', 'a list of lists cannot be merged');
  if (item === null) throw new StrategicPatchFailure('malformed', 'an element of a merged list is null');
  return typeof item === 'object' ? 'map' : (typeof item as 'string' | 'number' | 'boolean');
};

/** @param patchOrder the elements that the patch knows, in its order: its list, or its `$setElementOrder` */
export const mergeInOrder = (
  merged: JsonValue[], patchOrder: readonly JsonValue[], serverOrder: readonly JsonValue[], mergeKey: string, kind: ElementKind,
): JsonValue[] => {
  const idOf = identifier(mergeKey, kind);
  const patchIndex = firstIndexes(patchOrder, idOf);
  const serverIndex = firstIndexes(serverOrder, idOf);
  const known = merged.filter((item) => patchIndex.has(idOf(item)));
  const serverOnly = merged.filter((item) => !patchIndex.has(idOf(item)));
  return interleave(sortBy(serverOnly, serverIndex, idOf), sortBy(known, patchIndex, idOf), serverIndex, idOf);
};

type Identify = (item: JsonValue) => JsonValue;

const identifier = (mergeKey: string, kind: ElementKind): Identify => {
  if (kind !== 'map' || mergeKey === '') {
    return (item) => (typeof item === 'object' && item !== null ? malformedElement('is an object in a list without merge key') : item);
  }
  return (item) => {
    const value = isJsonObject(item) ? (item as JsonObject)[mergeKey] : undefined;
    return value === undefined ? malformedElement(`has no ${JSON.stringify(mergeKey)}, by which the list is merged`) : value;
  };
};

const malformedElement = (why: string): never => {
  throw new StrategicPatchFailure('malformed', `an element of a merged list ${why}`);
};

const firstIndexes = (items: readonly JsonValue[], idOf: Identify): Map<JsonValue, number> => {
  const indexes = new Map<JsonValue, number>(); // identity -> first index
  items.forEach((item, i) => {
    const id = idOf(item);
    if (!indexes.has(id)) indexes.set(id, i);
  });
  return indexes;
};

/** As many Go sorts by insertion; longer lists merge such runs, and without a bound the time would grow with the square. */
const insertionMax = 20;

/**
 * By index, as upstream's insertion sort leaves them: there an item without an index counts as smaller than whatever stands
 * before it, and all that follow as smaller than it. So [new, 80, 81] with the indexes of [80, 81] becomes [80, 81, new].
 */
const sortBy = (items: JsonValue[], indexes: ReadonlyMap<JsonValue, number>, idOf: Identify): JsonValue[] => {
  if (items.length > insertionMax) return [...items].sort((a, b) => (indexes.get(idOf(a)) ?? -1) - (indexes.get(idOf(b)) ?? -1));
  const sorted: { item: JsonValue; index: number | undefined }[] = [];
  for (const item of items) {
    const index = indexes.get(idOf(item));
    let at = sorted.length;
    for (; at > 0; at--) {
      const before = sorted[at - 1]?.index;
      if (index !== undefined && before !== undefined && index >= before) break;
    }
    sorted.splice(at, 0, { item, index });
  }
  return sorted.map(({ item }) => item);
};

const interleave = (left: JsonValue[], right: JsonValue[], serverIndex: ReadonlyMap<JsonValue, number>, idOf: Identify): JsonValue[] => {
  const all: JsonValue[] = [];
  let i = 0;
  for (const item of right) {
    const place = serverIndex.get(idOf(item));
    while (place !== undefined && i < left.length && (serverIndex.get(idOf(left[i] ?? null)) ?? Infinity) < place) all.push(left[i++] ?? null);
    all.push(item);
  }
  return all.concat(left.slice(i));
};
