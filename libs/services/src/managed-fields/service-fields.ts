import type { ServiceObject } from '../service.js';
import type { FieldSet } from './field-set.js';
import { leaf, shapes, type Shape } from './shape.js';

type Part = keyof typeof shapes;

/** What a write changes: `taken` = added or given another value, `removed` = there before, not there any more. */
export interface FieldChanges {
  taken: FieldSet;
  removed: FieldSet;
}

/**
 * The fields in which two Services differ.
 * @param live undefined on create: everything that `next` has is taken
 * @param ignored the part that this write cannot change: `status` of the main resource, `spec` of `/status`
 */
export const compareFields = (live: ServiceObject | undefined, next: ServiceObject, ignored: 'spec' | 'status'): FieldChanges => {
  const changes: FieldChanges = { taken: {}, removed: {} };
  for (const part of Object.keys(shapes) as Part[])
    if (part !== ignored) descend(`f:${part}`, changes, (inner) => compareMembers(shapes[part], live?.[part], next[part], inner));
  return changes;
};

const descend = (element: string, changes: FieldChanges, compare: (inner: FieldChanges) => void): void => {
  const inner: FieldChanges = { taken: {}, removed: {} };
  compare(inner);
  for (const _ in inner.taken) changes.taken[element] = inner.taken;
  for (const _ in inner.removed) changes.removed[element] = inner.removed;
};

type Members = Readonly<Record<string, unknown>>;

const compareMembers = (fields: Record<string, Shape>, live: object | undefined, next: object | undefined, changes: FieldChanges): void => {
  for (const name in fields)
    compareValue(`f:${name}`, fields[name] as Shape, (live as Members | undefined)?.[name], (next as Members | undefined)?.[name], changes);
};

const compareValue = (element: string, shape: Shape, live: unknown, next: unknown, changes: FieldChanges): void => {
  if (shape.kind === 'struct' && shape.always) return descend(element, changes, (inner) => compareMembers(shape.fields, live as object | undefined, next as object | undefined, inner));
  const had = isPresent(live);
  const has = isPresent(next);
  if (!had && !has) return;
  if (!had) changes.taken[element] = everything(shape, next);
  else if (!has) changes.removed[element] = everything(shape, live);
  else if (shape.kind === 'leaf') {
    if (live !== next && !sameValue(live, next)) changes.taken[element] = {};
  } else if (shape.kind === 'struct') descend(element, changes, (inner) => compareMembers(shape.fields, live as object, next as object, inner));
  else descend(element, changes, (inner) => compareEntries(shape, live, next, inner));
};

const compareEntries = (shape: Shape, live: unknown, next: unknown, changes: FieldChanges): void => {
  const before = entriesOf(shape, live);
  const after = entriesOf(shape, next);
  const item = shape.kind === 'keyed' ? shape.item : leaf;
  for (const [element, value] of after) compareValue(element, item, before.get(element), value, changes);
  for (const [element, value] of before) if (!after.has(element)) changes.removed[element] = everything(item, value);
};

/** The entries of a map or list by their path element. Of entries with one key the last counts; validation refuses them. */
const entriesOf = (shape: Shape, value: unknown): Map<string, unknown> => {
  if (shape.kind === 'map') return new Map(Object.entries(value as Members).sort(byKey).map(([key, text]) => [`f:${key}`, text === '' ? emptyText : text]));
  if (shape.kind === 'set') return new Map((value as string[]).toSorted().map((entry) => [`v:${JSON.stringify(entry)}`, entry]));
  if (shape.kind !== 'keyed') return new Map();
  return new Map((value as Members[]).map((entry) => [`k:{${shape.keys.map((key) => `"${key}":${JSON.stringify(entry[key])}`).join(',')}}`, entry]));
};

const byKey = ([a]: [string, unknown], [b]: [string, unknown]): number => (a < b ? -1 : 1);

/** An empty label value is there, unlike an empty field. */
const emptyText = Symbol('empty');

/** A value with everything below it, as owned by who adds it. */
const everything = (shape: Shape, value: unknown): FieldSet => {
  if (shape.kind === 'leaf') return {};
  const set: FieldSet = { '.': {} };
  if (shape.kind === 'struct') {
    for (const name in shape.fields) {
      const member = (value as Members)[name];
      if (isPresent(member)) set[`f:${name}`] = everything(shape.fields[name] as Shape, member);
    }
  } else for (const [element, entry] of entriesOf(shape, value)) set[element] = everything(shape.kind === 'keyed' ? shape.item : leaf, entry);
  return set;
};

/** Empty lists and maps are left out of the stored object, so they are not there. */
export const isPresent = (value: unknown): boolean => {
  if (value === undefined) return false;
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value !== 'object' || value === null) return true;
  for (const _ in value) return true;
  return false;
};

export const sameValue = (a: unknown, b: unknown): boolean =>
  typeof a === 'object' && typeof b === 'object' && JSON.stringify(a, sortKeys) === JSON.stringify(b, sortKeys);

const sortKeys = (_: string, value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(byKey))
    : value;
