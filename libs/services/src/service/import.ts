import { formatAddress, parseAddressSloppy, type Address } from '@ipledger/ip';
import { encodeService } from '../codec/encode-service.js';
import type { ForgetService, ImportService } from '../commands.js';
import type { Accepted } from '../decision.js';
import { Draws } from '../draws.js';
import type { Event } from '../events.js';
import { bandOf, isUsable, poolOf } from '../pool/pool.js';
import { importLoadBalancer } from '../load-balancer/import-lb.js';
import { refuse, refuseInvalid } from '../rejection.js';
import { hasNodePorts, isExternalName, isHeadless, needsHealthCheckPort, type ServiceObject } from '../service.js';
import { serviceKey, type ClusterState } from '../state.js';
import { validateCreate } from '../validation/service.js';
import { heldAddresses, type ReleasedAddress, type TakenAddress } from './cluster-ips.js';
import { deletionEvents } from './delete.js';
import { copyService, parseDocument } from './document.js';
import { addressEvents, portEvents, previousOf, refOf } from './facts.js';
import { PortOperation } from './node-ports.js';
import { fillClusterIPs, nodePortsOf } from './normalise.js';

/**
 * Takes over a Service as another API server has it: uid, times, addresses, node ports, families and owners as they are. Nothing
 * is chosen here and nothing is made up; what does not fit is refused with every reason. The same Service again changes nothing.
 */
export const importService = (command: ImportService, state: ClusterState, storedText: string | undefined): Accepted => {
  const next = copyService(command.service);
  next.metadata.namespace = command.namespace;
  fillClusterIPs(next.spec);
  const stored = storedText === undefined ? undefined : parseDocument(storedText);
  const draws = new Draws(command.seed);
  const lb = importLoadBalancer(next, stored, state, draws, command.time);
  if (stored !== undefined && sameButRevision(next, stored, storedText ?? '')) return unchanged(storedText ?? '');
  const ports = new PortOperation(state, draws, false);
  const claims = claimsOf(next, stored, state, ports);
  const conflicts = [...identityConflicts(command, next, stored), ...claims.conflicts, ...lb.conflicts];
  if (conflicts.length > 0) return refuse({ code: 'import_conflict', name: command.name, conflicts });
  refuseInvalid(command.name, validateCreate(next));
  return settle(command, next, stored, [
    ...addressEvents(refOf(next), claims.taken, claims.released, isExternalName(next.spec) ? 'type-changed' : 'downgraded', command.time),
    ...portEvents(refOf(next), ports, stored, 'dropped'),
    ...lb.events,
  ], state);
};

/** Removes what the other API server has no longer, whatever finalizers it carried there. Nothing happens when it is another Service by now. */
export const forgetService = (command: ForgetService, state: ClusterState, storedText: string | undefined): Accepted => {
  const stored = storedText === undefined ? undefined : parseDocument(storedText);
  if (stored === undefined || (command.uid !== null && stored.metadata.uid !== command.uid)) return { outcome: 'accepted', events: [], status: 200, warnings: [] };
  const last = { ...stored, metadata: { ...stored.metadata } };
  return { outcome: 'accepted', events: command.dryRun ? [] : deletionEvents(stored, state, last, command.time), status: 200, warnings: [] };
};

const unchanged = (document: string): Accepted => ({ outcome: 'accepted', events: [], document, answer: document, status: 200, warnings: [] });

const sameButRevision = (next: ServiceObject, stored: ServiceObject, storedText: string): boolean =>
  encodeService({ ...next, metadata: { ...next.metadata, resourceVersion: stored.metadata.resourceVersion } }) === storedText;

const identityConflicts = ({ existing, name }: ImportService, { metadata }: ServiceObject, stored: ServiceObject | undefined): string[] => {
  if (metadata.name !== name || metadata.uid === undefined || metadata.creationTimestamp === undefined)
    return ['it has no metadata.name, metadata.uid or metadata.creationTimestamp: export it from the cluster that runs it'];
  if (stored === undefined) return [];
  if (stored.metadata.uid !== metadata.uid) return [`another Service has this name here, with uid ${stored.metadata.uid}`];
  return existing === 'keep' ? ['it is here already, and differs'] : [];
};

