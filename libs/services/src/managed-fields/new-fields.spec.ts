import fc from 'fast-check';
import { anyService } from '../codec/testing/any-service.js';
import type { ServiceObject } from '../service.js';
import { fieldsOfNew, fieldsText } from './new-fields.js';
import { compareFields } from './service-fields.js';

describe('the fields that the creator of a Service owns', () => {
  const fresh = (service: ServiceObject) => compareFields(undefined, service, 'status').taken;

  it('are the same remembered as found anew, whatever was remembered before', () => {
    fc.assert(fc.property(anyService, (service) => {
      const owned = fieldsOfNew(service);
      expect(owned).toEqual(fresh(service));
      expect(fieldsText(owned)).toBe(JSON.stringify(fresh(service)));
    }), { numRuns: 2_000 });
  });

  const base: ServiceObject = {
    apiVersion: 'v1', kind: 'Service', metadata: { name: 'a', labels: { app: 'x' }, finalizers: ['a/b'] },
    spec: { type: 'ClusterIP', selector: { app: 'x' }, ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 80 }] }, status: { loadBalancer: {} },
  };

  it('are one object for Services that differ in values only', () => {
    const other: ServiceObject = {
      ...base, metadata: { name: 'b', labels: { app: 'y' }, finalizers: ['a/b'] },
      spec: { type: 'NodePort', selector: { role: 'y', tier: 'z' }, ports: [{ name: 'web', port: 80, protocol: 'TCP', targetPort: 'x' }] },
    };
    expect(fieldsOfNew(other)).toBe(fieldsOfNew(base));
  });

  it.each<[string, Partial<ServiceObject['metadata']>, Partial<ServiceObject['spec']>]>([
    ['another label key', { labels: { tier: 'x' } }, {}],
    ['a label key with a separator in it', { labels: { 'app","b': 'x' } }, {}],
    ['another finalizer', { finalizers: ['a/c'] }, {}],
    ['another port', {}, { ports: [{ name: 'http', port: 81, protocol: 'TCP', targetPort: 80 }] }],
    ['another protocol', {}, { ports: [{ name: 'http', port: 80, protocol: 'UDP', targetPort: 80 }] }],
    ['a port without name', {}, { ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }] }],
    ['one member more', {}, { sessionAffinity: 'None' }],
  ])('tell apart %s', (_, metadata, spec) => {
    fieldsOfNew(base);
    const other = { ...base, metadata: { ...base.metadata, ...metadata }, spec: { ...base.spec, ...spec } };
    expect(fieldsOfNew(other)).toEqual(fresh(other));
    expect(fieldsOfNew(other)).not.toEqual(fieldsOfNew(base));
  });

  it('are not kept when the shape is long', () => {
    const long = { ...base, metadata: { ...base.metadata, labels: { ['k'.repeat(2_000)]: '' } } };
    expect(fieldsOfNew(long)).not.toBe(fieldsOfNew(long));
    expect(fieldsOfNew(long)).toEqual(fresh(long));
  });
});
