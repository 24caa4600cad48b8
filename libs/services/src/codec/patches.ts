import { emptyObject, isJsonObject, jsonDepthMax, type JsonObject, type JsonValue } from './json-reader.js';

/*
 * Merge patch and JSON patch as Kubernetes applies them. Neither changes its arguments; results may share parts with them.
 * Upstream prints a patched object that does not decode: objects that a patch looked into have their keys sorted there,
 * untouched ones keep their order. That order is kept here too, so that the message is the same.
 *
 * @see evanphx/json-patch v4 (merge.go, patch.go), as kube-apiserver v1.37.2 uses it
 */

/**
 * RFC 7386: objects are merged, null removes, anything else replaces. Unlike the RFC, and as upstream, nulls are also
 * dropped from objects inside lists of the patch.
 */
export const applyMergePatch = (target: JsonValue, patch: JsonValue): JsonValue => {
  if (!isJsonObject(patch) || !isJsonObject(target)) return withoutNulls(patch);
  const merged = emptyObject();
  for (const key of [...new Set([...Object.keys(target), ...Object.keys(patch)])].sort()) {
    const own = target[key];
    const given = patch[key];
    if (given === undefined) merged[key] = own ?? null;
    else if (given !== null) merged[key] = own === undefined || own === null ? withoutNulls(given) : applyMergePatch(own, given);
  }
  return merged;
};

const withoutNulls = (value: JsonValue): JsonValue => {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isJsonObject(value)) return value;
  const kept = emptyObject();
  for (const key of Object.keys(value).sort()) {
    const item = value[key] ?? null;
    if (item !== null) kept[key] = withoutNulls(item);
  }
  return kept;
};

const jsonPatchOperationsMax = 10_000;
/** Bytes, about: of all values that copy and move operations write. Upstream has the same bound for copies. */
const copiedSizeMax = 3 * 1024 * 1024;
/** List elements that insertions and removals may shift: 10,000 of them into one long list would take seconds. */
const shiftedMax = 50_000_000;

export type JsonPatchResult = { value: JsonValue } | { failure: 'malformed' | 'failed' | 'too-many'; detail: string };

/**
 * RFC 6902 as Kubernetes applies it: all operations or none. Where it is laxer than the RFC: `replace` creates a missing
 * member (not a list element), `copy` and `test` take a missing member as null, `add` without value adds null, indices may
 * be negative (from the end) and have leading zeros, and what stands before the first `/` of a pointer is ignored.
 * @returns `malformed`: the patch is no list of operations (400). `too-many`: more than 10,000 (413). `failed`: an
 *   operation cannot be applied, a test failed, or the result would be deeper or larger than is sensible (422)
 */
export const applyJsonPatch = (target: JsonValue, patch: JsonValue): JsonPatchResult => {
  if (patch === null) return { value: target };
  if (!Array.isArray(patch)) return { failure: 'malformed', detail: 'a JSON patch is a list of operations' };
  const wrong = patch.findIndex((operation) => !isOperation(operation));
  if (wrong >= 0) return { failure: 'malformed', detail: `operation ${wrong} of the JSON patch is no object with texts for op, path and from` };
  if (patch.length > jsonPatchOperationsMax) return { failure: 'too-many', detail: `${patch.length} operations` };
  try {
    const document = new PatchedDocument(target);
    patch.forEach((operation) => document.apply(operation as JsonObject));
    return { value: document.finish() };
  } catch (error) {
    if (error instanceof PatchFailure) return { failure: 'failed', detail: error.message };
    throw error;
  }
};

const isOperation = (value: JsonValue): boolean => {
  if (value === null) return true; // Go decodes it as an operation without op, which then fails.
  if (!isJsonObject(value)) return false;
  return ['op', 'path', 'from'].every((name) => typeof (value[name] ?? '') === 'string');
};

class PatchFailure extends Error {}

const fail = (detail: string): never => {
  throw new PatchFailure(detail.length <= 200 ? detail : `${detail.slice(0, 200)}…`);
};

type Container = JsonValue[] | JsonObject;
interface Place {
  container: Container;
  key: string;
  /** Levels above the place. */
  depth: number;
}

/** A private copy of the document: operations change it in place, and what they write is copied in. */
class PatchedDocument {
  private root: Container;
  /** Objects that operations looked into: their keys are shown sorted. */
  private readonly touched = new Set<JsonObject>();
  private copiedSize = 0;
  private shifted = 0;

  constructor(target: JsonValue) {
    const copy = graft(target, 0);
    this.root = isContainer(copy) ? copy : fail('the document is no object or list');
  }

  apply(operation: JsonObject | null): void {
    const { op, path, from, value } = operation ?? emptyObject();
    if (typeof path !== 'string') return fail('an operation has no path');
    switch (op) {
      case 'add':
        return this.add(this.find(path), graft(value ?? null, depthOf(path)));
      case 'remove':
        return this.remove(this.find(path));
      case 'replace':
        return this.replace(path, value);
      case 'move': {
        const source = this.find(textOr(from));
        const moved = this.bounded(this.get(source) ?? null, path);
        this.remove(source);
        return this.add(this.find(path), moved);
      }
      case 'copy':
        return this.add(this.find(path), this.bounded(this.get(this.find(textOr(from))) ?? null, path));
      case 'test':
        return this.test(path, value);
      default:
        return fail(`unknown operation ${JSON.stringify(op ?? null)}`);
    }
  }

