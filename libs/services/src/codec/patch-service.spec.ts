import type { ServicePatch } from '../commands.js';
import { Refusal } from '../rejection.js';
import type { ServiceObject } from '../service.js';
import { readJson } from './json-reader.js';
import { patchService } from './patch-service.js';

const stored: ServiceObject = {
  apiVersion: 'v1', kind: 'Service',
  metadata: { name: 'a', namespace: 'ns', uid: 'u', resourceVersion: '7', labels: { x: 'y' } },
  spec: {
    type: 'ClusterIP', clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1'], sessionAffinity: 'None', internalTrafficPolicy: 'Local',
    ports: [{ protocol: 'TCP', port: 80, targetPort: 80 }],
  },
  status: { loadBalancer: {} },
};

const requested = (format: ServicePatch['format'], text: string, fieldValidation: ServicePatch['fieldValidation'] = 'Warn'): ServicePatch => {
  const read = readJson(text);
  if ('failure' in read) throw new Error(read.failure);
  return { format, patch: read.value, duplicates: read.duplicates, fieldValidation };
};

const patch = (...request: Parameters<typeof requested>) => patchService(stored, requested(...request), { namespace: 'ns', name: 'a' });

const rejection = (...request: Parameters<typeof requested>): unknown => {
  try {
    return patch(...request);
  } catch (error) {
    if (error instanceof Refusal) return error.rejection;
    throw error;
  }
};

