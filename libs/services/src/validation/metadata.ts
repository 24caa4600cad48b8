import { EnumText, forbidden, goQuote, invalid, notSupported, required, tooLong, type FieldError } from '../field-error.js';
import type { ManagedFieldsEntry, ObjectMeta, OwnerReference, StringMap } from '../service.js';
import {
  addInvalid, annotationKeyProblems, labelProblems, labelValueProblems, pathSegmentProblems, qualifiedNameProblems, utf8Length, type Problems,
} from './formats.js';

/**
 * The rules for `metadata`. Errors come in upstream's order; what it checks several times over on an update is found
 * once here, because full validation drops repeats anyway.
 *
 * @see k8s.io/apimachinery pkg/api/validation/objectmeta.go, pkg/apis/meta/v1/validation/validation.go, Kubernetes v1.37.2
 */

const annotationBytesMax = 256 * 1024;
const fieldManagerBytesMax = 128;
const subresourceBytesMax = 256;
/** Each of these errors prints the whole list: without a limit a body of 3 MB is answered with many gigabytes. Upstream has none. */
const controllerErrorsMax = 10;
const plainFinalizers = new Set(['kubernetes', 'orphan', 'foregroundDeletion']);

type NameProblems = (text: string, isPrefix: boolean) => Problems;

/** @param metadata of a new Service: uid and creationTimestamp given, `generateName` expanded */
export const createMetadataErrors = (metadata: ObjectMeta): FieldError[] => {
  const errors: FieldError[] = [];
  checkGeneral(metadata, newNameProblems, errors);
  checkFinalizerNames(metadata.finalizers, errors);
  return errors;
};

/**
 * What the store settles before validation cannot be wrong here: name, namespace, generation, creationTimestamp, and a
 * uid, deletionTimestamp or grace period that the request left out (`next` then carries the stored one).
 */
export const updateMetadataErrors = (next: ObjectMeta, stored: ObjectMeta): FieldError[] => {
  const errors: FieldError[] = [];
  checkGeneral(next, pathSegmentProblems, errors);
  if (stored.deletionTimestamp !== undefined) checkNoNewFinalizers(next.finalizers ?? [], stored.finalizers ?? [], errors);
  checkImmutable(next, stored, errors);
  checkFinalizerNames(next.finalizers, errors);
  return errors;
};

/** Labels, and selectors, which follow the same rules: keys and values are reported at the map as a whole. */
export const checkLabels = (field: string, labels: StringMap | undefined, errors: FieldError[]): void => {
  for (const key in labels) {
    const value = labels[key] ?? '';
    addInvalid(errors, field, key, qualifiedNameProblems(key));
    addInvalid(errors, field, value, labelValueProblems(value));
  }
};

/** Who wrote: the `fieldManager` of a request, the `manager` of a managedFields entry. Empty is fine (it gets a default). */
export const checkFieldManager = (field: string, manager: string, errors: FieldError[]): void => {
  if (utf8Length(manager) > fieldManagerBytesMax) errors.push(tooLong(field, fieldManagerBytesMax));
  let position = 0;
  for (const character of manager) {
    if (!isPrintable(character)) {
      const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
      errors.push(invalid(field, manager, `invalid character U+${code} (at position ${position})`));
    }
    position += utf8Length(character);
  }
};

/** As Go's unicode.IsPrint. */
const isPrintable = (character: string): boolean => /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u.test(character);

const checkGeneral = (metadata: ObjectMeta, nameProblems: NameProblems, errors: FieldError[]): void => {
  const { generateName = '', name = '', namespace = '', generation = 0, finalizers, managedFields } = metadata;
  if (generateName !== '') addInvalid(errors, 'metadata.generateName', generateName, nameProblems(generateName, true));
  if (name === '') errors.push(required('metadata.name', 'name or generateName is required'));
  else addInvalid(errors, 'metadata.name', name, nameProblems(name, false));
  if (namespace === '') errors.push(required('metadata.namespace'));
  else addInvalid(errors, 'metadata.namespace', namespace, labelProblems(namespace));
  if (generation < 0) errors.push(invalid('metadata.generation', generation, 'must be greater than or equal to 0'));
  checkLabels('metadata.labels', metadata.labels, errors);
  checkAnnotations(metadata.annotations, errors);
  checkOwnerReferences(metadata.ownerReferences ?? [], errors);
  if (finalizers !== undefined) checkFinalizers(finalizers, errors);
  if (managedFields !== undefined) checkManagedFields(managedFields, errors);
};

/**
 * A Service name is an RFC 1123 label since 1.36. A prefix that ends in `-` is checked without its last two BYTES, plus
 * `a`. Half a character left over by that is never a label, so for such a prefix only the `-` is taken away here.
 */
const newNameProblems: NameProblems = (text, isPrefix) => {
  if (!isPrefix || text.length < 2 || !text.endsWith('-')) return labelProblems(text);
  return labelProblems(text.charCodeAt(text.length - 2) > 0x7f ? text.slice(0, -1) : `${text.slice(0, -2)}a`);
};

