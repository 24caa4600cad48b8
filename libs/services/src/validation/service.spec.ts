import type { ServiceSpec } from '../service.js';
import { externalName, sampleService, shown, type Changes } from './sample-service.js';
import { validateCreate, validateUpdate } from './service.js';

const errorsOf = (given: Changes): string[] => shown(validateCreate(sampleService(given)));
const headless: Partial<ServiceSpec> = { clusterIP: 'None', clusterIPs: ['None'] };
const mode = 'service.kubernetes.io/topology-mode';
const hints = 'service.kubernetes.io/topology-aware-hints';

describe('a new Service', () => {
  it('finds nothing in a good one of each kind', () => {
    for (const spec of [{}, headless, { ...headless, ports: [] }, { type: 'NodePort' }, { type: 'LoadBalancer' }, { ...externalName, ports: [] }])
      expect(errorsOf({ spec })).toEqual([]);
  });

  const distributions = 'supported values: "PreferClose", "PreferSameZone", "PreferSameNode"';
  it.each<[what: string, given: Changes, errors: string[]]>([
    ['no ports', { spec: { ports: undefined } }, ['spec.ports: Required value']],
    ['type', { spec: { type: '<' } }, ['spec.type: Unsupported value: "\\u003c": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"']],
    ['affinity', { spec: { sessionAffinity: 'X' } }, ['spec.sessionAffinity: Unsupported value: "X": supported values: "ClientIP", "None"']],
    ['distribution', { spec: { trafficDistribution: '<' } }, [`spec.trafficDistribution: Unsupported value: "<": ${distributions}`]],
    ['an empty distribution', { spec: { trafficDistribution: '' } }, [`spec.trafficDistribution: Unsupported value: "": ${distributions}`]],
    ['topology annotations that differ', { metadata: { annotations: { [mode]: 'Auto', [hints]: 'Disabled' } } }, [`metadata.annotations[${mode}]: Invalid value: "Auto": must match annotations[${hints}] when both are specified`]],
    ['topology annotations that agree', { metadata: { annotations: { [mode]: 'Auto', [hints]: 'Auto' } } }, []],
    ['one of them', { metadata: { annotations: { [mode]: 'Auto' } } }, []],
    ['headless NodePort', { spec: { type: 'NodePort', ...headless } }, ['spec.clusterIPs[0]: Invalid value: "None": may not be set to \'None\' for NodePort services']],
    ['headless LoadBalancer', { spec: { type: 'LoadBalancer', ...headless } }, ['spec.clusterIPs[0]: Invalid value: "None": may not be set to \'None\' for LoadBalancer services']],
  ])('%s', (_, given, errors) => expect(errorsOf(given)).toEqual(errors));

  it.each<[seconds: number, errors: string[]]>([
    [1, []], [86400, []],
    ...[0, -1, 86401].map((seconds): [number, string[]] => [
      seconds, [`spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: ${seconds}: must be greater than 0 and less than 86400`],
    ]),
  ])('affinity timeout %i', (timeoutSeconds, errors) =>
    expect(errorsOf({ spec: { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds } } } })).toEqual(errors));

  it.each<[what: string, spec: Partial<ServiceSpec>, error: string]>([
    ['no config', { sessionAffinity: 'ClientIP', sessionAffinityConfig: undefined }, 'spec.sessionAffinityConfig: Required value: when session affinity type is ClientIP'],
    ['no client', { sessionAffinity: 'ClientIP', sessionAffinityConfig: {} }, 'spec.sessionAffinityConfig.clientIP: Required value: when session affinity type is ClientIP'],
    ['no timeout', { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: {} } }, 'spec.sessionAffinityConfig.clientIP.timeoutSeconds: Required value: when session affinity type is ClientIP'],
    ['a config for nothing', { sessionAffinityConfig: {} }, 'spec.sessionAffinityConfig: Forbidden: must not be set when session affinity is None'],
    ['no affinity', { sessionAffinity: undefined }, 'spec.sessionAffinity: Required value'],
    ['no type', { type: undefined }, 'spec.type: Required value'],
  ])('that was not statically defaulted: %s', (_, spec, error) => {
    const service = sampleService();
    Object.assign(service.spec, spec);
    expect(shown(validateCreate(service))).toEqual([error]);
  });

  const notSubdomain =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character " +
    "(e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
  it.each<[target: string | undefined, errors: string[]]>([
    ['db.example.com', []], ['db.example.com.', []], ['10.0.0.1', []],
    [undefined, ['spec.externalName: Required value']], ['.', ['spec.externalName: Required value']],
    ['A_.', [`spec.externalName: Invalid value: "A_": ${notSubdomain}`]],
    ['a..', [`spec.externalName: Invalid value: "a.": ${notSubdomain}`]],
    ['a'.repeat(254), [`spec.externalName: Invalid value: "${'a'.repeat(254)}": must be no more than 253 characters`]],
  ])('ExternalName to %j', (target, errors) => expect(errorsOf({ spec: { ...externalName, externalName: target } })).toEqual(errors));

  it('judges an ExternalName with addresses once, not for their texts', () => {
    const refused = 'Forbidden: may not be set for ExternalName services';
    expect(errorsOf({ spec: { ...externalName, clusterIP: 'a', clusterIPs: ['b'], ipFamilies: ['X'], ipFamilyPolicy: 'Y' } })).toEqual([
      `spec.clusterIPs: ${refused}`, `spec.ipFamilies: ${refused}`, `spec.ipFamilyPolicy: ${refused}`,
    ]);
  });

  it('reports everything in one fixed order', () => {
    const spec: Partial<ServiceSpec> = {
      trafficDistribution: 'X', internalTrafficPolicy: 'X', healthCheckNodePort: 1, externalTrafficPolicy: 'X', loadBalancerClass: 'a/b',
      allocateLoadBalancerNodePorts: true, loadBalancerSourceRanges: ['x'], ports: [{ port: 0, targetPort: 1, nodePort: 5, name: 'a' }, { port: 0, targetPort: 1, nodePort: 5, name: 'b' }],
      type: 'Odd', externalIPs: ['x'], clusterIP: 'x', clusterIPs: ['x'], ipFamilies: ['X'], ipFamilyPolicy: 'X', sessionAffinity: 'X', selector: { '-': '' },
    };
    expect(validateCreate(sampleService({ metadata: { name: '-', finalizers: ['x'], annotations: { [mode]: 'a', [hints]: 'b' } }, spec })).map(({ field }) => field)).toEqual([
      'metadata.name', 'metadata.finalizers[0]', `metadata.annotations[${mode}]`, 'spec.ports[0].port', 'spec.ports[1].port', 'spec.selector', 'spec.sessionAffinity',
      'spec.ipFamilies[0]', 'spec.ipFamilyPolicy', 'spec.clusterIPs[0]', 'spec.externalIPs[0]', 'spec.type', 'spec.ports[1].nodePort', 'spec.ports[1]',
      'spec.LoadBalancerSourceRanges', 'spec.LoadBalancerSourceRanges[0]', 'spec.allocateLoadBalancerNodePorts', 'spec.loadBalancerClass',
      'spec.externalTrafficPolicy', 'spec.healthCheckNodePort', 'spec.internalTrafficPolicy', 'spec.trafficDistribution',
    ]);
  });

  it('takes a hundred thousand bad entries without running out of stack', () => {
    const ipFamilies = Array.from({ length: 100_000 }, (_, i) => `family-${i}`);
    expect(validateCreate(sampleService({ spec: { ipFamilies } }))).toHaveLength(100_000);
  });
});

