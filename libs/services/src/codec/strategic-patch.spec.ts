import { readJson, type JsonObject, type JsonValue } from './json-reader.js';
import { applyStrategicPatch } from './strategic-patch.js';

const tree = (text: string): JsonValue => {
  const read = readJson(text);
  if ('failure' in read) throw new Error(read.failure);
  return read.value;
};
const stored = '{"metadata":{"name":"a","labels":{"x":"y","z":"w"},"finalizers":["f/a"]},"spec":{"ports":[{"name":"a","port":80},{"name":"b","port":81},{"name":"c","port":82}],"selector":{"app":"a"},"clusterIPs":["10.0.0.1"],"type":"ClusterIP"},"status":{"loadBalancer":{}}}';
const apply = (patch: string, target = stored) => applyStrategicPatch(tree(target) as JsonObject, tree(patch));
const spec = (patch: string): JsonValue => {
  const result = apply(`{"spec":${patch}}`);
  if ('failure' in result) throw new Error(result.detail);
  return result.value.spec ?? null;
};
const ports = (patch: string): unknown => (spec(patch) as { ports?: { port: number; name?: string }[] }).ports?.map(({ name = '', port }) => `${name}${port}`);
const metadata = (patch: string, target?: string): unknown => {
  const result = apply(`{"metadata":${patch}}`, target);
  if ('failure' in result) throw new Error(result.detail);
  return result.value.metadata;
};

describe('strategic merge patch: objects', () => {
  it.each([
    ['{"labels":{"x":null,"n":"m"}}', { name: 'a', labels: { z: 'w', n: 'm' }, finalizers: ['f/a'] }],
    ['{"labels":null}', { name: 'a', finalizers: ['f/a'] }],
    ['{"labels":{"$patch":"replace","only":"this"}}', { name: 'a', labels: { only: 'this' }, finalizers: ['f/a'] }],
    ['{"labels":{"$patch":"delete","z":"kept?"}}', { name: 'a', labels: {}, finalizers: ['f/a'] }],
    ['{"$retainKeys":["labels"],"labels":{"n":"m"}}', { labels: { x: 'y', z: 'w', n: 'm' } }],
    ['{"annotations":{"a":"b","gone":null,"dropped":{"$patch":"delete"}}}', { name: 'a', labels: { x: 'y', z: 'w' }, finalizers: ['f/a'], annotations: { a: 'b' } }],
    ['{"labels":{"__proto__":"p","constructor":"c"}}', tree('{"name":"a","labels":{"x":"y","z":"w","__proto__":"p","constructor":"c"},"finalizers":["f/a"]}')],
  ])('metadata %s', (patch, result) => {
    expect(metadata(patch)).toEqual(result);
  });

  it('changes nothing by null or {}, and never its arguments', () => {
    const target = tree(stored) as JsonObject;
    const patch = tree('{"spec":{"$setElementOrder/ports":[{"port":82}],"ports":[{"port":82,"name":null}]},"metadata":{"labels":{"$patch":"replace"}}}');
    const before = JSON.stringify([target, patch]);
    applyStrategicPatch(target, patch);
    expect(JSON.stringify([target, patch])).toBe(before);
    expect([apply('null'), apply('{}')]).toMatchObject([{ value: tree(stored) }, { value: tree(stored) }]);
  });
});

