import type { LoadBalancerIngress, ServiceObject, ServicePort, ServiceSpec } from './service.js';
import { applyStaticDefaults } from './static-defaults.js';

const service = (spec: Partial<ServiceSpec> = {}, ingress?: LoadBalancerIngress[]): ServiceObject => ({
  apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { ...spec }, status: { loadBalancer: ingress ? { ingress } : {} },
});

const clusterIP = { type: 'ClusterIP', sessionAffinity: 'None', internalTrafficPolicy: 'Cluster' };

describe('static defaults', () => {
  it.each<[what: string, given: Partial<ServiceSpec>, then: Partial<ServiceSpec>]>([
    ['nothing given', {}, clusterIP],
    ['NodePort', { type: 'NodePort' }, { ...clusterIP, type: 'NodePort', externalTrafficPolicy: 'Cluster' }],
    [
      'LoadBalancer', { type: 'LoadBalancer' },
      { ...clusterIP, type: 'LoadBalancer', externalTrafficPolicy: 'Cluster', allocateLoadBalancerNodePorts: true },
    ],
    ['ExternalName has no traffic policy', { type: 'ExternalName' }, { type: 'ExternalName', sessionAffinity: 'None' }],
    ['a type that does not exist has none either', { type: 'Odd' }, { type: 'Odd', sessionAffinity: 'None' }],
    [
      'ClusterIP with externalIPs is reachable from outside', { externalIPs: ['192.0.2.1'] },
      { ...clusterIP, externalIPs: ['192.0.2.1'], externalTrafficPolicy: 'Cluster' },
    ],
    ['an empty list of externalIPs does not count', { externalIPs: [] }, { ...clusterIP, externalIPs: [] }],
    ['ExternalName with externalIPs', { type: 'ExternalName', externalIPs: ['192.0.2.1'] }, { type: 'ExternalName', sessionAffinity: 'None', externalIPs: ['192.0.2.1'] }],
    [
      'what is given stays',
      { type: 'LoadBalancer', externalTrafficPolicy: 'Local', internalTrafficPolicy: 'Local', allocateLoadBalancerNodePorts: false },
      { type: 'LoadBalancer', sessionAffinity: 'None', externalTrafficPolicy: 'Local', internalTrafficPolicy: 'Local', allocateLoadBalancerNodePorts: false },
    ],
    ['families, policy and addresses depend on the cluster', { clusterIP: 'None', selector: {} }, { ...clusterIP, clusterIP: 'None', selector: {} }],
  ])('%s', (_, given, then) => expect(applyStaticDefaults(service(given)).spec).toEqual(then));

  const day = { clientIP: { timeoutSeconds: 10800 } };
  it.each<[what: string, affinity: string | undefined, given: ServiceSpec['sessionAffinityConfig'], then: ServiceSpec['sessionAffinityConfig']]>([
    ['drops the config of affinity None', 'None', { clientIP: { timeoutSeconds: 5 } }, undefined],
    ['drops it where None is the default', undefined, { clientIP: { timeoutSeconds: 5 } }, undefined],
    ['gives ClientIP three hours', 'ClientIP', undefined, day],
    ['fills an empty config', 'ClientIP', {}, day],
    ['fills an empty clientIP', 'ClientIP', { clientIP: {} }, day],
    ['leaves a timeout alone', 'ClientIP', { clientIP: { timeoutSeconds: 5 } }, { clientIP: { timeoutSeconds: 5 } }],
    ['leaves an explicit 0 alone, which validation refuses', 'ClientIP', { clientIP: { timeoutSeconds: 0 } }, { clientIP: { timeoutSeconds: 0 } }],
    ['leaves the config of an unknown affinity alone', 'Sticky', {}, {}],
  ])('%s', (_, sessionAffinity, sessionAffinityConfig, then) =>
    expect(applyStaticDefaults(service({ sessionAffinity, sessionAffinityConfig })).spec.sessionAffinityConfig).toEqual(then));

  it.each<[what: string, given: ServicePort, then: ServicePort]>([
    ['protocol and target', { port: 80, targetPort: 0 }, { port: 80, protocol: 'TCP', targetPort: 80 }],
    ['an empty target name', { port: 80, targetPort: '' }, { port: 80, protocol: 'TCP', targetPort: 80 }],
    ['a target name', { port: 80, targetPort: 'http' }, { port: 80, protocol: 'TCP', targetPort: 'http' }],
    ['a target number', { port: 80, targetPort: 8080, protocol: 'UDP' }, { port: 80, protocol: 'UDP', targetPort: 8080 }],
    ['a port that is missing', { port: 0, targetPort: 0 }, { port: 0, protocol: 'TCP', targetPort: 0 }],
  ])('of a port: %s', (_, given, then) => expect(applyStaticDefaults(service({ ports: [given] })).spec.ports).toEqual([then]));

  it('gives an ingress with an address the mode VIP, on a LoadBalancer', () => {
    const ingress = (): LoadBalancerIngress[] => [{ ip: '192.0.2.1' }, { hostname: 'lb.example.com' }, { ip: '192.0.2.2', ipMode: 'Proxy' }];
    expect(applyStaticDefaults(service({ type: 'LoadBalancer' }, ingress())).status.loadBalancer.ingress).toEqual([
      { ip: '192.0.2.1', ipMode: 'VIP' }, { hostname: 'lb.example.com' }, { ip: '192.0.2.2', ipMode: 'Proxy' },
    ]);
    expect(applyStaticDefaults(service({}, ingress())).status.loadBalancer.ingress).toEqual(ingress());
  });

  it('changes its argument and returns it', () => {
    const given = service();
    expect(applyStaticDefaults(given)).toBe(given);
  });
});
