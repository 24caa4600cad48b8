import { forbidden, invalid, notSupported, required, withoutRepeats, type FieldError } from '../field-error.js';
import { isExternalName, type ObjectMeta, type ServiceObject, type ServiceSpec } from '../service.js';
import { checkExternalIPs, clusterIPFieldErrors, externalNameErrors, hasOnlyNone, immutabilityErrors } from './addresses.js';
import { addInvalid, checkChoice, subdomainProblems } from './formats.js';
import {
  checkAllocateNodePorts, checkExternalTraffic, checkHealthCheckPortChange, checkIngress, checkInternalTraffic, checkLoadBalancerClass,
  checkSourceRanges,
} from './load-balancer.js';
import { checkLabels, createMetadataErrors, updateMetadataErrors } from './metadata.js';
import { checkPortNumbers, checkPorts } from './ports.js';

export { clusterIPFieldErrors };

/**
 * Full validation: every rule at once, in the order in which upstream reports them, each finding once. It runs after the
 * allocation hook, so objects are decoded, statically defaulted, named and stamped, and have their addresses and ports.
 * An empty list means that the Service may be stored. Nothing is changed.
 *
 * @see pkg/apis/core/validation/validation.go ValidateServiceCreate, ValidateServiceUpdate, ValidateServiceStatusUpdate;
 *   k8s.io/apiserver pkg/registry/rest/{create,update}.go, Kubernetes v1.37.2
 */
export const validateCreate = (service: ServiceObject): FieldError[] => {
  const errors = createMetadataErrors(service.metadata);
  checkSpec(service, undefined, errors);
  return withoutRepeats(errors);
};

/** @param stored the Service as it is, with read defaults applied */
export const validateUpdate = (next: ServiceObject, stored: ServiceObject): FieldError[] => {
  const errors = updateMetadataErrors(next.metadata, stored.metadata);
  errors.push(...immutabilityErrors(next.spec, stored.spec));
  checkLoadBalancerClass(next.spec, stored.spec, errors);
  checkHealthCheckPortChange(next.spec, stored.spec, errors);
  checkSpec(next, stored, errors);
  return withoutRepeats(errors);
};

/** The `/status` sub-resource: metadata and the ingress list; the spec is the stored one and not looked at again. */
export const validateStatusUpdate = (next: ServiceObject, stored: ServiceObject): FieldError[] => {
  const errors = updateMetadataErrors(next.metadata, stored.metadata);
  checkIngress(next.status, stored, errors);
  return withoutRepeats(errors);
};

const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const affinities = ['ClientIP', 'None'];
/** In upstream's order, which is by age. */
const trafficDistributions = ['PreferClose', 'PreferSameZone', 'PreferSameNode'];
/** Seconds (a day). The message says "less than", the check lets it pass. */
const affinityTimeoutMax = 86400;
const topologyMode = 'service.kubernetes.io/topology-mode';
const topologyHints = 'service.kubernetes.io/topology-aware-hints';

const checkSpec = (next: ServiceObject, stored: ServiceObject | undefined, errors: FieldError[]): void => {
  const { spec } = next;
  const ports = spec.ports ?? [];
  checkTopology(next.metadata, errors);
  if (ports.length === 0 && !hasOnlyNone(spec) && !isExternalName(spec)) errors.push(required('spec.ports'));
  checkForType(spec, errors);
  checkPorts(ports, errors);
  checkLabels('spec.selector', spec.selector, errors);
  checkAffinity(spec, errors);
  addAll(errors, clusterIPFieldErrors(next, stored));
  checkExternalIPs(spec.externalIPs ?? [], stored?.spec.externalIPs ?? [], errors);
  checkChoice('spec.type', spec.type, types, errors);
  checkPortNumbers(spec.type, ports, errors);
  checkSourceRanges(next, stored, errors);
  checkAllocateNodePorts(spec, errors);
  checkLoadBalancerClass(spec, undefined, errors);
  checkExternalTraffic(spec, errors);
  checkInternalTraffic(spec, errors);
  const distribution = spec.trafficDistribution;
  if (distribution !== undefined && !trafficDistributions.includes(distribution))
    errors.push(notSupported('spec.trafficDistribution', distribution, trafficDistributions));
};

/** Not `push(...)`: a list of a hundred thousand addresses would overflow the stack. */
const addAll = (errors: FieldError[], more: readonly FieldError[]): void => {
  for (const error of more) errors.push(error);
};

const checkTopology = ({ annotations }: ObjectMeta, errors: FieldError[]): void => {
  const mode = annotations?.[topologyMode];
  const hints = annotations?.[topologyHints];
  if (mode !== undefined && hints !== undefined && mode !== hints)
    errors.push(invalid(`metadata.annotations[${topologyMode}]`, mode, `must match annotations[${topologyHints}] when both are specified`));
};

const checkForType = (spec: ServiceSpec, errors: FieldError[]): void => {
  if ((spec.type === 'NodePort' || spec.type === 'LoadBalancer') && hasOnlyNone(spec))
    errors.push(invalid('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${spec.type} services`));
  if (!isExternalName(spec)) return;
  addAll(errors, externalNameErrors(spec));
  const target = (spec.externalName ?? '').replace(/\.$/, '');
  if (target === '') errors.push(required('spec.externalName'));
  else addInvalid(errors, 'spec.externalName', target, subdomainProblems(target));
};

/** Static defaulting leaves only the timeout to be wrong; the rest holds for objects that come another way. */
const checkAffinity = ({ sessionAffinity, sessionAffinityConfig: config }: ServiceSpec, errors: FieldError[]): void => {
  const field = 'spec.sessionAffinityConfig';
  checkChoice('spec.sessionAffinity', sessionAffinity, affinities, errors);
  if (sessionAffinity === 'None' && config !== undefined) errors.push(forbidden(field, 'must not be set when session affinity is None'));
  if (sessionAffinity !== 'ClientIP') return;
  const missing = 'when session affinity type is ClientIP';
  const timeout = config?.clientIP?.timeoutSeconds;
  if (config === undefined) errors.push(required(field, missing));
  else if (config.clientIP === undefined) errors.push(required(`${field}.clientIP`, missing));
  else if (timeout === undefined) errors.push(required(`${field}.clientIP.timeoutSeconds`, missing));
  else if (timeout <= 0 || timeout > affinityTimeoutMax)
    errors.push(invalid(`${field}.clientIP.timeoutSeconds`, timeout, `must be greater than 0 and less than ${affinityTimeoutMax}`));
};
