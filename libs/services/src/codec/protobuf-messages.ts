/** How a field is written: `int` and `flag` as a number, everything else as bytes with a length. */
export type FieldType = 'text' | 'int' | 'flag' | 'time' | 'intOrText' | 'json' | 'bytes' | 'textMap' | Message;
type Field = readonly [name: string, type: FieldType, isList?: true];
/** The fields of a message by number, under the names that they have in JSON. */
export interface Message {
  readonly [number: number]: Field;
}

/** @see k8s.io/api/core/v1/generated.proto and k8s.io/apimachinery/pkg/apis/meta/v1/generated.proto, v1.37.2 */
const ownerReference: Message = {
  1: ['kind', 'text'], 3: ['name', 'text'], 4: ['uid', 'text'], 5: ['apiVersion', 'text'], 6: ['controller', 'flag'], 7: ['blockOwnerDeletion', 'flag'],
};

const managedFieldsEntry: Message = {
  1: ['manager', 'text'], 2: ['operation', 'text'], 3: ['apiVersion', 'text'], 4: ['time', 'time'], 6: ['fieldsType', 'text'],
  7: ['fieldsV1', 'json'], 8: ['subresource', 'text'],
};

const objectMeta: Message = {
  1: ['name', 'text'], 2: ['generateName', 'text'], 3: ['namespace', 'text'], 4: ['selfLink', 'text'], 5: ['uid', 'text'], 6: ['resourceVersion', 'text'],
  7: ['generation', 'int'], 8: ['creationTimestamp', 'time'], 9: ['deletionTimestamp', 'time'], 10: ['deletionGracePeriodSeconds', 'int'],
  11: ['labels', 'textMap'], 12: ['annotations', 'textMap'], 13: ['ownerReferences', ownerReference, true], 14: ['finalizers', 'text', true],
  17: ['managedFields', managedFieldsEntry, true],
};

const servicePort: Message = {
  1: ['name', 'text'], 2: ['protocol', 'text'], 3: ['port', 'int'], 4: ['targetPort', 'intOrText'], 5: ['nodePort', 'int'], 6: ['appProtocol', 'text'],
};

const serviceSpec: Message = {
  1: ['ports', servicePort, true], 2: ['selector', 'textMap'], 3: ['clusterIP', 'text'], 4: ['type', 'text'], 5: ['externalIPs', 'text', true],
  7: ['sessionAffinity', 'text'], 8: ['loadBalancerIP', 'text'], 9: ['loadBalancerSourceRanges', 'text', true], 10: ['externalName', 'text'],
  11: ['externalTrafficPolicy', 'text'], 12: ['healthCheckNodePort', 'int'], 13: ['publishNotReadyAddresses', 'flag'],
  14: ['sessionAffinityConfig', { 1: ['clientIP', { 1: ['timeoutSeconds', 'int'] }] }], 17: ['ipFamilyPolicy', 'text'], 18: ['clusterIPs', 'text', true],
  19: ['ipFamilies', 'text', true], 20: ['allocateLoadBalancerNodePorts', 'flag'], 21: ['loadBalancerClass', 'text'],
  22: ['internalTrafficPolicy', 'text'], 23: ['trafficDistribution', 'text'],
};

const portStatus: Message = { 1: ['port', 'int'], 2: ['protocol', 'text'], 3: ['error', 'text'] };
const ingress: Message = { 1: ['ip', 'text'], 2: ['hostname', 'text'], 3: ['ipMode', 'text'], 4: ['ports', portStatus, true] };
const condition: Message = {
  1: ['type', 'text'], 2: ['status', 'text'], 3: ['observedGeneration', 'int'], 4: ['lastTransitionTime', 'time'], 5: ['reason', 'text'], 6: ['message', 'text'],
};

export const service: Message = {
  1: ['metadata', objectMeta], 2: ['spec', serviceSpec],
  3: ['status', { 1: ['loadBalancer', { 1: ['ingress', ingress, true] }], 2: ['conditions', condition, true] }],
};

export const deleteOptions: Message = {
  1: ['gracePeriodSeconds', 'int'], 2: ['preconditions', { 1: ['uid', 'text'], 2: ['resourceVersion', 'text'] }], 3: ['orphanDependents', 'flag'],
  4: ['propagationPolicy', 'text'], 5: ['dryRun', 'text', true], 6: ['ignoreStoreReadErrorWithClusterBreakingPotential', 'flag'],
};

/** What a client asks about itself. @see k8s.io/api/authorization/v1 and authentication/v1 generated.proto */
const requirement: Message = { 1: ['key', 'text'], 2: ['operator', 'text'], 3: ['values', 'text', true] };
const selector: Message = { 1: ['rawSelector', 'text'], 2: ['requirements', requirement, true] };
const resourceAttributes: Message = {
  1: ['namespace', 'text'], 2: ['verb', 'text'], 3: ['group', 'text'], 4: ['version', 'text'], 5: ['resource', 'text'], 6: ['subresource', 'text'],
  7: ['name', 'text'], 8: ['fieldSelector', selector], 9: ['labelSelector', selector],
};
const ignored: Message = {};
export const selfSubjectAccessReview: Message = {
  1: ['metadata', objectMeta], 2: ['spec', { 1: ['resourceAttributes', resourceAttributes], 2: ['nonResourceAttributes', { 1: ['path', 'text'], 2: ['verb', 'text'] }] }],
  3: ['status', ignored],
};
export const selfSubjectRulesReview: Message = { 1: ['metadata', objectMeta], 2: ['spec', { 1: ['namespace', 'text'] }], 3: ['status', ignored] };
export const selfSubjectReview: Message = { 1: ['metadata', objectMeta], 2: ['status', ignored] };
