import { parseAddressSloppy } from '@ipledger/ip';
import { EnumText, forbidden, invalid, notSupported, required, type FieldError } from '../field-error.js';
import { isExternallyAccessible, needsHealthCheckPort, type LoadBalancerIngress, type ServiceObject, type ServiceSpec, type ServiceStatus } from '../service.js';
import {
  addInvalid, addressProblem, checkChoice, cidrProblem, isPortNumber, portNumberProblem, qualifiedNameProblems, subdomainProblems,
} from './formats.js';

/**
 * The rules for load balancers and for traffic from outside. `loadBalancerIP` has none: any text is accepted.
 * @see pkg/apis/core/validation/validation.go, Kubernetes v1.37.2
 */

const trafficPolicies = ['Cluster', 'Local'];
const ipModes = ['Proxy', 'VIP'];
const sourceRangesAnnotation = 'service.beta.kubernetes.io/load-balancer-source-ranges';
const onlyLoadBalancer = "may only be used when `type` is 'LoadBalancer'";

/** The field, or, only where that is empty, the annotation that it replaced. Spaces around an entry are part of the API. */
export const checkSourceRanges = (next: ServiceObject, stored: ServiceObject | undefined, errors: FieldError[]): void => {
  const ranges = next.spec.loadBalancerSourceRanges ?? [];
  const annotation = next.metadata.annotations?.[sourceRangesAnnotation];
  if (ranges.length === 0 && annotation === undefined) return;

  const field = ranges.length > 0 ? 'spec.LoadBalancerSourceRanges' : `metadata.annotations[${sourceRangesAnnotation}]`;
  if (next.spec.type !== 'LoadBalancer') errors.push(forbidden(field, onlyLoadBalancer));
  if (ranges.length > 0) {
    const known = new Set(stored?.spec.loadBalancerSourceRanges?.map(trimSpace));
    for (const [i, range] of ranges.entries()) checkCidr(`${field}[${i}]`, trimSpace(range), known, errors);
  } else if (annotation !== undefined && annotation !== stored?.metadata.annotations?.[sourceRangesAnnotation] && trimSpace(annotation) !== '') {
    for (const range of trimSpace(annotation).split(',')) checkCidr(field, trimSpace(range), nothingKnown, errors);
  }
};

const nothingKnown: ReadonlySet<string> = new Set();

const checkCidr = (field: string, text: string, known: ReadonlySet<string>, errors: FieldError[]): void => {
  const problem = known.has(text) ? undefined : cidrProblem(text);
  if (problem !== undefined) errors.push(invalid(field, text, problem));
};

/** As Go's strings.TrimSpace: unlike String.trim it takes U+0085 and leaves U+FEFF. */
const trimSpace = (text: string): string => {
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(text.charAt(start))) start++;
  while (end > start && isSpace(text.charAt(end - 1))) end--;
  return text.slice(start, end);
};

const isSpace = (character: string): boolean => /^\p{White_Space}$/u.test(character);

/** @param stored the Service as it is; undefined when only the new value is in question */
export const checkLoadBalancerClass = (next: ServiceSpec, stored: ServiceSpec | undefined, errors: FieldError[]): void => {
  const { type, loadBalancerClass } = next;
  if (type === 'LoadBalancer' && stored?.type === 'LoadBalancer' && loadBalancerClass !== stored.loadBalancerClass) {
    const shown = loadBalancerClass === undefined ? undefined : new EnumText(loadBalancerClass);
    errors.push(invalid('spec.loadBalancerClass', shown, 'may not change once set'));
  }
  if (loadBalancerClass === undefined) return;
  if (type === 'LoadBalancer') addInvalid(errors, 'spec.loadBalancerClass', loadBalancerClass, qualifiedNameProblems(loadBalancerClass));
  else errors.push(forbidden('spec.loadBalancerClass', onlyLoadBalancer));
};

/** The field that is required has no `spec.` in its path, upstream too; static defaulting always sets it. */
export const checkAllocateNodePorts = ({ type, allocateLoadBalancerNodePorts }: ServiceSpec, errors: FieldError[]): void => {
  if (type === 'LoadBalancer') {
    if (allocateLoadBalancerNodePorts === undefined) errors.push(required('allocateLoadBalancerNodePorts'));
  } else if (allocateLoadBalancerNodePorts !== undefined) errors.push(forbidden('spec.allocateLoadBalancerNodePorts', onlyLoadBalancer));
};

