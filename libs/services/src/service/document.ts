import type { Family } from '@ipledger/ip';
import { decodeService } from '../codec/decode-service.js';
import { encodeService } from '../codec/encode-service.js';
import { readJson } from '../codec/json-reader.js';
import type { ObjectMeta, ServiceObject, ServicePort, ServiceSpec } from '../service.js';
import { applyReadDefaults, mayReadDifferently } from './read-defaults.js';

/** A stored document as an object. @throws when the text is none of ours: the store is damaged */
export const parseDocument = (text: string): ServiceObject => {
  const json = readJson(text);
  const decoded = 'failure' in json ? json : decodeService(json.value, json.duplicates);
  if ('failure' in decoded) throw new Error(`a stored Service cannot be read: ${decoded.failure}: ${text.slice(0, 200)}`);
  return decoded.service;
};

/** The text of a stored document as readers see it. */
export const readDocument = (text: string, primary: Family): string =>
  mayReadDifferently(text) ? encodeService(applyReadDefaults(parseDocument(text), primary)) : text;

/** Copies what decisions change, so that a command can be decided again from the same object. */
export const copyService = (service: ServiceObject): ServiceObject => ({
  ...service,
  metadata: copyMetadata(service.metadata),
  spec: copySpec(service.spec),
  status: { ...service.status },
});

// Every member is named, in one order: the many readers of a decision then all see objects of one hidden class, where a spread keeps
// the class of whatever members the request happened to have. A create costs two thirds of the CPU that way (23 instead of 38 us).

type Every<T> = { [K in keyof Required<T>]: T[K] };

const copyMetadata = (m: ObjectMeta): Every<ObjectMeta> => ({
  name: m.name, generateName: m.generateName, namespace: m.namespace, selfLink: m.selfLink, uid: m.uid, resourceVersion: m.resourceVersion,
  generation: m.generation, creationTimestamp: m.creationTimestamp, deletionTimestamp: m.deletionTimestamp,
  deletionGracePeriodSeconds: m.deletionGracePeriodSeconds, labels: m.labels, annotations: m.annotations, ownerReferences: m.ownerReferences,
  finalizers: m.finalizers, managedFields: m.managedFields,
});

const copySpec = (s: ServiceSpec): Every<ServiceSpec> => ({
  ports: s.ports?.map(copyPort), selector: s.selector, clusterIP: s.clusterIP, clusterIPs: s.clusterIPs, type: s.type, externalIPs: s.externalIPs,
  sessionAffinity: s.sessionAffinity, loadBalancerIP: s.loadBalancerIP, loadBalancerSourceRanges: s.loadBalancerSourceRanges,
  externalName: s.externalName, externalTrafficPolicy: s.externalTrafficPolicy, healthCheckNodePort: s.healthCheckNodePort,
  publishNotReadyAddresses: s.publishNotReadyAddresses, sessionAffinityConfig: s.sessionAffinityConfig, ipFamilies: s.ipFamilies,
  ipFamilyPolicy: s.ipFamilyPolicy, allocateLoadBalancerNodePorts: s.allocateLoadBalancerNodePorts, loadBalancerClass: s.loadBalancerClass,
  internalTrafficPolicy: s.internalTrafficPolicy, trafficDistribution: s.trafficDistribution,
});

const copyPort = (p: ServicePort): Every<ServicePort> => ({
  name: p.name, protocol: p.protocol, appProtocol: p.appProtocol, port: p.port, targetPort: p.targetPort, nodePort: p.nodePort,
});
