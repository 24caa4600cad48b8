/**
 * A set of field paths in the form that `metadata.managedFields` stores (FieldsV1). A member is `{}`, or a node with
 * children that also has `"."`; a node without `"."` is only on the way to its children.
 * @see sigs.k8s.io/structured-merge-diff, fieldpath; KEP-555
 */
export interface FieldSet {
  [element: string]: FieldSet;
}

const self = '.';

export const isEmptySet = (set: FieldSet): boolean => {
  for (const _ in set) return false;
  return true;
};

/** Whether the node itself is in the set, beside what is below it. */
export const isMember = (node: FieldSet): boolean => self in node || isEmptySet(node);

export const children = (node: FieldSet): string[] => Object.keys(node).filter((element) => element !== self);

/** What is in `a` or in `b`. The arguments are not changed, but the answer may share nodes with them. */
export const union = (a: FieldSet, b: FieldSet): FieldSet => {
  const result: FieldSet = { ...a };
  for (const element of children(b)) {
    const left = a[element];
    const right = b[element] as FieldSet;
    if (left === undefined) result[element] = right;
    else {
      const merged = union(left, right);
      if (!isEmptySet(merged) && (isMember(left) || isMember(right))) merged[self] = {};
      result[element] = merged;
    }
  }
  return result;
};

/** What is in `a` and not in `b`: exactly these paths, not what lies below them. */
export const difference = (a: FieldSet, b: FieldSet): FieldSet => {
  const result: FieldSet = {};
  for (const element of children(a)) {
    const left = a[element] as FieldSet;
    const right = b[element];
    const kept = right === undefined ? left : nodeDifference(left, right);
    if (kept !== undefined) result[element] = kept;
  }
  return result;
};

const nodeDifference = (left: FieldSet, right: FieldSet): FieldSet | undefined => {
  const below = difference(left, right);
  const stays = isMember(left) && !isMember(right);
  if (isEmptySet(below)) return stays ? {} : undefined;
  return stays ? { [self]: {}, ...below } : below;
};

/** What is in both. */
export const intersection = (a: FieldSet, b: FieldSet): FieldSet => {
  const result: FieldSet = {};
  for (const element of children(a)) {
    const left = a[element] as FieldSet;
    const right = b[element];
    if (right === undefined) continue;
    const below = intersection(left, right);
    const both = isMember(left) && isMember(right);
    if (isEmptySet(below)) {
      if (both) result[element] = {};
    } else result[element] = both ? { [self]: {}, ...below } : below;
  }
  return result;
};

/** Members as paths for people: `.spec.ports[port=80,protocol="TCP"].name`. At each level those that end there come first. */
export const pathsIn = (set: FieldSet, prefix = ''): string[] => {
  const elements = children(set).sort(compareElements);
  const ending = elements.filter((element) => isMember(set[element] as FieldSet)).map((element) => prefix + elementText(element));
  return [...ending, ...elements.flatMap((element) => pathsIn(set[element] as FieldSet, prefix + elementText(element)))];
};

const elementText = (element: string): string => {
  const text = element.slice(2);
  if (element.startsWith('k:')) return `[${Object.entries(JSON.parse(text) as object).map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(',')}]`;
  return element.startsWith('v:') ? `[=${text}]` : `.${text}`;
};

/** Keys of list items are compared value by value, numbers as numbers. */
const compareElements = (a: string, b: string): number => {
  if (!a.startsWith('k:') || !b.startsWith('k:')) return a < b ? -1 : 1;
  const [left, right] = [a, b].map((element) => Object.values(JSON.parse(element.slice(2)) as Record<string, string | number>));
  const at = left?.findIndex((value, i) => value !== right?.[i]) ?? 0;
  return (left?.[at] ?? 0) < (right?.[at] ?? 0) ? -1 : 1;
};

/** The same paths always have the same text, whatever the order they came in. */
export const canonicalText = (set: FieldSet): string =>
  `{${Object.keys(set).sort().map((element) => `${JSON.stringify(element)}:${canonicalText(set[element] as FieldSet)}`).join(',')}}`;

/** Elements in order, as upstream writes them: people see the text in messages. */
export const sorted = (set: FieldSet): FieldSet =>
  Object.fromEntries(Object.keys(set).sort().map((element) => [element, sorted(set[element] as FieldSet)]));
