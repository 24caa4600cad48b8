import clusterRegistered from './cluster.registered.v1.schema.json' with { type: 'json' };
import clusterCidrsDeclared from './cluster.cidrs-declared.v1.schema.json' with { type: 'json' };
import clusterCidrAdded from './cluster.cidr-added.v1.schema.json' with { type: 'json' };
import clusterCidrDraining from './cluster.cidr-draining.v1.schema.json' with { type: 'json' };
import clusterCidrRemoved from './cluster.cidr-removed.v1.schema.json' with { type: 'json' };
import clusterNetworkDeclared from './cluster.network-declared.v1.schema.json' with { type: 'json' };
import clusterPoolConfigured from './cluster.pool-configured.v1.schema.json' with { type: 'json' };
import clusterLoadBalancingDeclared from './cluster.load-balancing-declared.v1.schema.json' with { type: 'json' };
import lbPoolConfigured from './lb-pool.configured.v1.schema.json' with { type: 'json' };
import lbPoolRemoved from './lb-pool.removed.v1.schema.json' with { type: 'json' };
import lbMemberJoined from './lb-member.joined.v1.schema.json' with { type: 'json' };
import lbMemberLeft from './lb-member.left.v1.schema.json' with { type: 'json' };
import lbAddressAttached from './lb-address.attached.v1.schema.json' with { type: 'json' };
import lbAddressDetached from './lb-address.detached.v1.schema.json' with { type: 'json' };
import clusterRemoved from './cluster.removed.v1.schema.json' with { type: 'json' };
import serviceCreated from './service.created.v1.schema.json' with { type: 'json' };
import serviceUpdated from './service.updated.v1.schema.json' with { type: 'json' };
import serviceDeleted from './service.deleted.v1.schema.json' with { type: 'json' };
import ipAllocated from './ip.allocated.v1.schema.json' with { type: 'json' };
import ipReleased from './ip.released.v1.schema.json' with { type: 'json' };
import portAllocated from './port.allocated.v1.schema.json' with { type: 'json' };
import portReleased from './port.released.v1.schema.json' with { type: 'json' };
import reservationMade from './reservation.made.v1.schema.json' with { type: 'json' };
import reservationReleased from './reservation.released.v1.schema.json' with { type: 'json' };
import type { Event } from '../events.js';

/** The major version that events are written with. Within it members are only added, so that nobody who reads must change. */
export const eventMajor = 1;

/** JSON Schema 2020-12 of the data of each type of event, by the type as it is sent: with its major version. */
export const eventSchemas: Readonly<Record<`${Event['type']}.v${typeof eventMajor}`, { readonly $id: string }>> = {
  'cluster.registered.v1': clusterRegistered,
  'cluster.cidrs-declared.v1': clusterCidrsDeclared,
  'cluster.cidr-added.v1': clusterCidrAdded,
  'cluster.cidr-draining.v1': clusterCidrDraining,
  'cluster.cidr-removed.v1': clusterCidrRemoved,
  'cluster.network-declared.v1': clusterNetworkDeclared,
  'cluster.pool-configured.v1': clusterPoolConfigured,
  'cluster.load-balancing-declared.v1': clusterLoadBalancingDeclared,
  'lb-pool.configured.v1': lbPoolConfigured,
  'lb-pool.removed.v1': lbPoolRemoved,
  'lb-member.joined.v1': lbMemberJoined,
  'lb-member.left.v1': lbMemberLeft,
  'lb-address.attached.v1': lbAddressAttached,
  'lb-address.detached.v1': lbAddressDetached,
  'cluster.removed.v1': clusterRemoved,
  'service.created.v1': serviceCreated,
  'service.updated.v1': serviceUpdated,
  'service.deleted.v1': serviceDeleted,
  'ip.allocated.v1': ipAllocated,
  'ip.released.v1': ipReleased,
  'port.allocated.v1': portAllocated,
  'port.released.v1': portReleased,
  'reservation.made.v1': reservationMade,
  'reservation.released.v1': reservationReleased,
};

/** Names the schema of an event, minor version included, wherever the event is seen. */
export const eventSchemaId = (type: string): string =>
  (eventSchemas as Readonly<Record<string, { readonly $id: string }>>)[`${type}.v${eventMajor}`]?.$id ?? `urn:ipledger:event:${type}:${eventMajor}.0`;
