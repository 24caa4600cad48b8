import type { DeletionOptions } from '../commands.js';
import { refuse } from '../rejection.js';
import type { ObjectMeta, OwnerReference } from '../service.js';

/** RFC 3339 in whole seconds, the precision of Kubernetes' times. Thousands of commands share a second: its text is made once. */
export const timestamp = (time: Date): string => {
  const second = Math.floor(time.getTime() / 1000);
  if (second !== last.second) last = { second, text: `${time.toISOString().slice(0, 19)}Z` };
  return last.text;
};
let last = { second: NaN, text: '' };

/** What the system sets on create, whatever the body said. @see k8s.io/apiserver/pkg/registry/rest/meta.go */
export const stampNew = (metadata: ObjectMeta, namespace: string, uid: string, time: Date): void => {
  metadata.namespace ??= namespace;
  metadata.uid = uid;
  metadata.creationTimestamp = timestamp(time);
  wipeSystemFields(metadata);
};

/** What no client may say of a new object. A POST takes it out before it notes who owns what. @see rest.WipeObjectMetaSystemFields */
export const wipeSystemFields = (metadata: ObjectMeta): void => {
  // Not by `delete`: it makes V8 keep the members in a hash table, which is slow wherever the object goes from here.
  if (metadata.deletionTimestamp !== undefined) metadata.deletionTimestamp = undefined;
  if (metadata.deletionGracePeriodSeconds !== undefined) metadata.deletionGracePeriodSeconds = undefined;
  if (metadata.selfLink !== undefined) metadata.selfLink = undefined;
};

/** What an update can never change. @see k8s.io/apiserver/pkg/registry/rest/update.go BeforeUpdate */
export const keepSystemFields = (next: ObjectMeta, stored: ObjectMeta): void => {
  next.generation = stored.generation;
  next.uid ??= stored.uid;
  next.creationTimestamp = stored.creationTimestamp;
  if (stored.deletionTimestamp !== undefined) next.deletionTimestamp = stored.deletionTimestamp;
  next.deletionGracePeriodSeconds ??= stored.deletionGracePeriodSeconds;
  delete next.selfLink;
};

/**
 * Drops owner references that equal an earlier one in every member, and says so.
 * @param when the words between "duplicate entries" and the rest: a patch is looked at after admission only
 * @see k8s.io/apiserver/pkg/endpoints/handlers/create.go dedupOwnerReferencesAndAddWarning
 */
export const dropRepeatedOwners = (metadata: ObjectMeta, when: '' | ' after mutating admission happens'): string[] => {
  const kept: OwnerReference[] = [];
  const dropped: string[] = [];
  for (const owner of metadata.ownerReferences ?? []) {
    const text = JSON.stringify(ownerMembers(owner));
    if (kept.some((other) => JSON.stringify(ownerMembers(other)) === text)) dropped.push(owner.uid);
    else kept.push(owner);
  }
  if (dropped.length === 0) return [];
  metadata.ownerReferences = kept;
  return [
    `.metadata.ownerReferences contains duplicate entries${when}; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${dropped.join(', ')}`,
  ];
};

const ownerMembers = (owner: OwnerReference): unknown[] =>
  [owner.apiVersion, owner.kind, owner.name, owner.uid, owner.controller, owner.blockOwnerDeletion];

/**
 * The revision that a written object names. @returns undefined when it names none ("" or "0"): an unconditional write.
 * Refuses what is no number, where upstream answers a bare 500 (difference 9).
 */
export const namedRevision = (metadata: ObjectMeta): string | undefined => {
  const text = metadata.resourceVersion ?? '';
  if (/^0*$/.test(text)) return undefined;
  if (!/^\d{1,20}$/.test(text))
    refuse({ code: 'bad_request', message: `metadata.resourceVersion: ${JSON.stringify(text)} is not a resourceVersion; leave it out or send the one that a GET answered, a decimal number` });
  return text.replace(/^0+/, '');
};

/**
 * The finalizers of an object that is about to be deleted: propagation policies are finalizers that a garbage collector
 * has to remove.
 * @see k8s.io/apiserver/pkg/registry/generic/registry/store.go deletionFinalizersForGarbageCollection
 */
export const deletionFinalizers = (finalizers: readonly string[], options: DeletionOptions): string[] => {
  const others = finalizers.filter((entry) => entry !== 'orphan' && entry !== 'foregroundDeletion');
  const collector = collectorFinalizer(finalizers, options);
  const next = collector === undefined ? others : [...others, collector];
  return sameSet(finalizers, next) ? [...finalizers] : next;
};

const collectorFinalizer = (finalizers: readonly string[], options: DeletionOptions): string | undefined => {
  if (options.orphanDependents !== undefined) return options.orphanDependents ? 'orphan' : undefined;
  if (options.propagationPolicy === 'Orphan') return 'orphan';
  if (options.propagationPolicy === 'Foreground') return 'foregroundDeletion';
  if (options.propagationPolicy === 'Background') return undefined;
  return finalizers.find((entry) => entry === 'orphan' || entry === 'foregroundDeletion');
};

const sameSet = (a: readonly string[], b: readonly string[]): boolean => {
  const left = new Set(a);
  const right = new Set(b);
  return left.size === right.size && [...left].every((entry) => right.has(entry));
};
