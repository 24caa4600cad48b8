import type { JsonObject, JsonValue } from '../codec/json-reader.js';
import { goJson, goQuote } from '../field-error.js';
import type { FieldConflict } from '../rejection.js';
import type { ManagedFieldsEntry } from '../service.js';
import { difference, intersection, isEmptySet, pathsIn, sorted, union, type FieldSet } from './field-set.js';
import { sameValue } from './service-fields.js';
import { serviceShape } from './shape.js';
import { compareEntries, fieldsOf } from './track.js';
import { compareTrees, fieldsIn, merge, prune } from './trees.js';

/** A server-side apply: a configuration laid over the live object. */
export interface Application {
  /** The stored Service as a tree, without managedFields; empty when there is none. */
  live: JsonObject;
  /** Who owns what in it. */
  entries: readonly ManagedFieldsEntry[];
  configuration: JsonObject;
  manager: string;
  subresource: 'status' | null;
  /** RFC 3339, whole seconds. */
  time: string;
}

export interface Applied {
  /** The object as it is to be, without managedFields. */
  merged: JsonValue;
  entries: ManagedFieldsEntry[];
  /** What others own and the configuration changes: taken from them in `entries`, if the caller lets that happen. */
  conflicts: { entry: ManagedFieldsEntry; fields: FieldSet }[];
}

/** What no manager can own. @see managedfields/internal/stripmeta.go, Kubernetes v1.37.2 */
const system: FieldSet = {
  'f:apiVersion': {}, 'f:kind': {},
  'f:metadata': {
    '.': {}, 'f:name': {}, 'f:namespace': {}, 'f:creationTimestamp': {}, 'f:selfLink': {}, 'f:uid': {}, 'f:clusterName': {}, 'f:generation': {}, 'f:managedFields': {},
    'f:resourceVersion': {},
  },
};

/**
 * Lays the configuration over the live object, takes out what its manager stated before and nobody owns any more, and
 * finds who owns what then: the manager exactly what it states, everybody else no longer what was changed or taken out.
 * @see KEP-555; sigs.k8s.io/structured-merge-diff describes the same for any schema
 */
export const applyFields = (application: Application): Applied => {
  const { live, entries, configuration, subresource } = application;
  const ignored = subresource === 'status' ? 'f:spec' : 'f:status';
  const isOwn = (entry: ManagedFieldsEntry): boolean =>
    entry.operation === 'Apply' && entry.manager === application.manager && (entry.subresource ?? null) === subresource;
  const last = entries.find(isOwn);
  const others = entries.filter((entry) => entry !== last);
  const stated = without(fieldsIn(serviceShape, configuration) ?? {}, ignored);
  const laid = merge(serviceShape, live, configuration);
  const owned = others.map(fieldsOf).reduce(union, stated);
  const merged = last === undefined ? laid : prune(serviceShape, laid, fieldsOf(last), owned);

  const changes = compareTrees(serviceShape, live, merged);
  const taken = without(changes.taken, ignored);
  const removed = without(changes.removed, ignored);
  const conflicts = others.map((entry) => ({ entry, fields: intersection(fieldsOf(entry), taken) })).filter(({ fields }) => !isEmptySet(fields));
  const kept = others.flatMap((entry) => entryWith(entry, difference(difference(fieldsOf(entry), taken), removed)));
  const own = ownEntry(application, difference(stated, system), sameValue(live, merged) ? last?.time : application.time);
  return { merged, entries: [...kept, ...own].toSorted(compareEntries), conflicts };
};

const without = (set: FieldSet, element: string): FieldSet => {
  const { [element]: _, ...rest } = set;
  return rest;
};

const entryWith = (entry: ManagedFieldsEntry, fieldsV1: FieldSet): ManagedFieldsEntry[] => (isEmptySet(fieldsV1) ? [] : [{ ...entry, fieldsV1 }]);

const ownEntry = ({ manager, subresource }: Application, fields: FieldSet, time: string | undefined): ManagedFieldsEntry[] =>
  entryWith({
    manager, operation: 'Apply', apiVersion: 'v1', ...(time !== undefined && { time }), fieldsType: 'FieldsV1',
    ...(subresource !== null && { subresource }),
  }, sorted(fields));

/** Conflicts one field at a time, by manager and then in order of the paths. */
export const conflictsByField = (conflicts: Applied['conflicts']): FieldConflict[] =>
  conflicts
    .map(({ entry, fields }) => ({ identity: identityOf(entry), manager: managerText(entry), fields }))
    .sort((a, b) => (a.identity < b.identity ? -1 : 1))
    .flatMap(({ manager, fields }) => pathsIn(fields).map((field) => ({ manager, field })));

/** The text by which upstream tells managers apart, and orders them in messages. */
const identityOf = ({ manager, operation, apiVersion, subresource }: ManagedFieldsEntry): string =>
  goJson({ manager, operation, ...(operation !== 'Apply' && { apiVersion }), ...(subresource && { subresource }) });

const managerText = ({ manager, operation, apiVersion, subresource }: ManagedFieldsEntry): string =>
  goQuote(manager ?? '') + (subresource ? ` with subresource ${goQuote(subresource)}` : '') + (operation === 'Update' ? ` using ${apiVersion}` : '');
