import type { LoadBalancerIngress, ServiceObject, ServiceSpec } from '../service.js';
import { sampleService, shown, type Changes } from './sample-service.js';
import { validateCreate, validateStatusUpdate, validateUpdate } from './service.js';

const only = "may only be used when `type` is 'LoadBalancer'";
const notCidr = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';
const annotation = 'service.beta.kubernetes.io/load-balancer-source-ranges';
const annotated = (text: string, spec: Partial<ServiceSpec> = { type: 'LoadBalancer' }): Changes => ({ metadata: { annotations: { [annotation]: text } }, spec });
const balancer = (spec: Partial<ServiceSpec>): Changes => ({ spec: { type: 'LoadBalancer', ...spec } });

describe('source ranges', () => {
  it.each<[what: string, given: Changes, errors: string[]]>([
    ['good ones', balancer({ loadBalancerSourceRanges: ['192.0.2.0/24', '2001:DB8::/32'] }), []],
    ['spaces around are fine, U+0085 is one', balancer({ loadBalancerSourceRanges: [' 192.0.2.0/24\t', '\u0085192.0.3.0/24'] }), []],
    ['a byte order mark is none', balancer({ loadBalancerSourceRanges: ['\ufeff192.0.2.0/24'] }), [`spec.LoadBalancerSourceRanges[0]: Invalid value: "\\ufeff192.0.2.0/24": ${notCidr}`]],
    ['bad ones, shown trimmed', balancer({ loadBalancerSourceRanges: ['192.0.2.0/24', ' x '] }), [`spec.LoadBalancerSourceRanges[1]: Invalid value: "x": ${notCidr}`]],
    ['host bits', balancer({ loadBalancerSourceRanges: ['192.0.2.1/24'] }), ['spec.LoadBalancerSourceRanges[0]: Invalid value: "192.0.2.1/24": must not have bits set beyond the prefix length']],
    ['zeros', balancer({ loadBalancerSourceRanges: ['192.0.2.0/024'] }), ['spec.LoadBalancerSourceRanges[0]: Invalid value: "192.0.2.0/024": must not have leading 0s in IP or prefix length']],
    ['mapped', balancer({ loadBalancerSourceRanges: ['::ffff:192.0.2.0/120'] }), ['spec.LoadBalancerSourceRanges[0]: Invalid value: "::ffff:192.0.2.0/120": must not have an IPv4-mapped IPv6 address']],
    ['another type, then the entries', { spec: { loadBalancerSourceRanges: [''] } }, [`spec.LoadBalancerSourceRanges: Forbidden: ${only}`, `spec.LoadBalancerSourceRanges[0]: Invalid value: "": ${notCidr}`]],
    ['an empty list on another type', { spec: { loadBalancerSourceRanges: [] } }, []],
    ['the annotation', annotated(' 192.0.2.0/24 , 192.0.3.0/24'), []],
    ['a blank annotation', annotated('  '), []],
    ['the annotation on another type, even blank', annotated('', {}), [`metadata.annotations[${annotation}]: Forbidden: ${only}`]],
    ['entries of the annotation, without index', annotated('x,,192.0.2.0/24'), ['x', ''].map((text) => `metadata.annotations[${annotation}]: Invalid value: "${text}": ${notCidr}`)],
    ['the annotation does not count beside the field', annotated('x', { type: 'LoadBalancer', loadBalancerSourceRanges: ['192.0.2.0/24'] }), []],
  ])('%s', (_, given, errors) => expect(shown(validateCreate(sampleService(given)))).toEqual(errors));

  it.each<[what: string, next: Changes, stored: Changes, errors: string[]]>([
    ['a stored entry, trimmed, is not looked at again', balancer({ loadBalancerSourceRanges: ['192.0.2.1/24 '] }), balancer({ loadBalancerSourceRanges: [' 192.0.2.1/24'] }), []],
    ['nor an annotation that stays', annotated('192.0.2.1/24'), annotated('192.0.2.1/24'), []],
    [
      'one that is changed is', annotated('192.0.2.1/24,192.0.3.0/24'), annotated('192.0.2.1/24'),
      [`metadata.annotations[${annotation}]: Invalid value: "192.0.2.1/24": must not have bits set beyond the prefix length`],
    ],
  ])('on update: %s', (_, next, stored, errors) => expect(shown(validateUpdate(sampleService(next), sampleService(stored)))).toEqual(errors));
});

