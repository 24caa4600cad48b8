import type { Family } from '@ipledger/ip';
import type { Network } from './cluster/network.js';
import { encodeService } from './codec/encode-service.js';
import type { LbPool } from './load-balancer/lb-pool.js';
import type { Band } from './pool/pool.js';
import type { PortPurpose } from './service/node-ports.js';
import type { ServiceObject, StringMap } from './service.js';

/**
 * The facts of a cluster's log. Contracts only grow: a member is never removed, renamed or given another meaning; what
 * would break a reader is a new type. `docs/events.md` shows one of each.
 */
export type Event =
  | ClusterRegistered | ClusterCidrsDeclared | ClusterCidrAdded | ClusterCidrDraining | ClusterCidrRemoved | ClusterPoolConfigured | ClusterNetworkDeclared
  | ClusterRemoved
  | ReservationMade | ReservationReleased
  | LbPoolConfigured | LbPoolRemoved | LoadBalancingDeclared | LbMemberJoined | LbMemberLeft | LbAddressAttached | LbAddressDetached
  | ServiceCreated | ServiceUpdated | ServiceDeleted
  | IpAllocated | IpReleased | PortAllocated | PortReleased;

/** Whether events of the type change the definition of their log. */
export const isDefining = (type: string): boolean => type.startsWith('cluster.') || type.startsWith('lb-pool.');

export interface ServiceRef {
  namespace: string;
  name: string;
  uid: string;
}

export interface ClusterRegistered {
  type: 'cluster.registered';
  data: { name: string; serviceCIDRs: string[]; nodePortRange: string; createdAt: string;
    /** Services of type LoadBalancer without a class get their addresses here. */
    defaultLoadBalancer?: true };
}
/** The ranges were declared anew: all of them, in order. `previous` is what they were, `draining` what still drains. */
export interface ClusterCidrsDeclared {
  type: 'cluster.cidrs-declared';
  data: { serviceCIDRs: string[]; draining: string[]; previous: string[]; keptInUse: number };
}
export interface ClusterCidrAdded {
  type: 'cluster.cidr-added';
  data: { cidr: string };
}
export interface ClusterCidrDraining {
  type: 'cluster.cidr-draining';
  /** When it began and how many addresses were held then; missing in the oldest logs. */
  data: { cidr: string; since?: string; held?: number };
}
export interface ClusterCidrRemoved {
  type: 'cluster.cidr-removed';
  data: { cidr: string };
}
/** The settings of a pool anew, all of them; null and 0 = as upstream. */
export interface ClusterPoolConfigured {
  type: 'cluster.pool-configured';
  data: { cidr: string; staticBandAddresses: number | null; coolDownSeconds: number };
}
/** The ranges of Pods and nodes anew, all of them. */
export interface ClusterNetworkDeclared {
  type: 'cluster.network-declared';
  data: Network;
}
/** Whether Services of type LoadBalancer without a class get their addresses here from now on. */
export interface LoadBalancingDeclared {
  type: 'cluster.load-balancing-declared';
  data: { defaultLoadBalancer: boolean };
}
/** An LB pool, all of it anew. In a log of its own (of a shared pool) the first one begins the log. */
export interface LbPoolConfigured {
  type: 'lb-pool.configured';
  data: { pool: LbPool };
}
export interface LbPoolRemoved {
  type: 'lb-pool.removed';
  data: { pool: string };
}
export interface ClusterRemoved {
  type: 'cluster.removed';
  data: Record<string, never>;
}

/** Addresses held back, both ends included. It ends by itself at `until` (RFC 3339), which no event says. */
export interface Reservation {
  /** Unique in its cluster while it lasts. */
  name: string;
  family: Family;
  /** The pool in which all of it lies. */
  cidr: string;
  first: string;
  last: string;
  reason: string;
  owner: string;
  until: string | null;
}
export interface ReservationMade {
  type: 'reservation.made';
  data: { reservation: Reservation };
}
/** `confirmed`: its one address goes to `service` in the same command. */
export interface ReservationReleased {
  type: 'reservation.released';
  data: { reservation: Reservation; reason: 'released' | 'confirmed' | 'cluster-removed'; service: ServiceRef | null };
}

/** Last event of its command; its revision is the Service's resourceVersion. `object` is the Service as stored. */
export interface ServiceCreated {
  type: 'service.created';
  data: { service: ServiceRef; object: ServiceObject };
}
export interface ServiceUpdated {
  type: 'service.updated';
  data: { service: ServiceRef; previous: PreviousService; object: ServiceObject };
}
/** `object` is the last state, with the revision of the deletion. */
export interface ServiceDeleted {
  type: 'service.deleted';
  data: { service: ServiceRef; previous: PreviousService; object: ServiceObject };
}

