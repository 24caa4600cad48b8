import { encodeService } from '../codec/encode-service.js';
import { patchService } from '../codec/patch-service.js';
import type { UpdateService } from '../commands.js';
import type { Accepted } from '../decision.js';
import { Draws } from '../draws.js';
import type { Event } from '../events.js';
import { serveLoadBalancer } from '../load-balancer/serve.js';
import { keepAssigned } from '../load-balancer/status.js';
import { sameButTimes, trackWrite } from '../managed-fields/track.js';
import { refuse, refuseInvalid, withWarnings } from '../rejection.js';
import { isExternalName, type ServiceObject } from '../service.js';
import { serviceKey, type ClusterState } from '../state.js';
import { validateStatusUpdate, validateUpdate } from '../validation/service.js';
import { serviceWarnings, statusWarnings } from '../validation/warnings.js';
import { applyService } from './apply.js';
import { changeAddresses } from './cluster-ips.js';
import { prepareNew, trackNew } from './create.js';
import { deletionEvents } from './delete.js';
import { copyService, parseDocument, readDocument } from './document.js';
import { addressEvents, portEvents, previousOf, refOf } from './facts.js';
import { settleFamilies } from './ip-families.js';
import { dropRepeatedOwners, keepSystemFields, namedRevision, timestamp } from './metadata.js';
import { PortOperation, changePorts } from './node-ports.js';
import { alignClusterIPs, restoreAllocated, wipeForType } from './normalise.js';
import { applyReadDefaults } from './read-defaults.js';

/**
 * Replaces, patches or applies a Service or its `/status`.
 * @see k8s.io/apiserver/pkg/registry/generic/registry/store.go Update; pkg/registry/core/service/storage, Kubernetes v1.37.2
 */
export const updateService = (command: UpdateService, state: ClusterState, storedText: string | undefined): Accepted => {
  if (storedText === undefined) return updateMissing(command, state);
  const stored = parseDocument(storedText);
  const { next, warnings } = requestedObject(command, stored);
  return withWarnings(warnings, () => {
    const { uid } = next.metadata;
    if (command.change.kind === 'replace' && uid !== undefined && uid !== stored.metadata.uid) refuseUid(command, uid, stored.metadata.uid ?? '');
    return updateStored(command, state, storedText, stored, next);
  });
};

const updateStored = (command: UpdateService, state: ClusterState, storedText: string, stored: ServiceObject, next: ServiceObject): Accepted => {
  const named = namedRevision(next.metadata);
  if (named !== undefined && named !== stored.metadata.resourceVersion) refuse({ code: 'stale_revision', name: command.name });
  if (command.change.kind !== 'apply') {
    next.metadata.managedFields = trackWrite({
      live: stored, next, manager: command.fieldManager, subresource: command.subresource, time: timestamp(command.time),
    });
  }
  const change = command.subresource === 'status' ? changeStatus(next, stored) : changeSpec(next, stored, command, state);
  return { ...settle(next, stored, storedText, change.claims, command, state), warnings: change.warnings };
};

/** A PUT or an apply to a missing name creates. Not through `/status`, where upstream's PUT would make a Service without addresses. */
const updateMissing = (command: UpdateService, state: ClusterState): Accepted => {
  const { change } = command;
  if (change.kind === 'patch' || command.subresource === 'status') return refuse({ code: 'not_found', name: command.name });
  const { service: next, warnings } = change.kind === 'apply' ? applyService(undefined, change, command) : { service: copyService(change.service), warnings: [] };
  return withWarnings([...warnings, ...dropRepeatedOwners(next.metadata, afterAdmission(change.kind))], () => {
    if (change.kind === 'replace') {
      if (next.metadata.uid !== undefined) refuseUid(command, next.metadata.uid, '');
      trackNew(next, command);
    }
    namedRevision(next.metadata);
    return prepareNew(next, command, state, new Draws(command.seed));
  });
};

/** Of a PATCH, repeated owner references are looked for after admission only, and the warning says so. */
const afterAdmission = (kind: UpdateService['change']['kind']): '' | ' after mutating admission happens' =>
  kind === 'replace' ? '' : ' after mutating admission happens';

const requestedObject = (command: UpdateService, stored: ServiceObject): { next: ServiceObject; warnings: string[] } => {
  const { change } = command;
  const { service: next, warnings } = changedObject(change, command, stored);
  return { next, warnings: [...warnings, ...dropRepeatedOwners(next.metadata, afterAdmission(change.kind))] };
};