interface Claims {
  taken: TakenAddress[];
  released: ReleasedAddress[];
  conflicts: string[];
}

/** What it holds there and not here yet, and the other way round. Fills `ports`. */
const claimsOf = (next: ServiceObject, stored: ServiceObject | undefined, state: ClusterState, ports: PortOperation): Claims => {
  const before = stored === undefined ? [] : heldAddresses(filled(stored), state);
  const [wanted, conflicts] = addressesIn(next);
  const taken: TakenAddress[] = [];
  for (const address of wanted) {
    if (before.some((held) => sameAddress(held.address, address))) continue;
    const pool = poolOf(state.pools, address);
    const why = whyNot(address, state);
    if (why !== undefined || pool === undefined) conflicts.push(`${formatAddress(address)} ${why ?? 'is in no pool'}`);
    else taken.push({ address, pool, band: bandOf(pool, address.value), scope: 'static' });
  }
  const released = before.filter(({ address }) => !wanted.some((other) => sameAddress(other, address)));
  return { taken, released, conflicts: [...conflicts, ...takePorts(next, stored, ports)] };
};

const filled = (service: ServiceObject): ServiceObject['spec'] => {
  const spec = { ...service.spec };
  fillClusterIPs(spec);
  return spec;
};

const sameAddress = (a: Address, b: Address): boolean => a.family === b.family && a.value === b.value;

const addressesIn = ({ spec }: ServiceObject): [Address[], string[]] => {
  if (isExternalName(spec) || isHeadless(spec)) return [[], []];
  const texts = spec.clusterIPs ?? [];
  if (texts.length === 0) return [[], ['it has no spec.clusterIPs: an address is not chosen for it here']];
  const addresses = texts.flatMap((text) => parseAddressSloppy(text)?.address ?? []);
  return [addresses, addresses.length < texts.length ? [`spec.clusterIPs: ${JSON.stringify(texts)} holds what is no address`] : []];
};

/** A cool-down keeps nobody away who holds the address already, and a draining pool keeps what it has. */
const whyNot = (address: Address, state: ClusterState): string | undefined => {
  const pool = poolOf(state.pools, address);
  if (pool === undefined || !isUsable(pool, address.value)) return 'lies in no range of this cluster';
  if (state.taken[address.family].has(address.value)) return 'is held by another Service';
  const reservation = state.reservationOf(address);
  return reservation && `is reserved as ${reservation.record.name}`;
};

/** @returns why a number cannot be had */
const takePorts = (next: ServiceObject, stored: ServiceObject | undefined, operation: PortOperation): string[] => {
  const { namespace = '', name = '' } = next.metadata;
  const [wanted, before] = [portsIn(next), stored === undefined ? new Map<number, 'node-port' | 'health-check'>() : portsIn(stored)];
  operation.release([...before.keys()].filter((port) => !wanted.has(port)), serviceKey(namespace, name));
  return [...wanted].flatMap(([port, purpose]) => {
    const why = before.has(port) ? undefined : operation.take(port, purpose);
    return why === undefined ? [] : [`port ${port}: ${why}`];
  });
};

const portsIn = ({ spec }: ServiceObject): Map<number, 'node-port' | 'health-check'> => new Map([
  // An ExternalName Service may carry numbers, but holds none (spec 6.1).
  ...(hasNodePorts(spec) ? nodePortsOf(spec) : []).map((port) => [port, 'node-port'] as const),
  ...(needsHealthCheckPort(spec) && spec.healthCheckNodePort !== undefined ? [[spec.healthCheckNodePort, 'health-check'] as const] : []),
]);

const settle = (command: ImportService, next: ServiceObject, stored: ServiceObject | undefined, claims: readonly Event[], state: ClusterState): Accepted => {
  next.metadata.resourceVersion = String(state.revision + claims.length + 1);
  const document = encodeService(next);
  const last: Event = stored === undefined
    ? { type: 'service.created', data: { service: refOf(next), object: next } }
    : { type: 'service.updated', data: { service: refOf(next), previous: previousOf(stored), object: next } };
  return { outcome: 'accepted', events: command.dryRun ? [] : [...claims, last], document, answer: document, status: stored === undefined ? 201 : 200, warnings: [] };
};
