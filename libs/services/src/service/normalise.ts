import {
  hasNodePorts, isExternalName, isExternallyAccessible, needsHealthCheckPort, takesNodePorts, type ServiceObject, type ServicePort, type ServiceSpec,
} from '../service.js';
import { sameList } from './ip-families.js';

/**
 * The small print that makes old clients and repeated PUTs work: values that we allocated are taken over from the stored
 * Service when the request leaves them out, and fields that a type change makes meaningless are wiped when the client did
 * not touch them. All functions here change `next` in place.
 *
 * @see pkg/registry/core/service/storage/storage.go and strategy.go, Kubernetes v1.37.2
 */

/** Singular to plural on create. Never the other way round: a plural without a singular is refused by validation. */
export const fillClusterIPs = (spec: ServiceSpec): void => {
  if (spec.clusterIP !== undefined && (spec.clusterIPs?.length ?? 0) === 0) spec.clusterIPs = [spec.clusterIP];
};

/** Takes over what an idempotent PUT leaves out: addresses, node ports, the health check port. Never the families. */
export const restoreAllocated = (next: ServiceSpec, stored: ServiceSpec): void => {
  if (!isExternalName(stored) && !isExternalName(next)) {
    next.clusterIP ??= stored.clusterIP;
    if ((next.clusterIPs?.length ?? 0) === 0 && (stored.clusterIPs?.length ?? 0) > 0) next.clusterIPs = stored.clusterIPs;
  }
  if (takesNodePorts(stored) && takesNodePorts(next)) restoreNodePorts(next.ports ?? [], stored.ports ?? []);
  if (needsHealthCheckPort(stored) && needsHealthCheckPort(next)) next.healthCheckNodePort ??= stored.healthCheckNodePort;
};

/** By port name; of several stored ports with one name the last. A number used elsewhere in the new object is not taken. */
const restoreNodePorts = (next: ServicePort[], stored: readonly ServicePort[]): void => {
  const asked = new Set(next.map((port) => port.nodePort));
  const byName = new Map(stored.map((port) => [port.name ?? '', port.nodePort]));
  for (const port of next) {
    if (port.nodePort !== undefined) continue;
    const number = byName.get(port.name ?? '');
    if (number !== undefined && !asked.has(number)) port.nodePort = number;
  }
};

/** Singular and plural on update: the client gives the singular only (old) or both (new); one that is left alone follows. */
export const alignClusterIPs = (next: ServiceSpec, stored: ServiceSpec): void => {
  const had = stored.clusterIPs ?? [];
  if (had.length > 0 && (next.clusterIPs?.length ?? 0) === 0 && next.clusterIP === stored.clusterIP) next.clusterIPs = had;
  if (next.clusterIP === stored.clusterIP || !sameList(next.clusterIPs, had)) return;
  next.clusterIPs = next.clusterIP === undefined ? undefined : [next.clusterIP];
};

/** Wipes what the new type has no use for, where the client did not ALSO change it (then validation speaks). */
export const wipeForType = (next: ServiceObject, stored: ServiceObject): void => {
  const spec = next.spec;
  const was = stored.spec;
  if (!isExternalName(was) && isExternalName(spec)) wipeAddresses(spec, was);
  if (hasNodePorts(was) && !hasNodePorts(spec) && isSubset(nodePortsOf(spec), nodePortsOf(was)))
    for (const port of spec.ports ?? []) delete port.nodePort;
  if (needsHealthCheckPort(was) && !needsHealthCheckPort(spec) && spec.healthCheckNodePort === was.healthCheckNodePort)
    delete spec.healthCheckNodePort;
  if (was.type === 'LoadBalancer' && spec.type !== 'LoadBalancer') {
    if (spec.allocateLoadBalancerNodePorts === was.allocateLoadBalancerNodePorts) delete spec.allocateLoadBalancerNodePorts;
    if (spec.loadBalancerClass === was.loadBalancerClass) delete spec.loadBalancerClass;
  }
  if (isExternallyAccessible(was) && !isExternallyAccessible(spec) && spec.externalTrafficPolicy === was.externalTrafficPolicy)
    delete spec.externalTrafficPolicy;
  if (spec.type !== 'LoadBalancer') next.status = { ...next.status, loadBalancer: {} };
};

const wipeAddresses = (spec: ServiceSpec, was: ServiceSpec): void => {
  if (spec.clusterIP === was.clusterIP && sameList(spec.clusterIPs, was.clusterIPs)) {
    delete spec.clusterIP;
    delete spec.clusterIPs;
  }
  if (sameList(spec.ipFamilies, was.ipFamilies)) delete spec.ipFamilies;
  if ((spec.ipFamilyPolicy ?? '') === (was.ipFamilyPolicy ?? '')) delete spec.ipFamilyPolicy;
};

const isSubset = (part: readonly number[], whole: readonly number[]): boolean => part.every((entry) => whole.includes(entry));

/** Every number that the ports carry, held or not, in list order. */
export const nodePortsOf = (spec: ServiceSpec): number[] =>
  (spec.ports ?? []).flatMap((port) => (port.nodePort === undefined ? [] : [port.nodePort]));
