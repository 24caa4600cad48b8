import fc from 'fast-check';
import type { ServiceObject } from '../../service.js';

/** Services as they stand in memory after decoding: any text anywhere, lists and maps not empty. For specs only. */
const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
const maybeEmpty = fc.string({ unit: 'binary', maxLength: 10 }).map((s) => s.replace(/[\ud800-\udfff]/g, '?'));
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const nonZero = int32.filter((n) => n !== 0);
const time = fc.date({ min: new Date('1970-01-02'), max: new Date('9999-12-30'), noInvalidDate: true }).map((d) => `${d.toISOString().slice(0, 19)}Z`);
const key = fc.oneof(text, fc.constantFrom('__proto__', 'constructor', 'app', '1'));
const map = fc
  .uniqueArray(fc.tuple(key, maybeEmpty), { minLength: 1, maxLength: 4, selector: ([k]) => k })
  .map((entries) => {
    const object = Object.create(null) as Record<string, string>;
    for (const [k, v] of entries) object[k] = v;
    return object;
  });
const texts = fc.array(maybeEmpty, { minLength: 1, maxLength: 3 });
const some = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record(model, { requiredKeys: [] });
const listOf = <T>(item: fc.Arbitrary<T>) => fc.array(item, { minLength: 1, maxLength: 3 });

const owner = fc.record(
  { apiVersion: maybeEmpty, kind: maybeEmpty, name: maybeEmpty, uid: maybeEmpty, controller: fc.boolean(), blockOwnerDeletion: fc.boolean() },
  { requiredKeys: ['apiVersion', 'kind', 'name', 'uid'] },
);
const port = fc.record(
  { name: text, protocol: text, appProtocol: maybeEmpty, port: int32, targetPort: fc.oneof(int32, maybeEmpty), nodePort: nonZero },
  { requiredKeys: ['port', 'targetPort'] },
);
const condition = fc.record(
  { type: maybeEmpty, status: maybeEmpty, observedGeneration: nonZero, lastTransitionTime: fc.oneof(time, fc.constant(null)), reason: maybeEmpty, message: maybeEmpty },
  { requiredKeys: ['type', 'status', 'lastTransitionTime', 'reason', 'message'] },
);
const portStatus = fc.record({ port: int32, protocol: maybeEmpty, error: maybeEmpty }, { requiredKeys: ['port', 'protocol'] });

const metadata = some({
  name: text, generateName: text, namespace: text, selfLink: text, uid: text, resourceVersion: text, generation: nonZero, creationTimestamp: time,
  deletionTimestamp: time, deletionGracePeriodSeconds: fc.maxSafeInteger(), labels: map, annotations: map, ownerReferences: listOf(owner),
  finalizers: texts,
  managedFields: listOf(some({ manager: text, operation: text, apiVersion: text, time, fieldsType: text, fieldsV1: fc.constantFrom({ 'f:a': { '.': {} } }, {}), subresource: text })),
});

const spec = some({
  ports: listOf(port), selector: map, clusterIP: text, clusterIPs: texts, type: text, externalIPs: texts, sessionAffinity: text, loadBalancerIP: text,
  loadBalancerSourceRanges: texts, externalName: text, externalTrafficPolicy: text, healthCheckNodePort: nonZero,
  publishNotReadyAddresses: fc.constant(true), sessionAffinityConfig: some({ clientIP: some({ timeoutSeconds: int32 }) }), ipFamilies: texts,
  ipFamilyPolicy: maybeEmpty, allocateLoadBalancerNodePorts: fc.boolean(), loadBalancerClass: maybeEmpty, internalTrafficPolicy: maybeEmpty,
  trafficDistribution: maybeEmpty,
});

const status = fc.record(
  { loadBalancer: some({ ingress: listOf(some({ ip: text, hostname: text, ipMode: maybeEmpty, ports: listOf(portStatus) })) }), conditions: listOf(condition) },
  { requiredKeys: ['loadBalancer'] },
);

export const anyService: fc.Arbitrary<ServiceObject> = fc.record({
  apiVersion: fc.constant('v1' as const), kind: fc.constant('Service' as const), metadata, spec, status,
});
