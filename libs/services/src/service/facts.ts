import { formatAddress } from '@ipledger/ip';
import type { Event, PreviousService, ReleaseReason, ServiceRef } from '../events.js';
import type { Pool } from '../pool/pool.js';
import type { ServiceObject } from '../service.js';
import type { ReleasedAddress, TakenAddress } from './cluster-ips.js';
import type { PortOperation } from './node-ports.js';

/** Turns what a decision took and gave back into events. Within a command these come first, the `service.*` event last. */
export const addressEvents = (
  service: ServiceRef, taken: readonly TakenAddress[], released: readonly ReleasedAddress[], reason: ReleaseReason, time: Date,
): Event[] => [
  ...taken.flatMap(({ reservation }): Event[] =>
    reservation === undefined || reservation.first !== reservation.last ? [] : [{ type: 'reservation.released', data: { reservation: reservation.record, reason: 'confirmed', service } }]),
  ...released.map(({ address, pool, band }): Event => ({
    type: 'ip.released',
    data: { address: formatAddress(address), family: address.family, cidr: pool?.name ?? null, band, reason, service, ...coolDown(pool, time) },
  })),
  ...taken.map(({ address, pool, band, scope, reservation }): Event => ({
    type: 'ip.allocated',
    data: { address: formatAddress(address), family: address.family, cidr: pool.name, band, scope, service, ...(reservation && { reservation: reservation.record.name }) },
  })),
];

export const coolDown = (pool: Pool | undefined, time: Date): { coolsUntil?: string } =>
  pool === undefined || pool.coolDownSeconds === 0 ? {} : { coolsUntil: new Date(time.getTime() + pool.coolDownSeconds * 1000).toISOString() };

export const portEvents = (service: ServiceRef, operation: PortOperation, stored: ServiceObject | undefined, reason: ReleaseReason | 'dropped'): Event[] => [
  ...operation.released.map((port): Event => ({
    type: 'port.released',
    data: { port, purpose: stored?.spec.healthCheckNodePort === port ? 'health-check' : 'node-port', reason, service },
  })),
  ...operation.taken.map((taken): Event => ({ type: 'port.allocated', data: { ...taken, service } })),
];

export const refOf = (service: ServiceObject): ServiceRef => ({
  namespace: service.metadata.namespace ?? '',
  name: service.metadata.name ?? '',
  uid: service.metadata.uid ?? '',
});

export const previousOf = (stored: ServiceObject): PreviousService => ({
  revision: Number(stored.metadata.resourceVersion),
  labels: stored.metadata.labels ?? {},
  type: stored.spec.type ?? '',
  clusterIP: stored.spec.clusterIP ?? '',
});