const changedObject = (change: UpdateService['change'], command: UpdateService, stored: ServiceObject): { service: ServiceObject; warnings: string[] } => {
  if (change.kind === 'patch') return patchService(stored, change, command);
  if (change.kind === 'apply') return applyService(stored, change, command);
  const service = copyService(change.service);
  service.metadata.namespace ??= command.namespace;
  return { service, warnings: [] };
};

const refuseUid = (command: UpdateService, given: string, stored: string): never =>
  refuse({ code: 'uid_mismatch', namespace: command.namespace, name: command.name, given, stored, dryRun: command.dryRun });

interface Change {
  claims: Event[];
  warnings: string[];
}

/** The allocation hook, then what the system keeps, then full validation. Changes `next` and `stored` in place. */
const changeSpec = (next: ServiceObject, stored: ServiceObject, command: UpdateService, state: ClusterState): Change => {
  const draws = new Draws(command.seed);
  applyReadDefaults(stored, state.families[0]);
  restoreAllocated(next.spec, stored.spec);
  alignClusterIPs(next.spec, stored.spec);
  settleFamilies(next, stored, state.families);
  const { taken, released } = changeAddresses(next, stored, state, draws);
  const ports = new PortOperation(state, draws, command.dryRun);
  changePorts(next, stored, serviceKey(command.namespace, command.name), ports);

  next.status = stored.status;
  wipeForType(next, stored);
  keepSystemFields(next.metadata, stored.metadata);
  refuseInvalid(next.metadata.name, validateUpdate(next, stored));

  const service = refOf(stored);
  const reason = isExternalName(next.spec) ? 'type-changed' : 'downgraded';
  const portReason = next.spec.type === stored.spec.type ? 'dropped' : 'type-changed';
  return {
    claims: [
      ...addressEvents(service, taken, released, reason, command.time), ...portEvents(service, ports, stored, portReason),
      ...serveLoadBalancer(next, stored, state, draws, command),
    ],
    warnings: serviceWarnings(next),
  };
};

/** `/status` has no allocation hook: `spec` stays as stored, and metadata may change (under the rules of metadata). */
const changeStatus = (next: ServiceObject, stored: ServiceObject): Change => {
  next.spec = stored.spec;
  keepSystemFields(next.metadata, stored.metadata);
  refuseInvalid(next.metadata.name, validateStatusUpdate(next, stored));
  next.status = keepAssigned(next.status, stored);
  return { claims: [], warnings: statusWarnings(next) };
};

/** A write that would change nothing but the times of owners keeps those, so that it is none. Changes `next`. */
const encodeUnlessTimes = (next: ServiceObject, stored: ServiceObject): string => {
  const { managedFields } = next.metadata;
  const before = stored.metadata.managedFields;
  if (managedFields === before || !sameButTimes(managedFields ?? [], before ?? [])) return encodeService(next);
  next.metadata.managedFields = before;
  const untimed = encodeService(next);
  if (untimed === encodeService(stored)) return untimed;
  next.metadata.managedFields = managedFields;
  return encodeService(next);
};

/** Written, left as it is, or (the last finalizer of a Service being deleted is gone) deleted. */
const settle = (
  next: ServiceObject, stored: ServiceObject, storedText: string, claims: Event[], command: UpdateService, state: ClusterState,
): Omit<Accepted, 'warnings'> => {
  const status = 200;
  const answerOf = (document: string): string => (command.subresource === 'status' ? document : readDocument(document, state.families[0]));
  next.metadata.resourceVersion = stored.metadata.resourceVersion;
  const unmoved = encodeUnlessTimes(next, stored);
  if (stored.metadata.deletionTimestamp !== undefined && (next.metadata.finalizers?.length ?? 0) === 0) {
    // The answer is the object of the request, without read defaults and with the revision it had, as upstream: the deletion is not shown.
    const last = parseDocument(storedText);
    const events = command.dryRun ? [] : deletionEvents(last, state, { ...last, metadata: { ...last.metadata } }, command.time);
    return { outcome: 'accepted', events, answer: unmoved, status };
  }
  if (command.dryRun || unmoved === storedText) return { outcome: 'accepted', events: [], document: unmoved, answer: answerOf(unmoved), status };

  next.metadata.resourceVersion = String(state.revision + claims.length + 1);
  const document = encodeService(next);
  const updated: Event = { type: 'service.updated', data: { service: refOf(stored), previous: previousOf(stored), object: next } };
  return { outcome: 'accepted', events: [...claims, updated], document, answer: answerOf(document), status };
};
