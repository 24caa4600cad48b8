import type { Family } from '@ipledger/ip';
import type { Ordered, ServiceOrder } from '../commands.js';
import type { ServiceRef } from '../events.js';
import type { StringMap } from '../service.js';
import type { LbLack } from './choose-lb.js';
import type { LbPool } from './lb-pool.js';

/** What somebody may say about an LB pool. */
export type LbPoolSettings = Omit<LbPool, 'name' | 'draining' | 'createdAt'>;

/** Makes an LB pool, or (`existing: 'replace'`) says anew what it is. `name` is that of the log: the cluster's, or `sharedPoolLog`. */
export interface ConfigureLbPool extends Ordered {
  type: 'ConfigureLbPool';
  name: string;
  pool: string;
  settings: LbPoolSettings;
  existing: 'refuse' | 'replace';
}
/** Hands out nothing more of a range, or of all of the pool; or does so again. */
export interface DrainLbPool extends Ordered {
  type: 'DrainLbPool';
  name: string;
  pool: string;
  /** null = every range. */
  range: string | null;
  drain: boolean;
}
/** Only while nobody holds any of its addresses. */
export interface RemoveLbPool extends Ordered {
  type: 'RemoveLbPool';
  name: string;
  pool: string;
}
/** Whether Services of type LoadBalancer without a class are the cluster's to serve. */
export interface DeclareClusterLoadBalancing extends Ordered {
  type: 'DeclareClusterLoadBalancing';
  name: string;
  defaultLoadBalancer: boolean;
}

/** Gives a waiting Service what it lacks, from the pools of its cluster; nothing happens when nothing can be had. */
export interface AssignLoadBalancer extends ServiceOrder {
  type: 'AssignLoadBalancer';
  name: string;
  /** Why shared pools had nothing either for the Service as it waits at a revision: told in its condition. */
  shared?: { wait: number; lacking: readonly LbLack[] };
}
/** Gives a waiting Service addresses that the log of a shared pool has claimed for it. Nothing happens when it waits no more, or for something else. */
export interface AttachLoadBalancer extends ServiceOrder {
  type: 'AttachLoadBalancer';
  name: string;
  uid: string;
  /** Revision of the Service when the claim was asked for. */
  wait: number;
  pool: string;
  /** In the order of the Service's families. */
  addresses: readonly string[];
}

/** What a Service wants of LB pools: everything that choosing looks at. */
export interface LbRequest {
  service: ServiceRef;
  /** In the order of the Service. */
  families: readonly Family[];
  /** All of the families or none; else what can be had. */
  needsAll: boolean;
  /** Addresses asked for by number. */
  requested: readonly string[];
  /** The pool asked for by name. */
  pool: string | null;
  labels: StringMap;
  annotations: StringMap;
  sharingKey: string | null;
  /** `TCP/80` and so on, in order. */
  ports: readonly string[];
  backend: string;
}
/** In the log of a shared pool. What it holds for the same uid and still fits is answered again, as a new claim for this wait. */
export interface ClaimLoadBalancer extends Ordered {
  type: 'ClaimLoadBalancer';
  /** Of the log. */
  name: string;
  cluster: string;
  /** Revision of the Service, in its cluster, as it waits: the claim carries it. */
  wait: number;
  /** Of the families that the Service still lacks. */
  request: LbRequest;
}
/** In the log of a shared pool: ends claims that have not been renewed since they were seen. */
export interface ReleaseLoadBalancer extends Ordered {
  type: 'ReleaseLoadBalancer';
  /** Of the log. */
  name: string;
  cluster: string;
  service: ServiceRef;
  claims: readonly { address: string; revision: number }[];
}
