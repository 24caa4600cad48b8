import type { ManagedFieldsEntry, ServiceObject } from '../service.js';
import { canonicalText, difference, isEmptySet, sorted, union, type FieldSet } from './field-set.js';
import { fieldsOfNew } from './new-fields.js';
import { compareFields, type FieldChanges } from './service-fields.js';
import { leaf, serviceShape, type Shape } from './shape.js';

/** A write that is no apply: POST, PUT, or a PATCH of one of the three older kinds. */
export interface TrackedWrite {
  /** The stored Service before anything, undefined on create. */
  live: ServiceObject | undefined;
  /** The Service as requested, defaulted, before the allocation hook: what we allocate belongs to nobody. */
  next: ServiceObject;
  manager: string;
  subresource: 'status' | null;
  /** RFC 3339, whole seconds. */
  time: string;
}

/** Entries of updates kept apart; older ones are merged into one named `ancient-changes`. */
const updateManagersMax = 10;
const mergedManager = 'ancient-changes';

/**
 * Who owns which field after a write: the writer takes what it adds or changes, everybody loses what is changed by another
 * or removed.
 * @returns `metadata.managedFields` of the object to be stored; undefined when nobody owns anything
 * @see sigs.k8s.io/structured-merge-diff merge/update.go; managedfields/internal/managedfieldsupdater.go, Kubernetes v1.37.2
 */
export const trackWrite = (write: TrackedWrite): ManagedFieldsEntry[] | undefined => {
  const { live, next } = write;
  const { taken, removed } = changesOf(write);
  if (live === undefined && next.metadata.managedFields === undefined) return isEmptySet(taken) ? undefined : [ownEntry(write, taken, write.time)];
  const known = entriesBefore(write);
  if (live !== undefined && known.length === 0) return undefined; // Nobody tracks this object: its next apply starts with that.
  const others = known.flatMap((entry) => withoutFields(entry, taken, removed));
  const entries = isEmptySet(taken) ? others : withTaken(others, taken, write);
  if (entries.length === 0) return undefined;
  // Who takes fields gets the time of this write, even for what it owned before; `updateService` undoes that when it is all that changes.
  const capped = capUpdates(entries).toSorted(compareEntries);
  const before = live?.metadata.managedFields;
  return before !== undefined && sameOwners(capped, before) ? before : capped;
};

const changesOf = ({ live, next, subresource }: TrackedWrite): FieldChanges => {
  if (subresource === 'status') return compareFields(live, next, 'spec');
  return live === undefined ? { taken: fieldsOfNew(next), removed: {} } : compareFields(live, next, 'status');
};

/** Entries that the client sends count, when they can be read; one empty entry, or an empty list, starts tracking anew. */
const entriesBefore = ({ live, next, subresource }: TrackedWrite): ManagedFieldsEntry[] => {
  const stored = live?.metadata.managedFields ?? [];
  const sent = next.metadata.managedFields;
  if (sent === undefined || subresource !== null) return stored;
  if (sent.length === 0 || (sent.length === 1 && isEmptyEntry(sent[0] as ManagedFieldsEntry))) return [];
  return sent.every(isReadable) ? sent.map((entry) => ({ ...entry, fieldsV1: fitted(serviceShape, fieldsOf(entry)) })) : stored;
};

/** What lies below a leaf is the leaf: an atomic list or map is owned as a whole. */
const fitted = (shape: Shape, set: FieldSet): FieldSet => {
  if (shape.kind === 'leaf') return {};
  const inner = (element: string): Shape => {
    if (shape.kind === 'struct') return shape.fields[element.slice(2)] ?? leaf;
    return shape.kind === 'keyed' ? shape.item : leaf;
  };
  return Object.fromEntries(Object.keys(set).map((element) => [element, element === '.' ? {} : fitted(inner(element), set[element] as FieldSet)]));
};

const isEmptyEntry = (entry: ManagedFieldsEntry): boolean => Object.values(entry).every((value) => value === undefined);