describe('strategic merge patch: lists', () => {
  it.each<[string, string[]]>([
    ['{"ports":[{"port":81,"name":"n"}]}', ['a80', 'n81', 'c82']],
    ['{"ports":[{"port":53,"name":"d"}]}', ['d53', 'a80', 'b81', 'c82']],
    ['{"ports":[{"port":83,"name":"d"},{"port":81,"name":"n"}]}', ['d83', 'a80', 'n81', 'c82']],
    ['{"ports":[]}', ['a80', 'b81', 'c82']],
    ['{"ports":[{"$patch":"delete","port":81}]}', ['a80', 'c82']],
    ['{"ports":[{"$patch":"replace"},{"name":"only","port":99}]}', ['only99']],
    ['{"ports":[{"port":80,"name":"x"},{"port":80,"name":"y","protocol":"UDP"}]}', ['y80', 'b81', 'c82']], // kubernetes#39188
    ['{"ports":[{"port":90,"name":"x"},{"port":90,"name":"y"}]}', ['y90', 'a80', 'b81', 'c82']],
    ['{"$setElementOrder/ports":[{"port":82},{"port":80},{"port":81}]}', ['c82', 'a80', 'b81']],
    ['{"$setElementOrder/ports":[{"port":80},{"port":90},{"port":81}],"ports":[{"port":90,"name":"n"}]}', ['a80', 'n90', 'b81', 'c82']],
    ['{"$setElementOrder/ports":[{"port":82},{"port":80}],"ports":[{"port":80,"name":"n"}]}', ['b81', 'c82', 'n80']],
    ['{"$setElementOrder/ports":[{"port":82},{"port":80}],"ports":[{"$patch":"delete","port":81}]}', ['c82', 'a80']],
    ['{"$setElementOrder/ports":[],"ports":[{"port":90,"name":"n"}]}', ['a80', 'b81', 'c82', 'n90']], // in no order: last, not first
    ['{"$setElementOrder/ports":[],"ports":[{"port":90,"name":"n"},{"port":91,"name":"m"}]}', ['a80', 'b81', 'c82', 'm91', 'n90']],
  ])('ports by %s', (patch, result) => {
    expect(ports(patch)).toEqual(result);
  });

  it('merges the members of one port, and leaves those out that the patch says null to', () => {
    expect(spec('{"ports":[{"port":80,"name":null,"nodePort":30000}]}')).toMatchObject({ ports: [{ port: 80, nodePort: 30000 }, { port: 81 }, { port: 82 }] });
    expect(ports('{"ports":[{"port":80,"name":null}]}')).toEqual(['80', 'b81', 'c82']);
  });

  it('replaces every other list', () => {
    expect(spec('{"clusterIPs":["10.0.0.2","fd00::2"]}')).toMatchObject({ clusterIPs: ['10.0.0.2', 'fd00::2'] });
  });

  it.each<[string, string[] | undefined]>([
    ['{"finalizers":["f/b"]}', ['f/b', 'f/a']],
    ['{"finalizers":["f/a","f/b"]}', ['f/a', 'f/b']],
    ['{"$setElementOrder/finalizers":["f/b","f/a"],"finalizers":["f/b"]}', ['f/b', 'f/a']],
    ['{"$deleteFromPrimitiveList/finalizers":["f/a","f/z"]}', []],
    ['{"$deleteFromPrimitiveList/finalizers":null}', undefined],
    ['{"$deleteFromPrimitiveList/finalizers":["f/a"],"$setElementOrder/finalizers":["f/b"],"finalizers":["f/b"]}', ['f/b']],
  ])('finalizers are a set: %s', (patch, result) => {
    expect((metadata(patch) as { finalizers?: string[] }).finalizers).toEqual(result);
  });

  it('merges owners by uid and conditions by type', () => {
    const target = '{"metadata":{"ownerReferences":[{"uid":"1","name":"a"}]},"status":{"conditions":[{"type":"T","status":"False","lastTransitionTime":null}]}}';
    expect(apply('{"metadata":{"ownerReferences":[{"uid":"1","kind":"Pod"}]},"status":{"conditions":[{"type":"T","status":"True"}]}}', target)).toMatchObject({
      value: { metadata: { ownerReferences: [{ uid: '1', name: 'a', kind: 'Pod' }] }, status: { conditions: [{ type: 'T', status: 'True' }] } },
    });
  });

  it('hands back the patch without the directives it used up: upstream prints that', () => {
    expect(apply('{"spec":{"$setElementOrder/ports":[{"port":80}],"ports":[{"port":80}],"foo":1},"metadata":{"$retainKeys":["name","labels","finalizers"]}}')).toMatchObject({
      patch: { spec: { foo: 1 }, metadata: {} },
    });
  });
});