  finish(): JsonValue {
    if (isJsonObject(this.root)) this.touched.add(this.root);
    return sortTouched(this.root, this.touched);
  }

  private find(pointer: string): Place {
    const steps = pointer.split('/');
    if (steps.length < 2) return fail(`${JSON.stringify(pointer)} does not point into the document`);
    let container = this.root;
    for (let i = 1; i < steps.length - 1; i++) {
      const next = this.get({ container, key: unescape(steps[i] ?? ''), depth: i });
      container = isContainer(next) ? next : fail(`${pointer}: there is no object or list at step ${i}`);
    }
    if (isJsonObject(container)) this.touched.add(container);
    return { container, key: unescape(steps.at(-1) ?? ''), depth: steps.length - 1 };
  }

  /** @returns undefined for a missing member of an object; a missing element of a list fails */
  private get({ container, key }: Place): JsonValue | undefined {
    if (!Array.isArray(container)) {
      this.touched.add(container);
      return container[key];
    }
    return container[indexIn(key, container.length)];
  }

  private add({ container, key }: Place, value: JsonValue): void {
    if (!Array.isArray(container)) container[key] = value;
    else if (key === '-') container.push(value);
    else {
      const index = indexIn(key, container.length + 1);
      this.shift(container.length - index);
      container.splice(index, 0, value);
    }
  }

  private remove({ container, key }: Place): void {
    if (!Array.isArray(container)) {
      if (!(key in container)) fail(`there is no member ${JSON.stringify(key)} to remove`);
      delete container[key];
      return;
    }
    const index = indexIn(key, container.length);
    this.shift(container.length - index);
    container.splice(index, 1);
  }

  private replace(path: string, value: JsonValue | undefined): void {
    const copy = graft(value ?? null, depthOf(path));
    if (path === '') {
      this.root = isContainer(copy) ? copy : fail('the whole document can be replaced by an object or a list only');
      return;
    }
    const { container, key } = this.find(path);
    if (Array.isArray(container)) container[indexIn(key, container.length)] = copy;
    else container[key] = copy;
  }

  private test(path: string, value: JsonValue | undefined): void {
    const found = path === '' ? this.root : (this.get(this.find(path)) ?? null);
    if (!equal(found, value ?? null)) fail(`the test of ${JSON.stringify(path)} failed`);
  }

  private bounded(value: JsonValue, path: string): JsonValue {
    return graft(value, depthOf(path), (size) => {
      this.copiedSize += size;
      if (this.copiedSize > copiedSizeMax) fail(`the patch copies more than ${copiedSizeMax} bytes`);
    });
  }

  private shift(elements: number): void {
    this.shifted += elements;
    if (this.shifted > shiftedMax) fail(`the patch shifts more than ${shiftedMax} list elements`);
  }
}

const isContainer = (value: JsonValue | undefined): value is Container => typeof value === 'object' && value !== null;

const textOr = (from: JsonValue | undefined): string => (typeof from === 'string' ? from : fail('an operation has no from'));

const unescape = (step: string): string => (step.includes('~') ? step.replaceAll('~1', '/').replaceAll('~0', '~') : step);

const depthOf = (pointer: string): number => pointer.split('/').length - 1;

/** Go's Atoi, negative from the end. */
const indexIn = (key: string, length: number): number => {
  if (!/^[+-]?\d+$/.test(key)) return fail(`${JSON.stringify(key)} is no index of a list`);
  const index = Number(key) < 0 ? Number(key) + length : Number(key);
  return index >= 0 && index < length ? index : fail(`there is no index ${key} in a list of ${length}`);
};

/** A deep copy that is to stand `depth` levels deep. @param count is told the size of each part, in bytes, about */
const graft = (value: JsonValue, depth: number, count?: (size: number) => void): JsonValue => {
  if (depth > jsonDepthMax) fail(`the result would be nested deeper than ${jsonDepthMax} levels`);
  if (typeof value === 'string') count?.(value.length + 2);
  else count?.(8);
  if (Array.isArray(value)) return value.map((item) => graft(item, depth + 1, count));
  if (!isJsonObject(value)) return value;
  const copy = emptyObject();
  for (const key in value) {
    count?.(key.length + 2);
    copy[key] = graft(value[key] ?? null, depth + 1, count);
  }
  return copy;
};

/** The work is bounded by the size of the patch: a test that passes lists as much there as it reads, and one that fails is the last. */
const equal = (a: JsonValue, b: JsonValue): boolean => {
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, i) => equal(item, b[i] ?? null));
  if (!isJsonObject(a)) return a === b;
  if (!isJsonObject(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => key in b && equal(a[key] ?? null, b[key] ?? null));
};

/** What operations looked into hangs together from the root, so the rest needs no visit. */
const sortTouched = (value: JsonValue, touched: ReadonlySet<JsonObject>): JsonValue => {
  if (Array.isArray(value)) return value.map((item) => sortTouched(item, touched));
  if (!isJsonObject(value) || !touched.has(value)) return value;
  const sorted = emptyObject();
  for (const key of Object.keys(value).sort()) sorted[key] = sortTouched(value[key] ?? null, touched);
  return sorted;
};
