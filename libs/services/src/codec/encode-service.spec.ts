import type { ServiceObject } from '../service.js';
import { encodeService } from './encode-service.js';

const service = (parts: Partial<ServiceObject> = {}): ServiceObject => ({
  apiVersion: 'v1', kind: 'Service', metadata: {}, spec: {}, status: { loadBalancer: {} }, ...parts,
});

describe('encodeService', () => {
  it('always shows metadata, spec and status.loadBalancer', () => {
    expect(encodeService(service())).toBe('{"kind":"Service","apiVersion":"v1","metadata":{},"spec":{},"status":{"loadBalancer":{}}}');
  });

  it('leaves out empty lists and maps, and empty values that are no pointers', () => {
    const text = encodeService(
      service({
        metadata: { name: '', labels: {}, finalizers: [], ownerReferences: [], managedFields: [] },
        spec: { ports: [], selector: {}, clusterIPs: [], clusterIP: '', publishNotReadyAddresses: false, healthCheckNodePort: 0 },
        status: { loadBalancer: { ingress: [] }, conditions: [] },
      }),
    );
    expect(text).toBe(encodeService(service()));
  });

  it('shows pointers to empty values', () => {
    const spec = { sessionAffinityConfig: { clientIP: { timeoutSeconds: 0 } }, ipFamilyPolicy: '', allocateLoadBalancerNodePorts: false };
    expect(encodeService(service({ metadata: { deletionGracePeriodSeconds: 0 }, spec }))).toBe(
      '{"kind":"Service","apiVersion":"v1","metadata":{"deletionGracePeriodSeconds":0},' +
        '"spec":{"sessionAffinityConfig":{"clientIP":{"timeoutSeconds":0}},"ipFamilyPolicy":"","allocateLoadBalancerNodePorts":false},"status":{"loadBalancer":{}}}',
    );
  });

  it("writes fields in Go's order and maps sorted, whatever order they have in memory", () => {
    const text = encodeService(
      service({
        metadata: { labels: { b: '1', a: '2' }, namespace: 'ns', name: 'web', finalizers: ['x/y'] },
        spec: { type: 'NodePort', clusterIP: '10.0.0.1', ports: [{ nodePort: 30000, targetPort: 'web', port: 80, protocol: 'TCP', name: 'http' }] },
      }),
    );
    expect(text).toBe(
      '{"kind":"Service","apiVersion":"v1","metadata":{"name":"web","namespace":"ns","labels":{"a":"2","b":"1"},"finalizers":["x/y"]},' +
        '"spec":{"ports":[{"name":"http","protocol":"TCP","port":80,"targetPort":"web","nodePort":30000}],"clusterIP":"10.0.0.1","type":"NodePort"},' +
        '"status":{"loadBalancer":{}}}',
    );
  });

  it.each(['"', '\\', '\n', '\u0000', '\u007f', '\u2028', 'é', '😀', 'a"b', 'x'.repeat(100)])('escapes the text %j as JSON needs it', (name) => {
    expect(JSON.parse(encodeService(service({ metadata: { name } })))).toMatchObject({ metadata: { name } });
  });
});
