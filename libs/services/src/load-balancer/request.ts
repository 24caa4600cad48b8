import type { Family } from '@ipledger/ip';
import { refOf } from '../service/facts.js';
import type { ServiceObject, ServiceSpec } from '../service.js';
import type { LbRequest } from './commands.js';
import { lackOf, lbConditionOf } from './condition.js';

/** The class of Services that get their addresses from LB pools. */
const lbClass = 'ipledger.io/pool';
const poolAnnotation = 'ipledger.io/load-balancer-pool';
/** One address, or two with a comma between; wins over `spec.loadBalancerIP`. */
const addressesAnnotation = 'ipledger.io/load-balancer-ips';
const sharingAnnotation = 'ipledger.io/sharing-key';

/**
 * Whether LB pools serve a Service: it has our class, or none in a cluster that serves those. One that was served stays so as long as
 * its type and class do, whatever becomes of the cluster's default.
 * @param stored the Service as it is; undefined on create
 */
export const isServed = ({ spec }: ServiceObject, stored: ServiceObject | undefined, isDefault: boolean): boolean => {
  if (spec.type !== 'LoadBalancer') return false;
  if (spec.loadBalancerClass !== undefined) return spec.loadBalancerClass === lbClass;
  return isDefault || (stored?.spec.type === 'LoadBalancer' && lbConditionOf(stored) !== undefined);
};

/** The reason of those that wait for nothing but that their cluster comes to serve Services without a class. */
export const notServedReason = 'NotServed';

/**
 * Whether a Service is among those that somebody may have to look for, and why: it lacks something, or it has no class and nobody has served
 * it yet, so that it is found once its cluster serves such. As `lackOf` a fold of the Service's last event and of nothing else.
 */
export const waitOf = (service: ServiceObject): ReturnType<typeof lackOf> => {
  if (service.spec.type !== 'LoadBalancer') return undefined;
  const isUnserved = service.spec.loadBalancerClass === undefined && lbConditionOf(service) === undefined;
  if (!isUnserved) return lackOf(service);
  return service.metadata.deletionTimestamp === undefined ? { families: (service.spec.ipFamilies ?? []) as Family[], reason: notServedReason } : undefined;
};

/** What a Service wants of LB pools. */
export const lbRequestOf = (service: ServiceObject): LbRequest => {
  const { spec, metadata: { labels = {}, annotations = {} } } = service;
  const sharingKey = annotations[sharingAnnotation]?.trim() ?? '';
  return {
    service: refOf(service),
    families: (spec.ipFamilies ?? []) as Family[],
    needsAll: spec.ipFamilyPolicy === 'RequireDualStack',
    requested: (annotations[addressesAnnotation] ?? spec.loadBalancerIP ?? '').split(',').map((text) => text.trim()).filter((text) => text !== ''),
    pool: annotations[poolAnnotation]?.trim() || null,
    labels, annotations,
    ...(sharingKey === '' ? { sharingKey: null, ports: [], backend: '' } : { sharingKey, ports: portsOf(spec), backend: backendOf(spec) }),
  };
};

const portsOf = ({ ports = [] }: ServiceSpec): string[] => [...new Set(ports.map(({ protocol = 'TCP', port }) => `${protocol}/${port}`))].sort();

/**
 * What has to be the same for two Services to share an address: with externalTrafficPolicy Local, the network sends traffic only to nodes
 * that have the Pods of one of them.
 */
const backendOf = ({ externalTrafficPolicy, selector = {} }: ServiceSpec): string =>
  externalTrafficPolicy !== 'Local' ? '' : JSON.stringify(Object.entries(selector).sort(([a], [b]) => (a < b ? -1 : 1)));

/** Whether two requests can be members of one group in the same way. */
export const sharesAlike = (a: Pick<LbRequest, 'sharingKey' | 'ports' | 'backend'>, b: Pick<LbRequest, 'sharingKey' | 'ports' | 'backend'>): boolean =>
  a.sharingKey === b.sharingKey && a.backend === b.backend && a.ports.join() === b.ports.join();