describe('fields of a load balancer and of traffic from outside', () => {
  const notName =
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character " +
    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
  const policies = 'supported values: "Cluster", "Local"';
  const local: Partial<ServiceSpec> = { externalTrafficPolicy: 'Local', healthCheckNodePort: 30111 };
  it.each<[what: string, given: Changes, errors: string[]]>([
    ['loadBalancerIP may be anything', balancer({ loadBalancerIP: 'not an address' }), []],
    ['class', balancer({ loadBalancerClass: 'example.com/lb' }), []],
    ['class: format', balancer({ loadBalancerClass: '' }), ['spec.loadBalancerClass: Invalid value: "": name part must be non-empty', `spec.loadBalancerClass: Invalid value: "": ${notName}`]],
    ['class: type', { spec: { loadBalancerClass: '-' } }, [`spec.loadBalancerClass: Forbidden: ${only}`]],
    ['allocateLoadBalancerNodePorts: type, whatever the value', { spec: { allocateLoadBalancerNodePorts: false } }, [`spec.allocateLoadBalancerNodePorts: Forbidden: ${only}`]],
    ['externalTrafficPolicy on ClusterIP, even a good one', { spec: { externalTrafficPolicy: 'Cluster' } }, ['spec.externalTrafficPolicy: Invalid value: "Cluster": may only be set for externally-accessible services']],
    ['externalTrafficPolicy on ClusterIP with externalIPs', { spec: { externalTrafficPolicy: 'Local', externalIPs: ['192.0.2.1'] } }, []],
    ['externalTrafficPolicy', { spec: { type: 'NodePort', externalTrafficPolicy: 'X' } }, [`spec.externalTrafficPolicy: Unsupported value: "X": ${policies}`]],
    ['health check port', balancer(local), []],
    ['health check port, needed', balancer({ ...local, healthCheckNodePort: undefined }), ['spec.healthCheckNodePort: Required value']],
    ['health check port, no port', balancer({ ...local, healthCheckNodePort: 70000 }), ['spec.healthCheckNodePort: Invalid value: 70000: must be between 1 and 65535, inclusive']],
    [
      'health check port, not needed', { spec: { type: 'NodePort', ...local } },
      ["spec.healthCheckNodePort: Invalid value: 30111: may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"],
    ],
    ['internalTrafficPolicy', { spec: { internalTrafficPolicy: 'X' } }, [`spec.internalTrafficPolicy: Unsupported value: "X": ${policies}`]],
    ['an empty internalTrafficPolicy', { spec: { internalTrafficPolicy: '' } }, [`spec.internalTrafficPolicy: Unsupported value: "": ${policies}`]],
  ])('%s', (_, given, errors) => expect(shown(validateCreate(sampleService(given)))).toEqual(errors));

  const classed = (loadBalancerClass: string | undefined): Changes => balancer({ loadBalancerClass });
  it.each<[what: string, next: Changes, stored: Changes, errors: string[]]>([
    ['the class stays', classed('a/b'), classed('a/b'), []],
    ['another class', classed('a/<'), classed('a/b'), ['spec.loadBalancerClass: Invalid value: "a/\\u003c": may not change once set', `spec.loadBalancerClass: Invalid value: "a/<": ${notName}`]],
    ['a class given late', classed('a/b'), classed(undefined), ['spec.loadBalancerClass: Invalid value: "a/b": may not change once set']],
    ['a class taken away', classed(undefined), classed('a/b'), ['spec.loadBalancerClass: Invalid value: null: may not change once set']],
    ['a class that comes with the type', classed('a/b'), {}, []],
    ['a class that outlives the type, once', { spec: { loadBalancerClass: 'a/b' } }, classed('a/b'), [`spec.loadBalancerClass: Forbidden: ${only}`]],
    ['the health check port changes', balancer({ ...local, healthCheckNodePort: 30112 }), balancer(local), ['spec.healthCheckNodePort: Forbidden: field is immutable']],
    ['the health check port was not needed before', balancer(local), balancer({}), []],
  ])('on update: %s', (_, next, stored, errors) => expect(shown(validateUpdate(sampleService(next), sampleService(stored)))).toEqual(errors));

  it('requires what static defaulting always gives, should an object come another way', () => {
    const bare = sampleService(balancer({}));
    for (const field of ['allocateLoadBalancerNodePorts', 'externalTrafficPolicy', 'internalTrafficPolicy'] as const) delete bare.spec[field];
    expect(shown(validateCreate(bare))).toEqual(['allocateLoadBalancerNodePorts: Required value', 'spec.externalTrafficPolicy: Required value', 'spec.internalTrafficPolicy: Required value']);
  });
});