describe('a changed Service', () => {
  it('finds nothing in one that did not change', () => expect(validateUpdate(sampleService(), sampleService())).toEqual([]));

  it('says everything once, what the change breaks before what is wrong anyway', () => {
    const stored = sampleService({ spec: { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 30111 } });
    const next = sampleService({
      metadata: { labels: { '-': '' }, finalizers: ['x'] },
      spec: {
        type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 30112, loadBalancerClass: '-', clusterIP: '10.96.0.8', clusterIPs: ['10.96.0.8'],
        ipFamilies: ['IPv6'], ports: undefined,
      },
    });
    expect(validateUpdate(next, stored).map(({ field }) => field)).toEqual([
      'metadata.labels', 'metadata.finalizers[0]', 'spec.clusterIPs[0]', 'spec.ipFamilies[0]', 'spec.loadBalancerClass', 'spec.loadBalancerClass',
      'spec.healthCheckNodePort', 'spec.ports', 'spec.clusterIPs[0]',
    ]);
  });

  it('changes neither object', () => {
    const [next, stored] = [sampleService({ spec: { ipFamilies: ['IPv6'] } }), sampleService()];
    const before = JSON.stringify([next, stored]);
    validateUpdate(next, stored);
    expect(JSON.stringify([next, stored])).toBe(before);
  });
});
