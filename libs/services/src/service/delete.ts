import { encodeService } from '../codec/encode-service.js';
import type { DeleteService } from '../commands.js';
import type { Accepted } from '../decision.js';
import type { Event } from '../events.js';
import { releaseLoadBalancer } from '../load-balancer/serve.js';
import { refuse } from '../rejection.js';
import { needsHealthCheckPort, type ServiceObject } from '../service.js';
import { serviceKey, type ClusterState } from '../state.js';
import { heldAddresses } from './cluster-ips.js';
import { parseDocument, readDocument } from './document.js';
import { addressEvents, portEvents, previousOf, refOf } from './facts.js';
import { deletionFinalizers, timestamp } from './metadata.js';
import { PortOperation } from './node-ports.js';
import { Draws } from '../draws.js';
import { fillClusterIPs, nodePortsOf } from './normalise.js';

/**
 * Deletes a Service, or marks it as being deleted while finalizers hold it: then it keeps its addresses and ports. Removal
 * and release are one commit (difference 2).
 * @see k8s.io/apiserver/pkg/registry/generic/registry/store.go Delete, Kubernetes v1.37.2
 */
export const deleteService = (command: DeleteService, state: ClusterState, storedText: string | undefined): Accepted => {
  if (storedText === undefined) return refuse({ code: 'not_found', name: command.name });
  const stored = parseDocument(storedText);
  refusePreconditions(command, stored);
  const finalizers = deletionFinalizers(stored.metadata.finalizers ?? [], command.options);
  return finalizers.length > 0 ? markDeleted(command, stored, storedText, finalizers, state) : remove(command, stored, state);
};

const refusePreconditions = (command: DeleteService, stored: ServiceObject): void => {
  const wanted = command.options.preconditions;
  const { uid = '', resourceVersion = '' } = stored.metadata;
  const fail = (what: 'UID' | 'ResourceVersion', given: string, has: string): never =>
    refuse({ code: 'precondition_failed', name: command.name, what, given, stored: has });
  if (wanted?.uid !== undefined && wanted.uid !== uid) fail('UID', wanted.uid, uid);
  if (wanted?.resourceVersion !== undefined && wanted.resourceVersion !== resourceVersion) fail('ResourceVersion', wanted.resourceVersion, resourceVersion);
};

const markDeleted = (command: DeleteService, stored: ServiceObject, storedText: string, finalizers: string[], state: ClusterState): Accepted => {
  const status = command.options.orphanDependents === false ? 202 : 200;
  const metadata = { ...stored.metadata, finalizers, deletionGracePeriodSeconds: 0 };
  if (metadata.deletionTimestamp === undefined) {
    if ((metadata.generation ?? 0) > 0) metadata.generation = (metadata.generation ?? 0) + 1;
    metadata.deletionTimestamp = timestamp(command.time);
  }
  const next = { ...stored, metadata };
  const unmoved = encodeService(next);
  if (command.dryRun || unmoved === storedText) return { outcome: 'accepted', events: [], document: unmoved, answer: unmoved, status, warnings: [] };

  metadata.resourceVersion = String(state.revision + 1);
  const document = encodeService(next);
  const marked: Event = { type: 'service.updated', data: { service: refOf(stored), previous: previousOf(stored), object: next } };
  return { outcome: 'accepted', events: [marked], document, answer: document, status, warnings: [] };
};

const remove = (command: DeleteService, stored: ServiceObject, state: ClusterState): Accepted => {
  const last = { ...stored, metadata: { ...stored.metadata } };
  const events = command.dryRun ? [] : deletionEvents(stored, state, last, command.time);
  return { outcome: 'accepted', events, answer: readDocument(encodeService(last), state.families[0]), status: 200, warnings: [] };
};

/**
 * Releases everything that a Service holds, and reports it gone.
 * @param stored the Service as it is
 * @param last its last state; gets the revision of the deletion as its resourceVersion in the event
 */
export const deletionEvents = (stored: ServiceObject, state: ClusterState, last: ServiceObject, time: Date): Event[] => {
  const service = refOf(stored);
  const ports = new PortOperation(state, new Draws([0, 0, 0, 0]), false);
  const holder = serviceKey(service.namespace, service.name);
  ports.release(nodePortsOf(stored.spec), holder);
  if (needsHealthCheckPort(stored.spec) && stored.spec.healthCheckNodePort !== undefined) ports.release([stored.spec.healthCheckNodePort], holder);
  const spec = { ...stored.spec };
  fillClusterIPs(spec);
  const released = [
    ...addressEvents(service, [], heldAddresses(spec, state), 'deleted', time),
    ...portEvents(service, ports, stored, 'deleted'),
    ...releaseLoadBalancer(stored, 'deleted', state, time),
  ];
  last.metadata.resourceVersion = String(state.revision + released.length + 1);
  return [...released, { type: 'service.deleted', data: { service, previous: previousOf(stored), object: last } }];
};
