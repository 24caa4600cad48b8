import type { ServiceSpec } from '../service.js';
import { externalName, sampleService, type Changes } from './sample-service.js';
import { serviceWarnings, statusWarnings } from './warnings.js';

const headless: Partial<ServiceSpec> = { clusterIP: 'None', clusterIPs: ['None'] };
const deprecated = 'spec.externalIPs is deprecated and may no longer be implemented in some clusters';

describe('warnings about a Service', () => {
  it.each<[what: string, given: Changes, warnings: string[]]>([
    ['nothing to say', {}, []],
    [
      'the old topology annotation', { metadata: { annotations: { 'service.kubernetes.io/topology-aware-hints': '' } } },
      ['annotation service.kubernetes.io/topology-aware-hints is deprecated, please use service.kubernetes.io/topology-mode instead'],
    ],
    [
      'cluster IPs', { spec: { clusterIP: 'FD00::1', clusterIPs: ['FD00::1', '010.0.0.1'] } },
      [
        'spec.clusterIPs[0]: IPv6 address "FD00::1" should be in RFC 5952 canonical format ("fd00::1")',
        'spec.clusterIPs[1]: non-standard IP address "010.0.0.1" is invalid: use "10.0.0.1"',
      ],
    ],
    ['loadBalancerIP, headless', { spec: { ...headless, loadBalancerIP: 'x' } }, ['spec.loadBalancerIP is ignored for headless services']],
    ['externalIPs, headless', { spec: { ...headless, externalIPs: ['192.0.2.1'] } }, ['spec.externalIPs is ignored for headless services']],
    ['affinity, headless', { spec: { ...headless, sessionAffinity: 'ClientIP' } }, ['spec.SessionAffinity is ignored for headless services']],
    ['externalIPs', { spec: { externalIPs: ['192.0.2.1', '2001:db8:0::1'] } }, ['spec.externalIPs[1]: IPv6 address "2001:db8:0::1" should be in RFC 5952 canonical format ("2001:db8::1")', deprecated]],
    ['loadBalancerIP that is no address', { spec: { loadBalancerIP: 'my lb' } }, []],
    ['loadBalancerIP with zeros', { spec: { loadBalancerIP: '192.000.002.001' } }, ['spec.loadBalancerIP: non-standard IP address "192.000.002.001" is invalid: use "192.0.2.1"']],
    ['loadBalancerIP, IPv4 in IPv6', { spec: { loadBalancerIP: '::FFFF:192.0.2.1' } }, ['spec.loadBalancerIP: non-standard IP address "::FFFF:192.0.2.1" is invalid: use "192.0.2.1"']],
    ['ExternalName with externalIPs', { spec: { ...externalName, externalIPs: ['192.0.2.1'] } }, ['spec.externalIPs is ignored when spec.type is "ExternalName"']],
    ['externalName elsewhere', { spec: { externalName: 'db' } }, ['spec.externalName is ignored when spec.type is not "ExternalName"']],
    ['PreferClose', { spec: { trafficDistribution: 'PreferClose' } }, ['spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"']],
    [
      'order', {
        metadata: { annotations: { 'service.kubernetes.io/topology-aware-hints': '' } },
        spec: { trafficDistribution: 'PreferClose', externalName: 'x', loadBalancerSourceRanges: ['FD00::/8'], loadBalancerIP: 'FD00::3', externalIPs: ['FD00::2'], clusterIP: 'FD00::1', clusterIPs: ['FD00::1'] },
      },
      [
        'annotation service.kubernetes.io/topology-aware-hints is deprecated, please use service.kubernetes.io/topology-mode instead',
        'spec.clusterIPs[0]: IPv6 address "FD00::1" should be in RFC 5952 canonical format ("fd00::1")',
        'spec.externalIPs[0]: IPv6 address "FD00::2" should be in RFC 5952 canonical format ("fd00::2")', deprecated,
        'spec.loadBalancerIP: IPv6 address "FD00::3" should be in RFC 5952 canonical format ("fd00::3")',
        'spec.loadBalancerSourceRanges[0]: IPv6 CIDR value "FD00::/8" should be in RFC 5952 canonical format ("fd00::/8")',
        'spec.externalName is ignored when spec.type is not "ExternalName"', 'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"',
      ],
    ],
  ])('%s', (_, given, warnings) => expect(serviceWarnings(sampleService(given))).toEqual(warnings));

  it.each<[range: string, warnings: string[]]>([
    ['192.0.2.0/24', []], ['2001:db8::/32', []], ['no range', []],
    [' FD00::/8', []], // not trimmed, so no CIDR
    ['192.0.2.1/24', ['CIDR value "192.0.2.1/24" is ambiguous in this context (should be "192.0.2.0/24" or "192.0.2.1/32"?)']],
    ['FD00::1/64', ['CIDR value "FD00::1/64" is ambiguous in this context (should be "fd00::/64" or "fd00::1/128"?)']],
    ['192.0.2.0/024', ['non-standard CIDR value "192.0.2.0/024" is invalid: use "192.0.2.0/24"']],
    ['::ffff:192.0.2.0/120', ['non-standard CIDR value "::ffff:192.0.2.0/120" is invalid: use "192.0.2.0/24"']],
    ['192.0.02.1/24', ['CIDR value "192.0.02.1/24" is ambiguous in this context (should be "192.0.2.0/24" or "192.0.2.1/32"?)', 'non-standard CIDR value "192.0.02.1/24" is invalid: use "192.0.2.0/24"']],
    ['::ffff:192.0.2.1/120', ['CIDR value "::ffff:192.0.2.1/120" is ambiguous in this context (should be "192.0.2.0/24" or "192.0.2.1/128"?)', 'non-standard CIDR value "::ffff:192.0.2.1/120" is invalid: use "192.0.2.0/24"']],
    ['2001:DB8::/32', ['IPv6 CIDR value "2001:DB8::/32" should be in RFC 5952 canonical format ("2001:db8::/32")']],
  ])('source range %j', (range, warnings) =>
    expect(serviceWarnings(sampleService({ spec: { type: 'LoadBalancer', loadBalancerSourceRanges: [range] } }))).toEqual(warnings.map((text) => `spec.loadBalancerSourceRanges[0]: ${text}`)));
});

it('of /status: about addresses only, at a path without .ip', () => {
  const service = sampleService({ spec: { type: 'LoadBalancer', externalName: 'ignored' } });
  service.status.loadBalancer.ingress = [{ hostname: 'lb' }, { ip: '2001:db8:0::1', ipMode: 'VIP' }];
  expect(statusWarnings(service)).toEqual(['status.loadBalancer.ingress[1]: IPv6 address "2001:db8:0::1" should be in RFC 5952 canonical format ("2001:db8::1")']);
});
