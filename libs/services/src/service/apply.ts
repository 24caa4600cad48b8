import { readConfiguration } from '../codec/configuration.js';
import { decodeService } from '../codec/decode-service.js';
import { isJsonObject, emptyObject, type JsonObject, type JsonValue } from '../codec/json-reader.js';
import { checkIdentity, treeOf } from '../codec/patch-service.js';
import type { ServiceConfiguration, UpdateService } from '../commands.js';
import { goQuote } from '../field-error.js';
import { applyFields, conflictsByField } from '../managed-fields/apply.js';
import { annotatingManager, conflictsBeyondLastApplied, keepAnnotation } from '../managed-fields/last-applied.js';
import { trackWrite } from '../managed-fields/track.js';
import { refuse } from '../rejection.js';
import type { ManagedFieldsEntry, ServiceObject } from '../service.js';
import { applyStaticDefaults } from '../static-defaults.js';
import { timestamp } from './metadata.js';

/** Who owns the fields of an object that nobody tracked before its first apply. */
const firstOwner = 'before-first-apply';

/**
 * The Service as a server-side apply wants it, statically defaulted, with its managedFields; and what to warn about.
 * @param stored the Service as stored, not changed; undefined when there is none
 * @throws Refusal `bad_request` (the configuration is none, or another object's), `apply_conflict`, `uid_unknown`
 * @see KEP-555; k8s.io/apiserver/pkg/endpoints/handlers/patch.go and apimachinery's managedfields, Kubernetes v1.37.2
 */
export const applyService = (stored: ServiceObject | undefined, change: ServiceConfiguration, command: UpdateService): { service: ServiceObject; warnings: string[] } => {
  const { fieldManager: manager, subresource } = command;
  const time = timestamp(command.time);
  const configuration = readConfiguration(change.configuration);
  const live = stored === undefined ? emptyObject() : liveTree(stored);
  const entries = stored === undefined ? [] : entriesOf(stored, command, time);
  const applied = applyFields({ live, entries, configuration, manager, subresource, time });
  if (!change.force) {
    const conflicts = manager === annotatingManager ? conflictsBeyondLastApplied(applied.conflicts, live) : applied.conflicts;
    if (conflicts.length > 0) refuse({ code: 'apply_conflict', conflicts: conflictsByField(conflicts) });
  }
  const warnings = repeatedFields(change);
  const next = serviceFrom(applied.merged);
  if (manager === annotatingManager) keepAnnotation(next.metadata, configuration);
  if (stored === undefined && next.metadata.uid !== undefined) refuse({ code: 'uid_unknown', name: command.name, given: next.metadata.uid });
  checkIdentity(next.metadata, command);
  next.metadata.managedFields = applied.entries.length > 0 ? applied.entries : undefined;
  return { service: next, warnings };
};

/** Warned about in the words of the other writes; upstream's words have line numbers of YAML. */
const repeatedFields = ({ duplicates, fieldValidation }: ServiceConfiguration): string[] => {
  const notes = duplicates.map((path) => `duplicate field ${goQuote(path)}`);
  if (fieldValidation === 'Strict' && notes.length > 0) refuse({ code: 'bad_request', message: `strict decoding error: ${notes.join(', ')}` });
  return fieldValidation === 'Warn' ? notes : [];
};

const liveTree = (stored: ServiceObject): JsonObject => {
  const { managedFields: _, ...metadata } = stored.metadata;
  return treeOf({ ...stored, metadata });
};

const entriesOf = (stored: ServiceObject, { subresource }: UpdateService, time: string): ManagedFieldsEntry[] =>
  stored.metadata.managedFields ?? trackWrite({ live: undefined, next: stored, manager: firstOwner, subresource, time }) ?? [];

const serviceFrom = (merged: JsonValue): ServiceObject => {
  const decoded = decodeService(isJsonObject(merged) ? merged : emptyObject(), []);
  if ('failure' in decoded) return refuse({ code: 'bad_request', message: `the configuration applied makes no Service: ${decoded.failure}` });
  return applyStaticDefaults(decoded.service);
};
