import type { Family } from '@ipledger/ip';
import type { Network } from './cluster/network.js';
import type { AssignLoadBalancer, AttachLoadBalancer, ClaimLoadBalancer, ConfigureLbPool, DeclareClusterLoadBalancing, DrainLbPool, ReleaseLoadBalancer, RemoveLbPool } from './load-balancer/commands.js';
import type { LbPool } from './load-balancer/lb-pool.js';
import type { JsonValue } from './codec/json-reader.js';
import type { ServiceObject } from './service.js';

/** An order to a cluster. Everything that is not a rule comes in as data: the time, what is random, what was looked up. */
export type Command = ServiceCommand | ClusterCommand;
export type ServiceCommand = CreateService | UpdateService | DeleteService | TopUpService | ImportService | ForgetService | AssignLoadBalancer | AttachLoadBalancer;
export type ClusterCommand = RegisterCluster | DeclareCidrs | AddCidr | DrainCidr | RemoveCidr | ConfigurePool | DeclareClusterNetwork | RemoveCluster | ReserveAddresses | ReleaseReservation
  | ConfigureLbPool | DrainLbPool | RemoveLbPool | DeclareClusterLoadBalancing | ClaimLoadBalancer | ReleaseLoadBalancer;

export interface Ordered {
  time: Date;
  /** Seed of everything the decision draws: addresses, ports, names. */
  seed: readonly [number, number, number, number];
  /** Decide and answer, change nothing. */
  dryRun: boolean;
}

export interface ServiceOrder extends Ordered {
  namespace: string;
  /** The uid that a Service gets if this command creates one. */
  newUid: string;
  /** Who is recorded as the owner of the fields that this command sets. */
  fieldManager: string;
  /** Shared LB pools serve this cluster: a Service that its own pools cannot serve waits for one of them. */
  sharedPools?: readonly Pick<LbPool, 'name' | 'autoAssign'>[];
}

/** POST. `service` is decoded and statically defaulted. */
export interface CreateService extends ServiceOrder {
  type: 'CreateService';
  service: ServiceObject;
  /** Name of a reservation whose address the Service gets: its primary one, unless it names one of the range itself. */
  reservation?: string;
}

/** PUT and PATCH (server-side apply too) of a Service or of its `/status`. A PUT to a missing name creates (not through `/status`: difference 8). */
export interface UpdateService extends ServiceOrder {
  type: 'UpdateService';
  name: string;
  subresource: 'status' | null;
  change: { kind: 'replace'; service: ServiceObject } | ({ kind: 'patch' } & ServicePatch) | ({ kind: 'apply' } & ServiceConfiguration);
}

/** Server-side apply. It creates what is not there (not through `/status`). */
export interface ServiceConfiguration {
  /** The fields that the manager wants, with apiVersion and kind. */
  configuration: JsonValue;
  /** Paths that stood twice in the body; refused when fieldValidation is `Strict`. */
  duplicates: readonly string[];
  fieldValidation: 'Strict' | 'Warn' | 'Ignore';
  /** Take fields that others own, instead of a conflict. */
  force: boolean;
}

export interface ServicePatch {
  format: 'merge' | 'json' | 'strategic';
  patch: JsonValue;
  /** Paths that stood twice in the patch. */
  duplicates: readonly string[];
  fieldValidation: 'Strict' | 'Warn' | 'Ignore';
}

export interface DeleteService extends ServiceOrder {
  type: 'DeleteService';
  name: string;
  options: DeletionOptions;
}

/** Takes a Service over as another API server has it. `service` is decoded and statically defaulted. */
export interface ImportService extends ServiceOrder {
  type: 'ImportService';
  name: string;
  service: ServiceObject;
  /** Of a Service that is here, with the same uid, and differs: refuse, or bring it in line. */
  existing: 'keep' | 'replace';
}
/** The other API server has it no longer. Nothing happens when another uid has the name; null = whichever has. */
export interface ForgetService extends ServiceOrder {
  type: 'ForgetService';
  name: string;
  uid: string | null;
}
/** Gives a PreferDualStack Service with one family its second; nothing happens when it has it, or does not want it any more. */
export interface TopUpService extends ServiceOrder {
  type: 'TopUpService';
  name: string;
}

/** What a DELETE may ask for. @see k8s.io/apimachinery/pkg/apis/meta/v1 DeleteOptions */
export interface DeletionOptions {
  preconditions?: { uid?: string; resourceVersion?: string };
  propagationPolicy?: string;
  orphanDependents?: boolean;
}

export interface RegisterCluster extends Ordered {
  type: 'RegisterCluster';
  name: string;
  serviceCIDRs: readonly string[];
  nodePortRange?: string;
  /** Whether `default/kubernetes` is made on the first address of the primary range, as an API server does. */
  apiServerService: boolean;
  /** Services of type LoadBalancer without a class get their addresses here. */
  defaultLoadBalancer?: boolean;
  newUid: string;
}

/** The whole list anew. A CIDR that drains and is declared again is open again. */
export interface DeclareCidrs extends Ordered {
  type: 'DeclareCidrs';
  name: string;
  serviceCIDRs: readonly string[];
  /** Accept that held addresses lie outside every range afterwards, as a restarted kube-apiserver does. */
  keepInUse: boolean;
}
export interface AddCidr extends Ordered {
  type: 'AddCidr';
  name: string;
  cidr: string;
}
export interface DrainCidr extends Ordered {
  type: 'DrainCidr';
  name: string;
  cidr: string;
}
export interface RemoveCidr extends Ordered {
  type: 'RemoveCidr';
  name: string;
  cidr: string;
}
/** The settings of a pool anew: what is null is as upstream. */
export interface ConfigurePool extends Ordered {
  type: 'ConfigurePool';
  name: string;
  cidr: string;
  staticBandAddresses: number | null;
  coolDownSeconds: number | null;
}
/** The other ranges of the cluster: metadata, of which nothing is handed out. */
export interface DeclareClusterNetwork extends Ordered {
  type: 'DeclareClusterNetwork';
  name: string;
  network: Network;
}
/** Holds addresses back. `name` is the cluster's. */
export interface ReserveAddresses extends Ordered {
  type: 'ReserveAddresses';
  name: string;
  reservation: string;
  /** A range or one address, both ends included; or any free address of a family. */
  wanted: { first: string; last: string } | { family: Family };
  /** Name of the LB pool whose addresses they are; without it they are of the Service CIDRs. */
  lbPool?: string;
  reason: string;
  owner: string;
  /** RFC 3339, in the future; null = until it is released. */
  until: string | null;
}
export interface ReleaseReservation extends Ordered {
  type: 'ReleaseReservation';
  name: string;
  reservation: string;
}
export interface RemoveCluster extends Ordered {
  type: 'RemoveCluster';
  name: string;
}