describe('the ingress list of /status', () => {
  const withIngress = (ingress: LoadBalancerIngress[] | undefined, type = 'LoadBalancer'): ServiceObject => {
    const service = sampleService({ spec: { type } });
    service.status.loadBalancer = ingress === undefined ? {} : { ingress };
    return service;
  };
  const notSubdomain =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character " +
    "(e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
  it.each<[what: string, entry: LoadBalancerIngress, errors: string[]]>([
    ['an address', { ip: '192.0.2.1', ipMode: 'VIP' }, []],
    ['address and name', { ip: '192.0.2.1', ipMode: 'Proxy', hostname: 'lb.example.com' }, []],
    ['neither', {}, []],
    ['ports are not checked', { ports: [{ port: -1, protocol: 'X' }] }, []],
    ['no address', { ip: 'abc', ipMode: 'VIP' }, ['.ip: Invalid value: "abc": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)']],
    ['zeros', { ip: '192.0.02.1', ipMode: 'VIP' }, ['.ip: Invalid value: "192.0.02.1": must not have leading 0s']],
    ['mapped', { ip: '::ffff:192.0.2.1', ipMode: 'VIP' }, ['.ip: Invalid value: "::ffff:192.0.2.1": must not be an IPv4-mapped IPv6 address']],
    ['a stored address', { ip: '192.000.002.001', ipMode: 'VIP' }, []],
    ['no mode', { ip: '192.0.2.1' }, ['.ipMode: Required value: must be specified when `ip` is set']],
    ['a mode without address', { ipMode: 'X' }, ['.ipMode: Forbidden: may not be specified when `ip` is not set']],
    ['an unknown mode', { ip: '192.0.2.1', ipMode: 'X' }, ['.ipMode: Unsupported value: "X": supported values: "Proxy", "VIP"']],
    ['no name', { hostname: 'A_b' }, [`.hostname: Invalid value: "A_b": ${notSubdomain}`]],
    ['an address for a name', { hostname: '192.0.2.1' }, ['.hostname: Invalid value: "192.0.2.1": must be a DNS name, not an IP address']],
    ['an IPv6 address for a name', { hostname: 'fd00::1' }, [`.hostname: Invalid value: "fd00::1": ${notSubdomain}`, '.hostname: Invalid value: "fd00::1": must be a DNS name, not an IP address']],
  ])('%s', (_, entry, errors) => {
    const stored = withIngress([{ ip: '192.000.002.001', ipMode: 'VIP' }]);
    expect(shown(validateStatusUpdate(withIngress([{}, entry]), stored))).toEqual(errors.map((error) => `status.loadBalancer.ingress[1]${error}`));
  });

  it('is for load balancers only, and then nothing else is said', () => {
    const forbidden = ["status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is 'LoadBalancer'"];
    expect(shown(validateStatusUpdate(withIngress([{ ip: 'abc' }], 'NodePort'), withIngress(undefined, 'NodePort')))).toEqual(forbidden);
    expect(validateStatusUpdate(withIngress([], 'NodePort'), withIngress(undefined, 'NodePort'))).toEqual([]);
  });

  it('comes after metadata, and the spec is not looked at', () => {
    const next = withIngress([{ ip: 'abc', ipMode: 'VIP' }]);
    next.metadata.labels = { '-': '' };
    next.spec.ports = [];
    expect(validateStatusUpdate(next, withIngress(undefined)).map(({ field }) => field)).toEqual(['metadata.labels', 'status.loadBalancer.ingress[0].ip']);
  });
});
