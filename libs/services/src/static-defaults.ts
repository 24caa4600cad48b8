import { isExternallyAccessible, type ServiceObject, type ServicePort, type ServiceSpec, type ServiceStatus } from './service.js';

/** Seconds (3 h). */
const affinityTimeoutDefault = 10800;

/**
 * Fills in what a `v1.Service` means when it leaves a field out. Upstream does this whenever it decodes one: request
 * bodies, results of patches, objects read from the store. Changes its argument in place, and returns it.
 *
 * Policy, families and addresses have no static default: what they become depends on the cluster and the stored object.
 * @see pkg/apis/core/v1/defaults.go SetDefaults_Service, Kubernetes v1.37.2
 */
export const applyStaticDefaults = (service: ServiceObject): ServiceObject => {
  const { spec } = service;
  spec.type ??= 'ClusterIP';
  defaultAffinity(spec);
  for (const port of spec.ports ?? []) defaultPort(port);
  if (isExternallyAccessible(spec)) spec.externalTrafficPolicy ??= 'Cluster';
  if (typesWithInternalPolicy.has(spec.type)) spec.internalTrafficPolicy ??= 'Cluster';
  if (spec.type === 'LoadBalancer') {
    spec.allocateLoadBalancerNodePorts ??= true;
    defaultIpModes(service.status);
  }
  return service;
};

/** Neither ExternalName nor a type that does not exist. */
const typesWithInternalPolicy = new Set(['ClusterIP', 'NodePort', 'LoadBalancer']);

/** With affinity `None` the client's config is dropped without a word; an incomplete one for `ClientIP` is replaced whole. */
const defaultAffinity = (spec: ServiceSpec): void => {
  spec.sessionAffinity ??= 'None';
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig;
  if (spec.sessionAffinity === 'ClientIP' && spec.sessionAffinityConfig?.clientIP?.timeoutSeconds === undefined)
    spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: affinityTimeoutDefault } };
};

const defaultPort = (port: ServicePort): void => {
  port.protocol ??= 'TCP';
  if (port.targetPort === 0 || port.targetPort === '') port.targetPort = port.port;
};

const defaultIpModes = (status: ServiceStatus): void => {
  for (const ingress of status.loadBalancer.ingress ?? []) if (ingress.ip !== undefined) ingress.ipMode ??= 'VIP';
};