const isReadable = ({ operation, fieldsType, fieldsV1, apiVersion }: ManagedFieldsEntry): boolean =>
  (operation === 'Update' || operation === 'Apply') && fieldsType === 'FieldsV1' && apiVersion === 'v1' && isFieldSet(fieldsV1);

const isFieldSet = (value: unknown): value is FieldSet =>
  typeof value === 'object' && value !== null && !Array.isArray(value) &&
  Object.entries(value).every(([element, inner]) => /^(\.|[fkvi]:.*)$/s.test(element) && isFieldSet(inner));

export const fieldsOf = (entry: ManagedFieldsEntry): FieldSet => (entry.fieldsV1 ?? {}) as FieldSet;

const withoutFields = (entry: ManagedFieldsEntry, taken: FieldSet, removed: FieldSet): ManagedFieldsEntry[] => {
  const kept = difference(difference(fieldsOf(entry), taken), removed);
  return isEmptySet(kept) ? [] : [{ ...entry, fieldsV1: kept }];
};

const withTaken = (others: ManagedFieldsEntry[], taken: FieldSet, write: TrackedWrite): ManagedFieldsEntry[] => {
  const isOwn = (entry: ManagedFieldsEntry): boolean =>
    entry.operation === 'Update' && (entry.manager ?? '') === write.manager && (entry.subresource ?? null) === write.subresource;
  const own = others.find(isOwn);
  const fieldsV1 = own === undefined ? taken : sorted(union(fieldsOf(own), taken));
  return [...others.filter((other) => other !== own), ownEntry(write, fieldsV1, write.time)];
};

const ownEntry = ({ manager, subresource }: TrackedWrite, fieldsV1: FieldSet, time: string): ManagedFieldsEntry =>
  ({ manager, operation: 'Update', apiVersion: 'v1', time, fieldsType: 'FieldsV1', fieldsV1, subresource: subresource ?? undefined });

/** @see managedfields/internal/capmanagers.go */
const capUpdates = (entries: ManagedFieldsEntry[]): ManagedFieldsEntry[] => {
  const updates = entries.filter(({ operation }) => operation === 'Update').sort(compareEntries);
  const surplus = updates.length - updateManagersMax;
  if (surplus <= 0) return entries;
  const merged = updates.slice(0, surplus + 1);
  const fieldsV1 = sorted(merged.map(fieldsOf).reduce(union));
  const time = merged.at(-1)?.time;
  const bucket: ManagedFieldsEntry = { manager: mergedManager, operation: 'Update', apiVersion: 'v1', ...(time && { time }), fieldsType: 'FieldsV1', fieldsV1 };
  return [...entries.filter((entry) => !merged.includes(entry)), bucket];
};

/** @see managedfields/internal/managedfields.go sortEncodedManagedFields */
export const compareEntries = (a: ManagedFieldsEntry, b: ManagedFieldsEntry): number =>
  compareTexts(a.operation, b.operation) || compareTexts(a.time, b.time) || compareTexts(a.manager, b.manager) ||
  compareTexts(a.apiVersion, b.apiVersion) || compareTexts(a.subresource, b.subresource);

const compareTexts = (a = '', b = ''): number => (a < b ? -1 : a > b ? 1 : 0);

const sameOwners = (a: readonly ManagedFieldsEntry[], b: readonly ManagedFieldsEntry[]): boolean =>
  sameButTimes(a, b) && a.every(({ time }, i) => time === b[i]?.time);

/** Whether two lists of entries differ in nothing but times. Times order the entries, so the order counts, as upstream. */
export const sameButTimes = (a: readonly ManagedFieldsEntry[], b: readonly ManagedFieldsEntry[]): boolean =>
  a.length === b.length &&
  a.every((entry, i) => {
    const other = b[i] as ManagedFieldsEntry;
    const isSameManager = compareEntries({ ...entry, time: undefined }, { ...other, time: undefined }) === 0;
    return isSameManager && canonicalText(fieldsOf(entry)) === canonicalText(fieldsOf(other));
  });