describe('patchService', () => {
  it.each([
    ['merge', '{"spec":{"ports":[{"port":81}],"internalTrafficPolicy":null}}'],
    ['json', '[{"op":"replace","path":"/spec/ports","value":[{"port":81}]},{"op":"remove","path":"/spec/internalTrafficPolicy"}]'],
    ['strategic', '{"spec":{"ports":[{"$patch":"replace"},{"port":81}],"internalTrafficPolicy":null}}'],
  ] as const)('gives the patched Service with static defaults, and leaves the stored one alone (%s)', (format, text) => {
    const before = structuredClone(stored);
    const { service, warnings } = patch(format, text);
    expect(warnings).toEqual([]);
    expect(service).toEqual({
      ...stored,
      spec: { ...stored.spec, ports: [{ protocol: 'TCP', port: 81, targetPort: 81 }], internalTrafficPolicy: 'Cluster' },
    });
    expect(stored).toEqual(before);
  });

  it.each([['merge', '{}'], ['json', '[]'], ['json', 'null'], ['strategic', '{}'], ['strategic', 'null']] as const)('%s %s changes nothing', (format, text) => {
    expect(patch(format, text)).toEqual({ service: stored, warnings: [] });
  });

  it('keeps the stored resourceVersion unless the patch sets one', () => {
    expect(patch('merge', '{"metadata":{"resourceVersion":"3"}}').service.metadata.resourceVersion).toBe('3');
    expect(patch('merge', '{"metadata":{"resourceVersion":null}}').service.metadata.resourceVersion).toBeUndefined();
  });

  it.each<[ServicePatch['format'], string, string[]]>([
    ['merge', '{"spec":{"foo":1,"type":"ClusterIP","type":"ClusterIP"}}', ['duplicate field "spec.type"', 'unknown field "spec.foo"']],
    ['strategic', '{"spec":{"foo":1,"bar":2,"type":"ClusterIP","type":"ClusterIP"}}', ['duplicate field "spec.type"', 'unknown field "spec.bar"', 'unknown field "spec.foo"']],
    ['json', '[{"op":"add","path":"/spec/foo","value":1,"why":2,"op":"add"}]',
      ['json patch unknown field "[0].why"', 'json patch duplicate field "[0].op"', 'unknown field "spec.foo"']],
  ])('warns of what it does not know: %s %s', (format, text, warnings) => {
    expect(patch(format, text).warnings).toEqual(warnings);
    expect(patch(format, text, 'Ignore').warnings).toEqual([]);
    expect(rejection(format, text, 'Strict')).toMatchObject({
      code: 'patch_undecodable', error: { field: 'patch', reason: 'FieldValueInvalid', message: expect.stringContaining(`: strict decoding error: ${warnings.join(', ')}`) as string },
    });
  });

  it.each<[ServicePatch['format'], string, unknown]>([
    ['merge', 'null', { code: 'bad_request', message: 'a merge patch is an object' }],
    ['merge', '[]', { code: 'bad_request', message: 'a merge patch is an object' }],
    ['strategic', '5', { code: 'bad_request', message: 'a strategic merge patch is an object' }],
    ['strategic', '{"spec":{"$patch":"x"}}', { code: 'bad_request', message: 'unknown $patch directive "x" in an object: expected "replace" or "delete"' }],
    ['strategic', '{"spec":{"ports":[[]]}}', { code: 'bad_request', message: 'the elements of a merged list are of different kinds' }],
    ['json', '{}', { code: 'bad_request', message: 'a JSON patch is a list of operations' }],
    ['json', '[{"op":"test","path":"/spec/type","value":"x"}]', { code: 'patch_failed' }],
    ['json', JSON.stringify(Array.from({ length: 10_001 }, () => ({}))), { code: 'too_many_operations', given: 10_001 }],
    ['merge', '{"metadata":{"name":"b"}}', { code: 'bad_request', message: 'the name of the object (b) does not match the name on the URL (a)' }],
    ['merge', '{"metadata":null}', { code: 'bad_request', message: 'the name of the object (a based on URL) was undeterminable: name must be provided' }],
    ['merge', '{"apiVersion":null}', { code: 'bad_request', message: 'the name of the object (a based on URL) was undeterminable: name must be provided' }],
    ['merge', '{"apiVersion":"","kind":""}', { code: 'bad_request', message: 'the name of the object (a based on URL) was undeterminable: name must be provided' }],
    ['json', '[{"op":"remove","path":"/apiVersion"}]', { code: 'bad_request', message: 'the name of the object (a based on URL) was undeterminable: name must be provided' }],
    ['strategic', '{"metadata":{"namespace":"other"}}', { code: 'bad_request', message: 'the namespace of the provided object does not match the namespace sent on the request' }],
  ])('refuses %s %s', (format, text, refused) => {
    expect(rejection(format, text)).toEqual(refused);
  });

  it('shows an undecodable result as upstream does: JSON, sorted where the patch looked, with the text of Go', () => {
    expect(rejection('merge', '{"spec":{"selector":"<"}}')).toEqual({
      code: 'patch_undecodable',
      error: {
        field: 'patch',
        reason: 'FieldValueInvalid',
        message:
          'Invalid value: "{\\"apiVersion\\":\\"v1\\",\\"kind\\":\\"Service\\",\\"metadata\\":{\\"name\\":\\"a\\",\\"namespace\\":\\"ns\\",\\"uid\\":\\"u\\",\\"resourceVersion\\":\\"7\\",\\"labels\\":{\\"x\\":\\"y\\"}},' +
          '\\"spec\\":{\\"clusterIP\\":\\"10.0.0.1\\",\\"clusterIPs\\":[\\"10.0.0.1\\"],\\"internalTrafficPolicy\\":\\"Local\\",\\"ports\\":[{\\"protocol\\":\\"TCP\\",\\"port\\":80,\\"targetPort\\":80}],' +
          '\\"selector\\":\\"\\\\u003c\\",\\"sessionAffinity\\":\\"None\\",\\"type\\":\\"ClusterIP\\"},\\"status\\":{\\"loadBalancer\\":{}}}": ' +
          'json: cannot unmarshal string into Go struct field ServiceSpec.spec.selector of type map[string]string',
      },
    });
  });

  it.each([
    ['{"spec":{"ports":{"port":80}}}', 'map[spec:map[ports:map[port:80]]]', 'cannot restore slice from map'],
    ['{"spec":{"ports":[{"port":"80","targetPort":5}]}}', 'map[spec:map[ports:[map[port:80 targetPort:5]]]]', 'unrecognized type: int32'],
    ['{"spec":{"type":5,"selector":{"b":true},"$setElementOrder/ports":[{"port":80}]}}', 'map[spec:map[selector:map[b:true] type:5]]', 'cannot convert int64 to v1.ServiceType'],
  ])("and after a strategic patch %s the patch, in Go's way", (text, shown, upstream) => {
    expect(rejection('strategic', text)).toMatchObject({ error: { message: `Invalid value: "${shown}": ${upstream}` } });
  });
});
