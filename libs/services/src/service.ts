/**
 * The Kubernetes `v1.Service` as ipledger holds it in memory: what Go's internal object holds, in JSON's spelling.
 *
 * Presence follows Go, because messages and defaults depend on it. A field that is a plain value in Go (`clusterIP`,
 * `nodePort`, `publishNotReadyAddresses`) is absent when it is zero ("" / 0 / false). A field that is a pointer in Go
 * (marked "pointer") may be present with a zero value. Lists and maps may be present and empty; `encodeService` leaves
 * those out, as Go's `omitempty` does. Maps have no prototype, so that a key such as `__proto__` is an ordinary key.
 *
 * @see staging/src/k8s.io/api/core/v1/types.go, Kubernetes v1.37.2
 */
export interface ServiceObject {
  apiVersion: 'v1';
  kind: 'Service';
  metadata: ObjectMeta;
  spec: ServiceSpec;
  status: ServiceStatus;
}

export type StringMap = Record<string, string>;

export interface ObjectMeta {
  name?: string;
  generateName?: string;
  namespace?: string;
  selfLink?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  /** RFC 3339, whole seconds, UTC: `2026-01-02T03:04:05Z`. */
  creationTimestamp?: string;
  /** RFC 3339; pointer. Present = the object is being deleted. */
  deletionTimestamp?: string;
  /** Seconds; pointer. */
  deletionGracePeriodSeconds?: number;
  labels?: StringMap;
  annotations?: StringMap;
  ownerReferences?: OwnerReference[];
  finalizers?: string[];
  managedFields?: ManagedFieldsEntry[];
}

/** All four texts are always present, "" when not given: Go never omits them. */
export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  /** Pointer. */
  controller?: boolean;
  /** Pointer. */
  blockOwnerDeletion?: boolean;
}

export interface ManagedFieldsEntry {
  manager?: string;
  operation?: string;
  apiVersion?: string;
  time?: string;
  fieldsType?: string;
  /** Any JSON object, kept as it came. */
  fieldsV1?: unknown;
  subresource?: string;
}

export interface ServiceSpec {
  ports?: ServicePort[];
  selector?: StringMap;
  clusterIP?: string;
  clusterIPs?: string[];
  type?: string;
  externalIPs?: string[];
  sessionAffinity?: string;
  loadBalancerIP?: string;
  loadBalancerSourceRanges?: string[];
  externalName?: string;
  externalTrafficPolicy?: string;
  healthCheckNodePort?: number;
  publishNotReadyAddresses?: boolean;
  /** Pointer, as are `clientIP` and `timeoutSeconds` in it. */
  sessionAffinityConfig?: { clientIP?: { timeoutSeconds?: number } };
  ipFamilies?: string[];
  /** Pointer. */
  ipFamilyPolicy?: string;
  /** Pointer. */
  allocateLoadBalancerNodePorts?: boolean;
  /** Pointer. */
  loadBalancerClass?: string;
  /** Pointer. */
  internalTrafficPolicy?: string;
  /** Pointer. */
  trafficDistribution?: string;
}

export interface ServicePort {
  name?: string;
  protocol?: string;
  /** Pointer. */
  appProtocol?: string;
  /** Always present, 0 when not given. */
  port: number;
  /** Number or port name; 0 when not given (static defaulting then sets it to `port`). */
  targetPort: number | string;
  nodePort?: number;
}

export interface ServiceStatus {
  loadBalancer: { ingress?: LoadBalancerIngress[] };
  conditions?: Condition[];
}

export interface LoadBalancerIngress {
  ip?: string;
  hostname?: string;
  /** Pointer: `VIP` or `Proxy`. */
  ipMode?: string;
  ports?: { port: number; protocol: string; error?: string }[];
}

export interface Condition {
  type: string;
  status: string;
  observedGeneration?: number;
  lastTransitionTime: string | null;
  reason: string;
  message: string;
}

export const isHeadless = (spec: ServiceSpec): boolean => spec.clusterIP === 'None';
export const isExternalName = (spec: ServiceSpec): boolean => spec.type === 'ExternalName';
export const isSelectorless = (spec: ServiceSpec): boolean => {
  for (const _ in spec.selector) return false;
  return true;
};

/** The types whose ports may have node ports. */
export const hasNodePorts = (spec: ServiceSpec): boolean => spec.type === 'NodePort' || spec.type === 'LoadBalancer';

/** Whether ports without a number are given one. */
export const takesNodePorts = (spec: ServiceSpec): boolean =>
  spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false);

export const needsHealthCheckPort = (spec: ServiceSpec): boolean =>
  spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';

export const isExternallyAccessible = (spec: ServiceSpec): boolean =>
  hasNodePorts(spec) || (spec.type === 'ClusterIP' && (spec.externalIPs?.length ?? 0) > 0);