/** What a selector could see before the change, so that a watch can tell an object that leaves a selection (design D9). */
export interface PreviousService {
  revision: number;
  labels: StringMap;
  type: string;
  clusterIP: string;
}

/** What `ip.*` events of LB pools say besides. `service` is the sharing group where there is one (`sharingGroupRef`); which Services have the address, `lb-member.*` events say. */
export interface LbAddressFacts {
  /** Missing = cluster-ip. */
  kind?: 'load-balancer';
  lbPool?: string;
  /** In the log of a shared pool: the cluster of the Service. */
  cluster?: string;
  /** The sharing key of the Services that hold it together. */
  sharingGroup?: string;
}
export interface IpAllocated {
  type: 'ip.allocated';
  data: { address: string; family: Family; cidr: string | null; band: Band | null; scope: 'static' | 'dynamic'; service: ServiceRef;
    /** Name of the reservation it was had through. */
    reservation?: string } & LbAddressFacts;
}
export type ReleaseReason = 'deleted' | 'downgraded' | 'type-changed';
/** `not-wanted`: the Service wants other families, another address or pool; `sharing-changed`: another sharing key, or ports; `orphaned`: its cluster has it attached no longer. */
export type LbReleaseReason = ReleaseReason | 'class-changed' | 'not-wanted' | 'sharing-changed' | 'orphaned';
export interface IpReleased {
  type: 'ip.released';
  data: { address: string; family: Family; cidr: string | null; band: Band | null; reason: LbReleaseReason; service: ServiceRef;
    /** RFC 3339: not handed out dynamically before; missing when its pool has no cool-down. */
    coolsUntil?: string } & LbAddressFacts;
}

/** A Service that has an address of an LB pool. */
export interface LbMemberFacts {
  address: string;
  family: Family;
  lbPool: string;
  /** In the log of a shared pool: the cluster of the Service. */
  cluster?: string;
  /** null = the Service has the address for itself. */
  sharingGroup: string | null;
  service: ServiceRef;
  /** `TCP/80` and so on, in order; of Services that share an address no two have the same. */
  ports: string[];
  /** "" for externalTrafficPolicy Cluster, else the selector as JSON: only Services of the same may share. */
  backend: string;
  /** In the log of a shared pool: revision of the Service, in its cluster, as it waited when this was claimed. */
  wait?: number;
}
/** The Service has the address from here on; or it asked again for what it has: then with `renews`. */
export interface LbMemberJoined {
  type: 'lb-member.joined';
  data: LbMemberFacts & {
    /** Revision of the same membership before, and the wait that it was claimed for. */
    renews?: number;
    renewsWait?: number };
}
/** The Service has the address no longer. With the last one goes the address: `ip.released`. `since`: revision of the membership that ends. */
export interface LbMemberLeft {
  type: 'lb-member.left';
  data: LbMemberFacts & { since: number; reason: LbReleaseReason };
}
/** The Service has an address of a shared pool, which was claimed for it in the log of the pool. */
export interface LbAddressAttached {
  type: 'lb-address.attached';
  data: { address: string; family: Family; lbPool: string; service: ServiceRef };
}
export interface LbAddressDetached {
  type: 'lb-address.detached';
  data: { address: string; family: Family; lbPool: string; service: ServiceRef; reason: LbReleaseReason };
}
export interface PortAllocated {
  type: 'port.allocated';
  data: { port: number; purpose: PortPurpose; scope: 'static' | 'dynamic'; service: ServiceRef };
}
export interface PortReleased {
  type: 'port.released';
  data: { port: number; purpose: PortPurpose; reason: ReleaseReason | 'dropped'; service: ServiceRef };
}

/**
 * The JSON text of a command's events as the log stores it.
 * @param document the encoded Service when the caller has it: it is encoded once for log, document table and answer
 */
export const encodeEvents = (events: readonly Event[], document?: string): string =>
  `[${events.map((event) => encodeEvent(event, document)).join(',')}]`;

const encodeEvent = (event: Event, document: string | undefined): string => {
  if (!('object' in event.data)) return JSON.stringify(event);
  const { object, ...rest } = event.data;
  return `{"type":"${event.type}","data":${JSON.stringify(rest).slice(0, -1)},"object":${document ?? encodeService(object)}}}`;
};
