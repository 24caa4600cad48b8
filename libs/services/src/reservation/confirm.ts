import { formatAddress, parseAddressSloppy } from '@ipledger/ip';
import type { CreateService } from '../commands.js';
import type { ReservedRange } from '../pool/held-back.js';
import { refuse } from '../rejection.js';
import type { ServiceObject } from '../service.js';
import type { ClusterState } from '../state.js';

/**
 * The Service of an order that confirms a reservation. One that names no address gets the reserved one (of a range: the lowest
 * that nobody holds) as its primary address; one that names addresses must name one of the reservation.
 */
export const serviceOfReservation = ({ service, reservation: name, ...order }: CreateService, state: ClusterState): ServiceObject => {
  if (name === undefined) return service;
  const cluster = state.definition?.name ?? '';
  const reservation = state.reservations.get(name) ?? refuse({ code: 'reservation_not_found', cluster, reservation: name });
  const { clusterIP, clusterIPs = clusterIP === undefined ? [] : [clusterIP] } = service.spec;
  if (clusterIPs.some((text) => contains(reservation, text))) return service;
  if (clusterIPs.length > 0 || service.spec.type === 'ExternalName') refuse({ code: 'reservation_unused', cluster, reservation: name });
  const address = lowestFree(reservation, state) ?? refuse({ code: 'addresses_exhausted', name: service.metadata.name ?? order.namespace, family: reservation.record.family });
  return { ...service, spec: { ...service.spec, clusterIP: address, clusterIPs: [address] } };
};

const contains = ({ record, first, last }: ReservedRange, text: string): boolean => {
  const address = parseAddressSloppy(text)?.address;
  return address?.family === record.family && address.value >= first && address.value <= last;
};

const lowestFree = ({ record: { family }, first, last }: ReservedRange, state: ClusterState): string | undefined => {
  const value = state.taken[family].nextAbsent(first);
  return value <= last ? formatAddress({ family, value }) : undefined;
};