const checkAnnotations = (annotations: StringMap | undefined, errors: FieldError[]): void => {
  let units = 0;
  for (const key in annotations) {
    addInvalid(errors, 'metadata.annotations', key, annotationKeyProblems(key));
    units += key.length + (annotations[key] ?? '').length;
  }
  // A unit of UTF-16 is at most three bytes, so nearly always nothing has to be counted.
  if (annotations === undefined || units * 3 <= annotationBytesMax) return;
  let bytes = 0;
  for (const key in annotations) bytes += utf8Length(key) + utf8Length(annotations[key] ?? '');
  if (bytes > annotationBytesMax) errors.push(tooLong('metadata.annotations', annotationBytesMax));
};

const checkOwnerReferences = (references: readonly OwnerReference[], errors: FieldError[]): void => {
  let controller: string | undefined;
  let repeated = 0;
  for (const [i, reference] of references.entries()) {
    checkOwnerReference(`metadata.ownerReferences[${i}]`, reference, errors);
    if (reference.controller !== true) continue;
    const owner = `${reference.kind}/${reference.name}`;
    const detail = `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${owner}`;
    if (controller === undefined) controller = owner;
    else if (++repeated <= controllerErrorsMax) errors.push(invalid('metadata.ownerReferences', references.map(printedOwner), detail));
  }
};

const checkOwnerReference = (field: string, reference: OwnerReference, errors: FieldError[]): void => {
  const { apiVersion, kind } = reference;
  const [group, version] = groupAndVersion(apiVersion);
  if (apiVersion === '') errors.push(required(`${field}.apiVersion`, 'must not be empty'));
  else if (version === '') errors.push(invalid(`${field}.apiVersion`, apiVersion, 'must be <group>/<version> or <version>'));
  for (const part of ['kind', 'name', 'uid'] as const)
    if (reference[part] === '') errors.push(required(`${field}.${part}`, 'must not be empty'));
  if (group === '' && version === 'v1' && kind === 'Event')
    errors.push(invalid(field, printedOwner(reference), '/v1, Kind=Event is disallowed from being an owner'));
};

/** The version is empty when there is none, and when there are more than two parts. */
const groupAndVersion = (apiVersion: string): [group: string, version: string] => {
  const [first = '', second, ...more] = apiVersion.split('/');
  if (second === undefined) return ['', first];
  return more.length > 0 ? ['', ''] : [first, second];
};

/** In the order in which Go prints the members. */
const printedOwner = ({ apiVersion, kind, name, uid, controller, blockOwnerDeletion }: OwnerReference): OwnerReference => ({
  apiVersion, kind, name, uid, ...(controller !== undefined && { controller }), ...(blockOwnerDeletion !== undefined && { blockOwnerDeletion }),
});

const checkFinalizers = (finalizers: readonly string[], errors: FieldError[]): void => {
  for (const finalizer of finalizers) addInvalid(errors, 'metadata.finalizers', finalizer, qualifiedNameProblems(finalizer));
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion'))
    errors.push(invalid('metadata.finalizers', finalizers, 'finalizer orphan and foregroundDeletion cannot be both set'));
};

const checkFinalizerNames = (finalizers: readonly string[] = [], errors: FieldError[]): void => {
  for (const [i, finalizer] of finalizers.entries())
    if (!finalizer.includes('/') && !plainFinalizers.has(finalizer))
      errors.push(invalid(`metadata.finalizers[${i}]`, finalizer, 'name is neither a standard finalizer name nor is it fully qualified'));
};

/** A finalizer that came after the deletion would hold up an object whose owner believes everybody was asked. */
const checkNoNewFinalizers = (next: readonly string[], stored: readonly string[], errors: FieldError[]): void => {
  const known = new Set(stored);
  const added = [...new Set(next)].filter((finalizer) => !known.has(finalizer)).sort();
  if (added.length === 0) return;
  const shown = `[]string{${added.map(goQuote).join(', ')}}`;
  errors.push(forbidden('metadata.finalizers', `no new finalizers can be added if the object is being deleted, found new finalizers ${shown}`));
};

const checkImmutable = (next: ObjectMeta, stored: ObjectMeta, errors: FieldError[]): void => {
  const shown = (text: string | undefined): EnumText | undefined => (text === undefined ? undefined : new EnumText(text));
  const fail = (field: string, value: unknown): number => errors.push(invalid(`metadata.${field}`, value, 'field is immutable'));
  if (next.uid !== stored.uid) fail('uid', shown(next.uid));
  if (next.deletionTimestamp !== stored.deletionTimestamp) fail('deletionTimestamp', shown(next.deletionTimestamp));
  if (next.deletionGracePeriodSeconds !== stored.deletionGracePeriodSeconds) fail('deletionGracePeriodSeconds', next.deletionGracePeriodSeconds);
};

const checkManagedFields = (entries: readonly ManagedFieldsEntry[], errors: FieldError[]): void => {
  for (const [i, { operation = '', fieldsType = 'FieldsV1', manager = '', subresource = '' }] of entries.entries()) {
    const field = `metadata.managedFields[${i}]`;
    if (operation === '') errors.push(required(`${field}.operation`, 'must not be empty'));
    else if (operation !== 'Apply' && operation !== 'Update')
      errors.push(notSupported(`${field}.operation`, new EnumText(operation), ['Apply', 'Update']));
    if (fieldsType !== 'FieldsV1') errors.push(invalid(`${field}.fieldsType`, fieldsType, 'must be `FieldsV1`'));
    checkFieldManager(`${field}.manager`, manager, errors);
    if (utf8Length(subresource) > subresourceBytesMax) errors.push(tooLong(`${field}.subresource`, subresourceBytesMax));
  }
};
