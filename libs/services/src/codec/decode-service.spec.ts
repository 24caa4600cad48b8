import fc from 'fast-check';
import type { ServiceObject } from '../service.js';
import { decodeDeleteOptions, decodeMergedService, decodeService } from './decode-service.js';
import { encodeService } from './encode-service.js';
import { readJson, type JsonObject } from './json-reader.js';
import { anyService } from './testing/any-service.js';

const decodeText = (text: string) => {
  const json = readJson(text);
  if ('failure' in json) throw new Error(json.failure);
  return decodeService(json.value, json.duplicates);
};

const serviceOf = (text: string): ServiceObject => {
  const decoded = decodeText(text);
  if ('failure' in decoded) throw new Error(decoded.failure);
  return decoded.service;
};

const zero = { apiVersion: 'v1', kind: 'Service', metadata: {}, spec: {}, status: { loadBalancer: {} } };

describe('decodeService: what a value means', () => {
  it.each(['null', '{}', '{"kind":"Service"}', '{"apiVersion":"v1"}', '{"kind":"","apiVersion":""}', '{"kind":null,"metadata":null,"spec":null,"status":null}'])(
    'takes %s as an empty Service',
    (text) => {
      expect(decodeText(text)).toEqual({ service: zero, strict: [] });
    },
  );

  it.each<[string, object]>([
    ['{"clusterIP":"","healthCheckNodePort":0,"publishNotReadyAddresses":false,"type":""}', {}],
    ['{"ipFamilyPolicy":"","allocateLoadBalancerNodePorts":false,"loadBalancerClass":"","trafficDistribution":"","internalTrafficPolicy":""}',
      { ipFamilyPolicy: '', allocateLoadBalancerNodePorts: false, loadBalancerClass: '', trafficDistribution: '', internalTrafficPolicy: '' }],
    ['{"sessionAffinityConfig":{"clientIP":{"timeoutSeconds":0}}}', { sessionAffinityConfig: { clientIP: { timeoutSeconds: 0 } } }],
    ['{"sessionAffinityConfig":{"clientIP":null}}', { sessionAffinityConfig: {} }],
    ['{"clusterIPs":[],"ports":[],"selector":{}}', { clusterIPs: [], ports: [], selector: {} }],
    ['{"clusterIPs":null,"ports":null,"selector":null,"ipFamilyPolicy":null}', {}],
    ['{"clusterIPs":[null,"a"],"ipFamilies":[""]}', { clusterIPs: ['', 'a'], ipFamilies: [''] }],
    ['{"ports":[null,{},{"port":80,"targetPort":"web"},{"targetPort":-0,"nodePort":0,"appProtocol":""}]}',
      { ports: [{ port: 0, targetPort: 0 }, { port: 0, targetPort: 0 }, { port: 80, targetPort: 'web' }, { port: 0, targetPort: 0, appProtocol: '' }] }],
    ['{"selector":{"a":null,"b":"c"}}', { selector: { a: '', b: 'c' } }],
  ])('spec %s', (text, spec) => {
    expect(serviceOf(`{"spec":${text}}`).spec).toEqual(spec);
  });

  it('keeps the members that Go never leaves out, and drops zero times', () => {
    const { metadata, status } = serviceOf(
      `{"metadata":{"creationTimestamp":"0001-01-01T00:00:00Z","deletionTimestamp":"2026-01-02T03:04:05.678+01:00","deletionGracePeriodSeconds":0,
        "generation":0,"ownerReferences":[{"controller":false},null],"managedFields":[{"fieldsV1":{"f:a":{"__proto__":1}}}]},
        "status":{"conditions":[{"type":"Ready"}],"loadBalancer":{"ingress":[{"ip":"","ports":[{}]}]}}}`,
    );
    expect(metadata).toEqual({
      deletionTimestamp: '2026-01-02T02:04:05Z',
      deletionGracePeriodSeconds: 0,
      ownerReferences: [{ apiVersion: '', kind: '', name: '', uid: '', controller: false }, { apiVersion: '', kind: '', name: '', uid: '' }],
      managedFields: [{ fieldsV1: readJsonValue('{"f:a":{"__proto__":1}}') }],
    });
    expect(status).toEqual({
      loadBalancer: { ingress: [{ ports: [{ port: 0, protocol: '' }] }] },
      conditions: [{ type: 'Ready', status: '', lastTransitionTime: null, reason: '', message: '' }],
    });
  });

  it('takes keys like __proto__ as ordinary labels', () => {
    const { labels = {} } = serviceOf('{"metadata":{"labels":{"__proto__":"a","constructor":"b"}}}').metadata;
    expect(Object.getPrototypeOf(labels)).toBeNull();
    expect(Object.entries(labels)).toEqual([['__proto__', 'a'], ['constructor', 'b']]);
  });
});