describe('strategic merge patch: what breaks its rules', () => {
  it.each<[string, 'malformed' | 'failed', string]>([
    ['[]', 'malformed', 'a strategic merge patch is an object'],
    ['{"spec":{"$patch":"x"}}', 'malformed', 'unknown $patch directive "x" in an object: expected "replace" or "delete"'],
    ['{"spec":{"$patch":null}}', 'malformed', 'unknown $patch directive null in an object: expected "replace" or "delete"'],
    ['{"spec":{"ports":[{"$patch":"merge","port":80}]}}', 'malformed', 'unknown $patch directive "merge" in a list: expected "delete" or "replace"'],
    ['{"spec":{"ports":[{"$patch":"delete"}]}}', 'malformed', 'an element of a merged list has no "port", by which the list is merged'],
    ['{"spec":{"ports":[{"name":"a"}]}}', 'malformed', 'an element of a merged list has no "port", by which the list is merged'],
    ['{"spec":{"ports":[{"port":{}}]}}', 'malformed', 'an element of a merged list is told apart by an object or list'],
    ['{"spec":{"ports":[80]}}', 'malformed', 'the elements of a merged list are of different kinds'],
    ['{"spec":{"ports":[null]}}', 'malformed', 'an element of a merged list is null'],
    ['{"spec":{"ports":[[]]}}', 'malformed', 'the elements of a merged list are of different kinds'],
    ['{"spec":{"$setElementOrder/ports":[{"port":82}],"ports":[{"port":80}]}}', 'malformed', 'the patch gives {"port":80} not in the place that $setElementOrder says'],
    ['{"spec":{"$setElementOrder/ports":[{"port":82},{"port":80}],"ports":[{"port":80},{"port":82}]}}', 'malformed', 'the patch gives {"port":82} not in the place that $setElementOrder says'],
    ['{"spec":{"$setElementOrder/ports":[{"port":80}],"ports":[{"port":80},{"$patch":"replace"}]}}', 'malformed', 'the patch gives {"$patch":"replace"} not in the place that $setElementOrder says'],
    ['{"spec":{"$setElementOrder/ports":{}}}', 'malformed', '"$setElementOrder/ports" is no list'],
    ['{"spec":{"$setElementOrder/foo":[]}}', 'malformed', '"foo" is no list of a Service'],
    ['{"spec":{"$setElementOrder/constructor":[]}}', 'malformed', '"constructor" is no list of a Service'],
    ['{"spec":{"$setElementOrder":[]}}', 'malformed', '"$setElementOrder" names no list'],
    ['{"spec":{"$deleteFromPrimitiveList/ports":[80]}}', 'malformed', 'the elements of a merged list are of different kinds'],
    ['{"spec":{"$retainKeys":["ports"],"type":"NodePort"}}', 'malformed', 'invalid patch format of retainKeys'],
    ['{"spec":{"$retainKeys":"ports"}}', 'malformed', 'invalid patch format of retainKeys'],
    ['{"spec":{"$retainKeys":null}}', 'malformed', 'invalid patch format of retainKeys'],
    ['{"metadata":{"$deleteFromPrimitiveList":["f/a"]}}', 'malformed', 'invalid patch format of primitive list'],
  ])('%s', (patch, failure, detail) => {
    expect(apply(patch)).toEqual({ failure, detail });
  });

  it('merges a list of 20,000 ports in a moment', () => {
    const many = JSON.stringify({ spec: { ports: Array.from({ length: 20_000 }, (_, i) => ({ port: i })) } });
    const result = apply(many, many);
    expect('value' in result && (result.value.spec as JsonObject).ports).toHaveLength(20_000);
  });
});