export const checkExternalTraffic = (spec: ServiceSpec, errors: FieldError[]): void => {
  const { externalTrafficPolicy: policy = '' } = spec;
  if (isExternallyAccessible(spec)) checkChoice('spec.externalTrafficPolicy', policy, trafficPolicies, errors);
  else if (policy !== '') errors.push(invalid('spec.externalTrafficPolicy', new EnumText(policy), 'may only be set for externally-accessible services'));
  checkHealthCheckPort(spec, errors);
};

const checkHealthCheckPort = (spec: ServiceSpec, errors: FieldError[]): void => {
  const field = 'spec.healthCheckNodePort';
  const { healthCheckNodePort: port = 0 } = spec;
  if (!needsHealthCheckPort(spec)) {
    if (port !== 0) errors.push(invalid(field, port, "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"));
  } else if (port === 0) errors.push(required(field));
  else if (!isPortNumber(port)) errors.push(invalid(field, port, portNumberProblem));
};

export const checkHealthCheckPortChange = (next: ServiceSpec, stored: ServiceSpec, errors: FieldError[]): void => {
  if (needsHealthCheckPort(stored) && needsHealthCheckPort(next) && (next.healthCheckNodePort ?? 0) !== (stored.healthCheckNodePort ?? 0))
    errors.push(forbidden('spec.healthCheckNodePort', 'field is immutable'));
};

/** Not required of ExternalName and of types that do not exist; a value is checked on any. */
export const checkInternalTraffic = ({ type = '', internalTrafficPolicy }: ServiceSpec, errors: FieldError[]): void => {
  if (internalTrafficPolicy === undefined) {
    if (type === 'ClusterIP' || type === 'NodePort' || type === 'LoadBalancer') errors.push(required('spec.internalTrafficPolicy'));
  } else if (!trafficPolicies.includes(internalTrafficPolicy))
    errors.push(notSupported('spec.internalTrafficPolicy', new EnumText(internalTrafficPolicy), trafficPolicies));
};

/** `status.loadBalancer` through `/status`. Conditions and ports of an ingress are not checked at all, upstream neither. */
export const checkIngress = (status: ServiceStatus, stored: ServiceObject, errors: FieldError[]): void => {
  const ingress = status.loadBalancer.ingress ?? [];
  if (ingress.length === 0) return;
  if (stored.spec.type !== 'LoadBalancer') {
    errors.push(forbidden('status.loadBalancer.ingress', "may only be used when `spec.type` is 'LoadBalancer'"));
    return;
  }
  const known = new Set(stored.status.loadBalancer.ingress?.map(({ ip }) => ip));
  for (const [i, entry] of ingress.entries()) checkIngressEntry(`status.loadBalancer.ingress[${i}]`, entry, known, errors);
};

const checkIngressEntry = (field: string, entry: LoadBalancerIngress, known: ReadonlySet<string | undefined>, errors: FieldError[]): void => {
  const { ip = '', ipMode, hostname = '' } = entry;
  const problem = ip === '' || known.has(ip) ? undefined : addressProblem(parseAddressSloppy(ip));
  if (problem !== undefined) errors.push(invalid(`${field}.ip`, ip, problem));

  if (ip === '' && ipMode !== undefined) errors.push(forbidden(`${field}.ipMode`, 'may not be specified when `ip` is not set'));
  else if (ip !== '' && ipMode === undefined) errors.push(required(`${field}.ipMode`, 'must be specified when `ip` is set'));
  else if (ipMode !== undefined && !ipModes.includes(ipMode)) errors.push(notSupported(`${field}.ipMode`, new EnumText(ipMode), ipModes));

  if (hostname === '') return;
  addInvalid(errors, `${field}.hostname`, hostname, subdomainProblems(hostname));
  if (parseAddressSloppy(hostname) !== undefined) errors.push(invalid(`${field}.hostname`, hostname, 'must be a DNS name, not an IP address'));
};