const readJsonValue = (text: string): unknown => (readJson(text) as { value: unknown }).value;

describe('decodeService: what does not fit', () => {
  it.each([
    ['[]', 'the body: found a list, expected a Service object'],
    ['5', 'the body: found a number, expected a Service object'],
    ['{"kind":1}', 'kind: found a number, expected a string'],
    ['{"kind":"service"}', 'kind: found "service", expected "Service"'],
    ['{"kind":"Pod","spec":5}', 'kind: found "Pod", expected "Service"'],
    ['{"Kind":"Pod"}', 'kind: found "Pod", expected "Service"'], // read without regard to case, unlike every other member
    ['{"kind":"Service","KIND":"Pod"}', 'kind: found "Pod", expected "Service"'],
    ['{"APIVERSION":"v2"}', 'apiVersion: found "v2", expected "v1"'],
    ['{"apiVersion":"v2"}', 'apiVersion: found "v2", expected "v1"'],
    ['{"apiVersion":"apps/v1","kind":"Service"}', 'apiVersion: found "apps/v1", expected "v1"'],
    ['{"apiVersion":"a/b/c"}', 'apiVersion: found "a/b/c", expected "v1"'],
    ['{"metadata":{"name":5}}', 'metadata.name: found the number 5, expected a string'],
    ['{"metadata":{"labels":{"a":true}}}', 'metadata.labels.a: found the boolean true, expected a string'],
    ['{"metadata":{"labels":[]}}', 'metadata.labels: found a list, expected an object'],
    ['{"metadata":{"generation":1e17}}', 'metadata.generation: found the number 1e17, expected a whole number below 2^53'],
    ['{"metadata":{"creationTimestamp":"x"}}', 'metadata.creationTimestamp: found the string "x", expected a time like 2026-01-02T03:04:05Z (RFC 3339)'],
    ['{"metadata":{"creationTimestamp":""}}', 'metadata.creationTimestamp: found the string "", expected a time like 2026-01-02T03:04:05Z (RFC 3339)'],
    ['{"metadata":{"creationTimestamp":5}}', 'metadata.creationTimestamp: found the number 5, expected a time (RFC 3339)'],
    ['{"spec":"x"}', 'spec: found the string "x", expected an object'],
    ['{"spec":{"ports":{}}}', 'spec.ports: found an object, expected a list'],
    ['{"spec":{"ports":["x"]}}', 'spec.ports[0]: found the string "x", expected an object'],
    ['{"spec":{"ports":[{},{"port":"80"}]}}', 'spec.ports[1].port: found the string "80", expected a whole number of 32 bits'],
    ['{"spec":{"ports":[{"port":4294967296}]}}', 'spec.ports[0].port: found the number 4294967296, expected a whole number of 32 bits'],
    ['{"spec":{"ports":[{"port":80.0}]}}', 'spec.ports[0].port: found the number 80.0, expected a whole number of 32 bits'],
    ['{"spec":{"ports":[{"port":8e1}]}}', 'spec.ports[0].port: found the number 8e1, expected a whole number of 32 bits'],
    ['{"spec":{"ports":[{"targetPort":[]}]}}', 'spec.ports[0].targetPort: found a list, expected a string or a whole number of 32 bits'],
    ['{"spec":{"ports":[{"targetPort":80.0}]}}', 'spec.ports[0].targetPort: found the number 80.0, expected a string or a whole number of 32 bits'],
    ['{"spec":{"publishNotReadyAddresses":"true"}}', 'spec.publishNotReadyAddresses: found the string "true", expected true or false'],
    [`{"spec":{"clusterIPs":["a",{}]}}`, 'spec.clusterIPs[1]: found an object, expected a string'],
    [`{"spec":{"ports":"${'x'.repeat(100)}"}}`, `spec.ports: found the string "${'x'.repeat(60)}…", expected a list`],
  ])('refuses %s', (text, failure) => {
    expect(decodeText(text)).toMatchObject({ failure });
  });

  it.each([
    ['{"spec":[]}', 'json: cannot unmarshal array into Go struct field Service.spec of type v1.ServiceSpec'],
    ['{"spec":{"ports":["x"]}}', 'json: cannot unmarshal string into Go struct field ServiceSpec.spec.ports of type v1.ServicePort'],
    ['{"spec":{"ports":{}}}', 'json: cannot unmarshal object into Go struct field ServiceSpec.spec.ports of type []v1.ServicePort'],
    ['{"spec":{"ports":[{"port":4294967296}]}}', 'json: cannot unmarshal number 4294967296 into Go struct field ServicePort.spec.ports.port of type int32'],
    ['{"spec":{"ports":[{"port":80.0}]}}', 'json: cannot unmarshal number 80.0 into Go struct field ServicePort.spec.ports.port of type int32'],
    ['{"spec":{"ports":[{"protocol":6}]}}', 'json: cannot unmarshal number into Go struct field ServicePort.spec.ports.protocol of type v1.Protocol'],
    ['{"spec":{"ipFamilyPolicy":[]}}', 'json: cannot unmarshal array into Go struct field ServiceSpec.spec.ipFamilyPolicy of type v1.IPFamilyPolicy'],
    ['{"metadata":{"labels":{"a":true}}}', 'json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.labels of type string'],
    ['{"kind":1}', "couldn't get version/kind; json parse error: json: cannot unmarshal number into Go struct field .kind of type string"],
    ['{"kind":"Pod"}', 'converting (v1.Pod) to (core.Service): unknown conversion'],
    ['{"kind":"service"}', 'no kind "service" is registered for version "v1" in scheme "pkg/runtime/scheme.go:111"'],
    ['{"apiVersion":"v2"}', 'no kind "Service" is registered for version "v2" in scheme "pkg/runtime/scheme.go:111"'],
  ])('knows what Go says of %s, which the 422 of a PATCH shows', (text, upstream) => {
    expect(decodeText(text)).toMatchObject({ upstream });
  });

  it.each([
    ['{"spec":{"ports":{}}}', 'cannot restore slice from map'],
    ['{"spec":{"selector":"x"}}', 'cannot restore map from string'],
    ['{"spec":5}', 'cannot restore struct from: int64'],
    ['{"spec":[]}', 'cannot restore struct from: slice'],
    ['{"spec":{"ports":[{"port":"80"}]}}', 'unrecognized type: int32'],
    ['{"spec":{"ports":[{"port":80.5}]}}', 'cannot convert float64 to int32'],
    ['{"spec":{"type":5}}', 'cannot convert int64 to v1.ServiceType'],
    ['{"spec":{"publishNotReadyAddresses":1}}', 'unrecognized type: bool'],
    ['{"spec":{"ports":[{"targetPort":4294967296}]}}', 'json: cannot unmarshal number 4294967296 into Go value of type int32'],
    ['{"metadata":{"creationTimestamp":5}}', 'json: cannot unmarshal number into Go value of type string'],
  ])('and what its converter says of %s after a strategic patch', (text, upstream) => {
    expect(decodeMergedService(readJsonValue(text) as JsonObject)).toMatchObject({ upstream });
  });
});

