/** How the parts of a Service are owned. A leaf is owned as a whole, as are atomic lists and maps. */
export type Shape =
  | { kind: 'leaf' }
  /** `always`: Go writes it even when it is empty, so that it is on both sides of every comparison. */
  | { kind: 'struct'; fields: Record<string, Shape>; always?: true }
  | { kind: 'map' }
  | { kind: 'set' }
  /** `keys`: what tells items apart. `defaults`: what a key is when an item leaves it out. */
  | { kind: 'keyed'; keys: readonly string[]; defaults: Record<string, string | number>; item: Shape };

export const leaf: Shape = { kind: 'leaf' };
const struct = (fields: Record<string, Shape>): Shape => ({ kind: 'struct', fields: inOrder(fields) });
const leaves = (...names: string[]): Record<string, Shape> => Object.fromEntries(names.map((name) => [name, leaf]));

/** In the order of their names: sets built by walking along are then sorted, as upstream writes them. */
const inOrder = (fields: Record<string, Shape>): Record<string, Shape> => {
  const names = Object.keys(fields).sort();
  return Object.fromEntries(names.map((name) => [name, fields[name] as Shape]));
};

/**
 * Which fields there are, and which of them no manager can own (name, uid and the like) and so are left out.
 * @see k8s.io/api/core/v1 listType, listMapKey and mapType markers; managedfields/internal/stripmeta.go, Kubernetes v1.37.2
 */
export const shapes = {
  metadata: inOrder({
    ...leaves('generateName', 'deletionTimestamp', 'deletionGracePeriodSeconds'),
    labels: { kind: 'map' },
    annotations: { kind: 'map' },
    finalizers: { kind: 'set' },
    ownerReferences: { kind: 'keyed', keys: ['uid'], defaults: { uid: '' }, item: leaf },
  }),
  spec: inOrder({
    ...leaves(
      'selector', 'clusterIP', 'clusterIPs', 'type', 'externalIPs', 'sessionAffinity', 'loadBalancerIP', 'loadBalancerSourceRanges', 'externalName',
      'externalTrafficPolicy', 'healthCheckNodePort', 'publishNotReadyAddresses', 'ipFamilies', 'ipFamilyPolicy', 'allocateLoadBalancerNodePorts',
      'loadBalancerClass', 'internalTrafficPolicy', 'trafficDistribution',
    ),
    sessionAffinityConfig: struct({ clientIP: struct(leaves('timeoutSeconds')) }),
    ports: {
      kind: 'keyed', keys: ['port', 'protocol'], defaults: { port: 0, protocol: 'TCP' },
      item: struct(leaves('name', 'protocol', 'appProtocol', 'port', 'targetPort', 'nodePort')),
    },
  }),
  status: inOrder({
    loadBalancer: { kind: 'struct', always: true, fields: { ingress: leaf } },
    conditions: { kind: 'keyed', keys: ['type'], defaults: { type: '' }, item: struct(leaves('type', 'status', 'observedGeneration', 'lastTransitionTime', 'reason', 'message')) },
  }),
} satisfies Record<string, Record<string, Shape>>;

/** The whole object. What is not in it (name, uid and the like) has no parts. */
export const serviceShape: Shape = {
  kind: 'struct', fields: { metadata: { kind: 'struct', fields: shapes.metadata }, spec: { kind: 'struct', fields: shapes.spec }, status: { kind: 'struct', fields: shapes.status } },
};
