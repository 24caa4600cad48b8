import type { Family } from '@ipledger/ip';
import type {
  AssignLoadBalancer, AttachLoadBalancer, ClaimLoadBalancer, ConfigureLbPool, DeclareClusterLoadBalancing, DrainLbPool, LbPoolSettings, LbRequest, ReleaseLoadBalancer, RemoveLbPool,
} from '../load-balancer/commands.js';
import { sharedPoolLog } from '../load-balancer/shared-log.js';
import type { ServiceObject, ServiceSpec } from '../service.js';
import { orderTime, service, type Metadata, type OrderOptions } from './commands.js';

/** Orders about LB pools, for specs. */
const ordered = ({ dryRun = false, seed = [1, 2, 3, 4] }: OrderOptions) => ({ time: orderTime, seed, dryRun });
const serviceOrder = (name: string, options: OrderOptions) => ({ ...ordered(options), namespace: 'shop', newUid: `uid-${name}`, fieldManager: 'specs', name });

export type PoolOptions = Partial<LbPoolSettings> & OrderOptions & { existing?: ConfigureLbPool['existing'] };

export const lbPool = (pool: string, addresses: readonly string[], { dryRun, seed, existing = 'refuse', ...settings }: PoolOptions = {}): ConfigureLbPool => ({
  type: 'ConfigureLbPool', name: settings.clusters === undefined ? 'blue' : sharedPoolLog(pool), pool, existing,
  settings: { addresses, autoAssign: true, priority: 100, namespaces: [], selector: null, staticBandAddresses: 0, coolDownSeconds: 0, ...settings },
  ...ordered({ ...(dryRun !== undefined && { dryRun }), ...(seed && { seed }) }),
});
export const drainLbPool = (pool: string, range: string | null = null, drain = true, options: OrderOptions = {}): DrainLbPool =>
  ({ type: 'DrainLbPool', name: 'blue', pool, range, drain, ...ordered(options) });
export const removeLbPool = (pool: string, options: OrderOptions = {}): RemoveLbPool => ({ type: 'RemoveLbPool', name: 'blue', pool, ...ordered(options) });
export const declareDefault = (defaultLoadBalancer: boolean, options: OrderOptions = {}): DeclareClusterLoadBalancing =>
  ({ type: 'DeclareClusterLoadBalancing', name: 'blue', defaultLoadBalancer, ...ordered(options) });
export const assign = (name: string, options: OrderOptions = {}): AssignLoadBalancer => ({ type: 'AssignLoadBalancer', ...serviceOrder(name, options) });
export const attach = (name: string, wait: number, addresses: readonly string[], options: OrderOptions & { uid?: string; pool?: string } = {}): AttachLoadBalancer =>
  ({ type: 'AttachLoadBalancer', uid: options.uid ?? `uid-${name}`, wait, pool: options.pool ?? 'wide', addresses, ...serviceOrder(name, options) });

export const lbRequest = (name: string, families: readonly Family[], more: Partial<LbRequest> = {}): LbRequest => ({
  service: { namespace: 'shop', name, uid: `uid-${name}` }, families, needsAll: false, requested: [], pool: null, labels: {}, annotations: {}, sharingKey: null, ports: [], backend: '', ...more,
});
export const claim = (cluster: string, request: LbRequest, wait = 7, options: OrderOptions = {}): ClaimLoadBalancer =>
  ({ type: 'ClaimLoadBalancer', name: 'lb-pool:wide', cluster, wait, request, ...ordered(options) });
export const releaseClaim = (cluster: string, name: string, claims: ReleaseLoadBalancer['claims'], options: OrderOptions = {}): ReleaseLoadBalancer =>
  ({ type: 'ReleaseLoadBalancer', name: 'lb-pool:wide', cluster, service: { namespace: 'shop', name, uid: `uid-${name}` }, claims, ...ordered(options) });

/** A Service of type LoadBalancer and of our class. */
export const lbService = (name: string, spec: Partial<ServiceSpec> = {}, metadata: Metadata = {}): ServiceObject =>
  service(name, { type: 'LoadBalancer', loadBalancerClass: 'ipledger.io/pool', allocateLoadBalancerNodePorts: false, ...spec }, metadata);

/** Its addresses in order, and the reason of its condition. */
export const lbStatus = ({ status }: ServiceObject): string => {
  const reason = status.conditions?.find(({ type }) => type === 'ipledger.io/LoadBalancerAddresses');
  return [...(status.loadBalancer.ingress ?? []).map(({ ip }) => ip), reason === undefined ? 'not served' : `${reason.status}/${reason.reason}`].join(' ');
};
