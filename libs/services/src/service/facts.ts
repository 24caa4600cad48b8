import { formatAddress } from '@ipledger/ip';
import type { Event, PreviousService, ReleaseReason, ServiceRef } from '../events.js';
import type { ServiceObject } from '../service.js';
import type { ReleasedAddress, TakenAddress } from './cluster-ips.js';
import type { PortOperation } from './node-ports.js';

/** Turns what a decision took and gave back into events. Within a command these come first, the `service.*` event last. */
export const addressEvents = (
  service: ServiceRef, taken: readonly TakenAddress[], released: readonly ReleasedAddress[], reason: ReleaseReason,
): Event[] => [
  ...released.map(({ address, pool, band }): Event => ({
    type: 'ip.released',
    data: { address: formatAddress(address), family: address.family, cidr: pool?.name ?? null, band, reason, service },
  })),
  ...taken.map(({ address, pool, band, scope }): Event => ({
    type: 'ip.allocated',
    data: { address: formatAddress(address), family: address.family, cidr: pool.name, band, scope, service },
  })),
];

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