describe('decodeService: strict findings', () => {
  it.each<[string, string[]]>([
    ['{"metadata":{"qux":4},"spec":{"ports":[{"bar":2}],"foo":1},"baz":3}',
      ['unknown field "metadata.qux"', 'unknown field "spec.ports[0].bar"', 'unknown field "spec.foo"', 'unknown field "baz"']],
    ['{"spec":{"ClusterIP":"a"}}', ['unknown field "spec.ClusterIP"']],
    ['{"spec":{"ports":[{"port":80,"port":81}],"type":"a","type":"b"}}', ['duplicate field "spec.ports[0].port"', 'duplicate field "spec.type"']],
    ['{"spec":{"type":"a","foo":1,"type":"b","bar":2}}', ['unknown field "spec.foo"', 'duplicate field "spec.type"', 'unknown field "spec.bar"']],
    ['{"metadata":{"labels":{"a":"1","a":"2"}}}', ['duplicate field "metadata.labels.a"']],
    ['{"foo":{"a":1,"a":2},"foo":1}', ['unknown field "foo"']],
    ['{"metadata":{"managedFields":[{"fieldsV1":{"a":1,"a":2}}]}}', []],
    ['{"a\\"b":1,"__proto__":2}', ['unknown field "a\\"b"', 'unknown field "__proto__"']],
  ])('of %s', (text, strict) => {
    expect(decodeText(text)).toMatchObject({ strict });
  });

  it('are in alphabetical order after a strategic patch', () => {
    expect(decodeMergedService(readJsonValue('{"spec":{"foo":1,"bar":2},"kind":"Pod"}') as JsonObject)).toEqual({
      service: zero,
      strict: ['unknown field "spec.bar"', 'unknown field "spec.foo"'],
    });
  });

  it('are at most 100', () => {
    const many = Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`x${i}`, 1]));
    expect(decodeText(JSON.stringify(many))).toMatchObject({ strict: { length: 100 } });
  });
});

