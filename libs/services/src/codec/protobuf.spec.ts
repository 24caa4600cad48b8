import fc from 'fast-check';
import { decodeDeleteOptions, decodeService } from './decode-service.js';
import { encodeService } from './encode-service.js';
import { readJson } from './json-reader.js';
import { readProtobuf } from './protobuf.js';
import { anyService } from './testing/any-service.js';
import { encodeProtobuf } from './testing/encode-protobuf.js';

/** Written by client-go 0.37.2 (`runtime.Encode`), with the JSON that it writes for the same object. */
const written = {
  full: {
    base64:
    'azhzAAoNCgJ2MRIHU2VydmljZRLZAwqhAQoEZnVsbBICZy0aAm5zIgFsKgF1MgE3OP3//////////wFCCAil69zKBhAASggIpevcygYQAFAAWgYKAWESAWJiBgoCw6QSAGoTCgNQb2Qa' +
    'AXAiAXEqAnYxMAA4AXIDeC95igE8CgFtEgZVcGRhdGUaAnYxIggIpevcygYQADIIRmllbGRzVjE6DwoNeyJmOnNwZWMiOnt9fUIGc3RhdHVzEvABChwKAWgSA1RDUBhQIgoIARAAGgRo' +
    'dHRwKIDrATIAChIKAWkSABhRIgcIABCRPxoAKAASCAoDYXBwEgFhGgkxMC45Ni4wLjkiDExvYWRCYWxhbmNlcioJMTkyLjAuMi4xOghDbGllbnRJUEIJMTkyLjAuMi4ySgoxMC4wLjAu' +
    'MC84UgFlWgVMb2NhbGCB6wFoAXIECgIIBYoBEFJlcXVpcmVEdWFsU3RhY2uSAQkxMC45Ni4wLjmSAQdmZDAwOjo5mgEESVB2NJoBBElQdjagAQCqAQN4L3myAQVMb2NhbLoBDlByZWZl' +
    'clNhbWVab25lGkAKIQofCgkxOTIuMC4yLjMSAWgaA1ZJUCIKCFASA1RDUBoBRRIbCgFUEgRUcnVlGAIiCAil69zKBhAAKgFSMgFNGgAiAA==',
    json: String.raw`{"metadata":{"name":"full","generateName":"g-","namespace":"ns","selfLink":"l","uid":"u","resourceVersion":"7","generation":-3,"creationTimestamp":"2026-01-02T03:04:05Z","deletionTimestamp":"2026-01-02T03:04:05Z","deletionGracePeriodSeconds":0,"labels":{"a":"b"},"annotations":{"ä":""},"ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"p","uid":"q","controller":false,"blockOwnerDeletion":true}],"finalizers":["x/y"],"managedFields":[{"manager":"m","operation":"Update","apiVersion":"v1","time":"2026-01-02T03:04:05Z","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{}},"subresource":"status"}]},"spec":{"ports":[{"name":"h","protocol":"TCP","appProtocol":"","port":80,"targetPort":"http","nodePort":30080},{"name":"i","port":81,"targetPort":8081}],"selector":{"app":"a"},"clusterIP":"10.96.0.9","clusterIPs":["10.96.0.9","fd00::9"],"type":"LoadBalancer","externalIPs":["192.0.2.1"],"sessionAffinity":"ClientIP","loadBalancerIP":"192.0.2.2","loadBalancerSourceRanges":["10.0.0.0/8"],"externalName":"e","externalTrafficPolicy":"Local","healthCheckNodePort":30081,"publishNotReadyAddresses":true,"sessionAffinityConfig":{"clientIP":{"timeoutSeconds":5}},"ipFamilies":["IPv4","IPv6"],"ipFamilyPolicy":"RequireDualStack","allocateLoadBalancerNodePorts":false,"loadBalancerClass":"x/y","internalTrafficPolicy":"Local","trafficDistribution":"PreferSameZone"},"status":{"loadBalancer":{"ingress":[{"ip":"192.0.2.3","hostname":"h","ipMode":"VIP","ports":[{"port":80,"protocol":"TCP","error":"E"}]}]},"conditions":[{"type":"T","status":"True","observedGeneration":2,"lastTransitionTime":"2026-01-02T03:04:05Z","reason":"R","message":"M"}]}}`,
  },
  empty: {
    base64:
    'azhzAAoNCgJ2MRIHU2VydmljZRI/ChUKBWVtcHR5EgAaACIAKgAyADgAQgASIgoQCgASABhQIgYIABAAGgAoABoAIgA6AEIAUgBaAGAAaAAaAgoAGgAiAA==',
    json: String.raw`{"metadata":{"name":"empty"},"spec":{"ports":[{"port":80,"targetPort":0}]},"status":{"loadBalancer":{}}}`,
  },
};
const deleteOptions = 'azhzAAoTCgJ2MRINRGVsZXRlT3B0aW9ucxIbCAASBgoBdRIBNyIKQmFja2dyb3VuZCoDQWxsGgAiAA==';
const pod = 'azhzAAoJCgJ2MRIDUG9kEkYKEQoBcBIAGgAiACoAMgA4AEIAEhwaADIAQgBKAFIAWABgAGgAggEAigEAmgEAwgEAGhMKABoAIgAqADIASgBaAHIAiAEAGgAiAA==';
const bytesOf = (base64: string): Buffer => Buffer.from(base64, 'base64');

