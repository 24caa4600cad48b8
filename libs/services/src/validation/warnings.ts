import { formatAddress, formatCidr, parseAddressSloppy, parseCidrSloppy } from '@ipledger/ip';
import { goQuote } from '../field-error.js';
import { isExternalName, isHeadless, type ServiceObject, type ServiceSpec } from '../service.js';

/**
 * What a write that was accepted should make its client think about. Whole texts, in upstream's order; they speak of the
 * new object as a whole, also of what has not changed.
 *
 * @see pkg/api/service/warnings.go, k8s.io/apimachinery pkg/util/validation/ip.go, Kubernetes v1.37.2
 */
export const serviceWarnings = (service: ServiceObject): string[] => {
  const { spec } = service;
  const { clusterIP = '', externalIPs = [], loadBalancerIP = '' } = spec;
  const warnings: string[] = [];
  if (service.metadata.annotations?.[topologyHints] !== undefined)
    warnings.push(`annotation ${topologyHints} is deprecated, please use service.kubernetes.io/topology-mode instead`);
  if (clusterIP !== '' && clusterIP !== 'None') addressWarnings('spec.clusterIPs', spec.clusterIPs ?? [], warnings);
  const headless = spec.type === 'ClusterIP' && isHeadless(spec);
  if (headless) headlessWarnings(spec, warnings);
  addressWarnings('spec.externalIPs', externalIPs, warnings);
  if (externalIPs.length > 0 && !headless && !isExternalName(spec))
    warnings.push('spec.externalIPs is deprecated and may no longer be implemented in some clusters');
  if (loadBalancerIP !== '') addressWarning('spec.loadBalancerIP', loadBalancerIP, warnings);
  for (const [i, range] of (spec.loadBalancerSourceRanges ?? []).entries()) cidrWarnings(`spec.loadBalancerSourceRanges[${i}]`, range, warnings);
  if (isExternalName(spec) && externalIPs.length > 0) warnings.push('spec.externalIPs is ignored when spec.type is "ExternalName"');
  if (!isExternalName(spec) && (spec.externalName ?? '') !== '') warnings.push('spec.externalName is ignored when spec.type is not "ExternalName"');
  if (spec.trafficDistribution === 'PreferClose') warnings.push('spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"');
  return warnings;
};

/** Of a write to `/status`. The path lacks `.ip`, upstream too. */
export const statusWarnings = (service: ServiceObject): string[] => {
  const warnings: string[] = [];
  for (const [i, { ip = '' }] of (service.status.loadBalancer.ingress ?? []).entries())
    if (ip !== '') addressWarning(`status.loadBalancer.ingress[${i}]`, ip, warnings);
  return warnings;
};

const topologyHints = 'service.kubernetes.io/topology-aware-hints';

const headlessWarnings = ({ loadBalancerIP = '', externalIPs = [], sessionAffinity }: ServiceSpec, warnings: string[]): void => {
  if (loadBalancerIP !== '') warnings.push('spec.loadBalancerIP is ignored for headless services');
  if (externalIPs.length > 0) warnings.push('spec.externalIPs is ignored for headless services');
  if (sessionAffinity !== 'None') warnings.push('spec.SessionAffinity is ignored for headless services');
};

const addressWarnings = (list: string, texts: readonly string[], warnings: string[]): void => {
  for (let i = 0; i < texts.length; i++) addressWarning(`${list}[${i}]`, texts[i] ?? '', warnings);
};

/** None for a text that is no address: `loadBalancerIP` may be anything. */
const addressWarning = (field: string, text: string, warnings: string[]): void => {
  const parsed = parseAddressSloppy(text);
  if (parsed === undefined) return;
  const canonical = formatAddress(parsed.address);
  if (parsed.leadingZeros || parsed.mapped)
    warnings.push(`${field}: non-standard IP address ${goQuote(text)} is invalid: use ${goQuote(canonical)}`);
  else if (canonical !== text)
    warnings.push(`${field}: IPv6 address ${goQuote(text)} should be in RFC 5952 canonical format (${goQuote(canonical)})`);
};

/** Only the last one comes alone. Not trimmed: an entry with spaces is no CIDR here. */
const cidrWarnings = (field: string, text: string, warnings: string[]): void => {
  const parsed = parseCidrSloppy(text);
  if (parsed === undefined) return;
  const canonical = formatCidr(parsed.cidr);
  if (parsed.hostBits) {
    const bits = parsed.address.family === 'IPv4' && !parsed.mapped ? 32 : 128;
    const single = `${formatAddress(parsed.address)}/${bits}`;
    warnings.push(`${field}: CIDR value ${goQuote(text)} is ambiguous in this context (should be ${goQuote(canonical)} or ${goQuote(single)}?)`);
  }
  if (parsed.leadingZeros || parsed.mapped) warnings.push(`${field}: non-standard CIDR value ${goQuote(text)} is invalid: use ${goQuote(canonical)}`);
  else if (!parsed.hostBits && canonical !== text)
    warnings.push(`${field}: IPv6 CIDR value ${goQuote(text)} should be in RFC 5952 canonical format (${goQuote(canonical)})`);
};
