import { encodeService } from '../codec/encode-service.js';
import type { CreateService } from '../commands.js';
import type { Accepted } from '../decision.js';
import { Draws } from '../draws.js';
import { serveLoadBalancer } from '../load-balancer/serve.js';
import { trackWrite } from '../managed-fields/track.js';
import { serviceOfReservation } from '../reservation/confirm.js';
import { refuse, refuseInvalid, withWarnings } from '../rejection.js';
import type { ServiceObject } from '../service.js';
import { serviceKey, type ClusterState } from '../state.js';
import { validateCreate } from '../validation/service.js';
import { serviceWarnings } from '../validation/warnings.js';
import { takeAddresses } from './cluster-ips.js';
import { copyService, parseDocument, readDocument } from './document.js';
import { addressEvents, portEvents, refOf } from './facts.js';
import { settleFamilies } from './ip-families.js';
import { dropRepeatedOwners, stampNew, timestamp, wipeSystemFields } from './metadata.js';
import { PortOperation, takePorts } from './node-ports.js';
import { fillClusterIPs } from './normalise.js';

const generatedNameTriesMax = 8;
/** What is left of 63 bytes for `generateName` before the five generated characters. */
const generatedNameBaseBytesMax = 58;

/**
 * Creates a Service. The order of the steps is the order of upstream's checks and decides which refusal a caller sees: the
 * allocation hook (families, addresses, ports), full validation, a resourceVersion in the body, then whether the name exists.
 * @see k8s.io/apiserver/pkg/registry/generic/registry/store.go Create; pkg/registry/core/service/storage, Kubernetes v1.37.2
 */
export const createService = (command: CreateService, state: ClusterState, stored: string | undefined): Accepted => {
  const draws = new Draws(command.seed);
  const service = serviceOfReservation(command, state);
  const base = service.metadata.generateName;
  if (service.metadata.name !== undefined || base === undefined) return createNamed(command, service, state, draws, stored);
  for (let attempt = 1; ; attempt++) {
    const name = utf8Prefix(base, generatedNameBaseBytesMax) + draws.nameSuffix();
    const named = { ...service, metadata: { ...service.metadata, name } };
    const last = attempt === generatedNameTriesMax;
    if (last || !state.services.has(serviceKey(command.namespace, name))) return createNamed(command, named, state, draws, undefined);
  }
};

const createNamed = (
  command: CreateService, service: ServiceObject, state: ClusterState, draws: Draws, stored: string | undefined,
): Accepted => {
  const next = copyService(service);
  return withWarnings(dropRepeatedOwners(next.metadata, ''), () => {
    wipeSystemFields(next.metadata);
    trackNew(next, command);
    const created = prepareNew(next, command, state, draws);
    if (!command.dryRun) refuseRevision(service.metadata.resourceVersion ?? '', created.warnings);
    if (state.services.has(serviceKey(command.namespace, next.metadata.name ?? ''))) refuseExisting(next, stored, created.warnings);
    return created;
  });
};

export type NewServiceOrder = Pick<CreateService, 'namespace' | 'newUid' | 'time' | 'dryRun' | 'fieldManager' | 'reservation' | 'sharedPools'>;

/** Whoever creates an object owns every field that the request gave it. Changes `next` in place. */
export const trackNew = (next: ServiceObject, order: NewServiceOrder): void => {
  next.metadata.managedFields = trackWrite({ live: undefined, next, manager: order.fieldManager, subresource: null, time: timestamp(order.time) });
};

/**
 * Everything about a new object but its owners and its name being free; also used by a PUT or an apply that creates.
 * Changes `next` in place.
 */
export const prepareNew = (
  next: ServiceObject, order: NewServiceOrder, state: ClusterState, draws: Draws,
): Accepted => {
  stampNew(next.metadata, order.namespace, order.newUid, order.time);
  fillClusterIPs(next.spec);
  settleFamilies(next, undefined, state.families);
  const taken = takeAddresses(next, state, draws, order.reservation);
  const ports = new PortOperation(state, draws, order.dryRun);
  takePorts(next, ports);
  next.status = { loadBalancer: {} };
  refuseInvalid(next.metadata.name, validateCreate(next));

  const service = refOf(next);
  const claims = [
    ...addressEvents(service, taken, [], 'deleted', order.time), ...portEvents(service, ports, undefined, 'deleted'),
    ...serveLoadBalancer(next, undefined, state, draws, order),
  ];
  return settleNew(next, claims, state, order.dryRun);
};

const settleNew = (next: ServiceObject, claims: Accepted['events'], state: ClusterState, dryRun: boolean): Accepted => {
  if (!dryRun) next.metadata.resourceVersion = String(state.revision + claims.length + 1); // A dry run shows the one that was given, as upstream.
  const document = encodeService(next);
  return {
    outcome: 'accepted',
    events: dryRun ? [] : [...claims, { type: 'service.created', data: { service: refOf(next), object: next } }],
    document,
    answer: readDocument(document, state.families[0]),
    status: 201,
    warnings: serviceWarnings(next),
  };
};

/** Upstream answers a bare 500; one that is no number is ignored, and a dry run ignores both (difference 9). */
const refuseRevision = (given: string, warnings: readonly string[]): void => {
  if (/^\d+$/.test(given) && !/^0+$/.test(given))
    refuse({ code: 'bad_request', message: 'metadata.resourceVersion: should not be set on objects to be created; leave it out' }, warnings);
};

const refuseExisting = (next: ServiceObject, stored: string | undefined, warnings: readonly string[]): never =>
  refuse({
    code: 'already_exists',
    name: next.metadata.name ?? '',
    generated: next.metadata.generateName !== undefined,
    beingDeleted: stored !== undefined && parseDocument(stored).metadata.deletionTimestamp !== undefined,
  }, warnings);

const utf8Prefix = (text: string, bytesMax: number): string =>
  text.slice(0, new TextEncoder().encodeInto(text, new Uint8Array(bytesMax)).read);