const serviceIn = (bytes: Uint8Array) => {
  const read = readProtobuf(bytes);
  if ('failure' in read) throw new Error(read.failure);
  const decoded = decodeService(read.value, read.duplicates);
  if ('failure' in decoded) throw new Error(decoded.failure);
  return decoded;
};

describe('a body in protobuf', () => {
  it.each(Object.entries(written))('as Go writes it reads as the same Service as its JSON: %s', (_, { base64, json }) => {
    const tree = readJson(json);
    if ('failure' in tree) throw new Error(tree.failure);
    expect(serviceIn(bytesOf(base64))).toEqual({ ...decodeService(tree.value, []), strict: [] });
  });

  it('reads any Service as it was, whatever Go writes besides', () => {
    fc.assert(fc.property(anyService, (service) => {
      const { service: read, strict } = serviceIn(encodeProtobuf('Service', service));
      expect(strict).toEqual([]);
      expect(encodeService(read)).toBe(encodeService(service));
    }), { numRuns: 1_000 });
  });

  it('reads options of a deletion', () => {
    const read = readProtobuf(bytesOf(deleteOptions));
    expect('value' in read && decodeDeleteOptions(read.value)).toEqual({
      options: { gracePeriodSeconds: 0, preconditions: { uid: 'u', resourceVersion: '7' }, propagationPolicy: 'Background', dryRun: ['All'] }, strict: [],
    });
  });

  it('leaves the refusal of another kind to the decoder', () => {
    const read = readProtobuf(bytesOf(pod));
    expect('value' in read && decodeService(read.value, [])).toMatchObject({ failure: 'kind: found "Pod", expected "Service"' });
  });

  it('treats a field that is not known like any unknown field', () => {
    const service = encodeProtobuf('Service', { spec: { type: 'ClusterIP' } }, { spec: Buffer.from([0xf8, 0x06, 1, 0xfa, 0x06, 1, 0x61]) });
    expect(serviceIn(service).strict).toEqual(['unknown field "spec.<protobuf field 111>"']);
  });

  const envelope = (...bytes: number[]): Buffer => Buffer.concat([Buffer.from('k8s\0'), Buffer.from(bytes)]);
  const object = (...raw: number[]): Buffer => encodeProtobuf('Service', Buffer.from(raw));
  it.each<[string, Buffer, RegExp]>([
    ['nothing', Buffer.alloc(0), /found no "k8s\\0" at byte 0/],
    ['JSON', Buffer.from('{"kind":"Service"}'), /found no "k8s\\0" at byte 0/],
    ['no envelope', envelope(), /names no kind/],
    ['a length past the end', envelope(0x0a, 200, 1, 0x0a), /cut short at byte 7/],
    ['a number without end', envelope(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), /longer than 64 bits/],
    ['a group', object(0x2b), /wire type 3 is none that occurs, at byte/],
    ['a number for a message', object(0x08, 1), /the field metadata has wire type 0, which does not fit, at byte/],
    ['a text that is no UTF-8', object(0x0a, 3, 0x0a, 1, 0xff), /a text is not valid UTF-8 at byte/],
    ['a generation past 2^53', object(0x0a, 10, 0x38, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f), /is not below 2\^53/],
    ['a time past the year 9999', object(0x0a, 9, 0x42, 7, 0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10), /is not of the years 0 to 9999/],
    ['fields that are no JSON', object(0x0a, 9, 0x8a, 1, 6, 0x3a, 4, 0x0a, 2, 0x7b, 0x7b), /fieldsV1 is not JSON/],
    ['JSON inside', Buffer.concat([bytesOf(pod), Buffer.from([0x22, 1, 0x78])]).fill(0x22, bytesOf(pod).length - 2, bytesOf(pod).length - 1), /content type/],
  ])('is refused with a place and a reason: %s', (_, bytes, why) => {
    expect(readProtobuf(bytes)).toEqual({ failure: expect.stringMatching(why) });
  });

  it('is read or refused, never anything else, however it is damaged', () => {
    const originals = [written.full.base64, written.empty.base64, deleteOptions].map(bytesOf);
    const damage = fc.record({ original: fc.constantFrom(...originals), cut: fc.nat(1_000), changes: fc.array(fc.tuple(fc.nat(1_000), fc.nat(255)), { maxLength: 4 }) });
    fc.assert(fc.property(damage, ({ original, cut, changes }) => {
      const bytes = Buffer.from(original.subarray(0, cut + 1));
      for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte;
      const read = readProtobuf(bytes);
      const decoded = 'failure' in read ? read : decodeService(read.value, read.duplicates);
      if ('failure' in decoded) expect(decoded.failure).not.toBe('');
      else expect(decoded.service.kind).toBe('Service');
    }), { numRuns: 5_000 });
  });
});