describe('encodeService and decodeService', () => {
  it('give back what Go would: every Service but for empty lists and maps', () => {
    fc.assert(
      fc.property(anyService, (service) => {
        const text = encodeService(service);
        const again = serviceOf(text);
        expect(again).toEqual(service);
        expect(encodeService(again)).toBe(text);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('decodeDeleteOptions', () => {
  it.each<[string, object]>([
    ['null', {}],
    ['{"kind":"DeleteOptions","apiVersion":"v1"}', {}],
    ['{"kind":"DeleteOptions","apiVersion":"meta.k8s.io/v1","gracePeriodSeconds":0}', { gracePeriodSeconds: 0 }],
    ['{"kind":"DeleteOptions","apiVersion":"apps/v9","gracePeriodSeconds":1}', { gracePeriodSeconds: 1 }],
    ['{"propagationPolicy":"","orphanDependents":false,"dryRun":["All"],"preconditions":{"uid":"","resourceVersion":"5"}}',
      { propagationPolicy: '', orphanDependents: false, dryRun: ['All'], preconditions: { uid: '', resourceVersion: '5' } }],
  ])('takes %s', (text, options) => {
    expect(decodeDeleteOptions(readJsonValue(text) as JsonObject)).toEqual({ options, strict: [] });
  });

  it.each([
    ['[]', 'the body: found a list, expected a DeleteOptions object'],
    ['{"kind":"Service","apiVersion":"v1"}', 'kind: found "Service", expected "DeleteOptions"'],
    ['{"kind":"DeleteOptions","apiVersion":"a/b/c"}', 'apiVersion: found "a/b/c", expected "v1"'],
    ['{"gracePeriodSeconds":"x"}', 'gracePeriodSeconds: found the string "x", expected a whole number below 2^53'],
    ['{"dryRun":"All"}', 'dryRun: found the string "All", expected a list'],
  ])('refuses %s', (text, failure) => {
    expect(decodeDeleteOptions(readJsonValue(text) as JsonObject)).toMatchObject({ failure });
  });
});
