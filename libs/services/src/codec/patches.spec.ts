import fc from 'fast-check';
import { isJsonObject, readJson, type JsonObject, type JsonValue } from './json-reader.js';
import { applyJsonPatch, applyMergePatch, type JsonPatchResult } from './patches.js';

/** JSON texts as trees without prototypes, as requests bring them. */
const tree = (value: unknown): JsonValue => {
  const read = readJson(typeof value === 'string' ? value : JSON.stringify(value));
  if ('failure' in read) throw new Error(read.failure);
  return read.value;
};
const text = (value: JsonValue): string => JSON.stringify(value);

const anyTree = fc.json({ maxDepth: 3 }).map(tree);
const anyObject = fc
  .dictionary(fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor'), fc.oneof(fc.jsonValue({ maxDepth: 1 }), fc.dictionary(fc.constantFrom('a', 'b', '__proto__'), fc.jsonValue({ maxDepth: 1 }))))
  .map((value) => tree(value) as JsonObject);

const hasNull = (value: JsonValue): boolean =>
  value === null || (typeof value === 'object' && Object.values(value).some(hasNull));

describe('applyMergePatch', () => {
  // The examples of RFC 7386, appendix A.
  it.each([
    ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
    ['{"a":"b"}', '{"a":null}', '{}'],
    ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
    ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
    ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
    ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
    ['["a","b"]', '["c","d"]', '["c","d"]'],
    ['{"a":"b"}', '["c"]', '["c"]'],
    ['{"a":"foo"}', 'null', 'null'],
    ['{"a":"foo"}', '"bar"', '"bar"'],
    ['{"e":null}', '{"a":1}', '{"a":1,"e":null}'],
    ['[1,2]', '{"a":"b","c":null}', '{"a":"b"}'],
    ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
    // Not in the RFC: upstream drops nulls from objects in lists, too.
    ['{"a":[]}', '{"a":[{"b":null,"c":1},null]}', '{"a":[{"c":1},null]}'],
    // Where the patch looked, keys come sorted; elsewhere they stay: upstream prints it so.
    ['{"z":{"b":1,"a":2},"y":{"b":1,"a":2}}', '{"y":{"c":3}}', '{"y":{"a":2,"b":1,"c":3},"z":{"b":1,"a":2}}'],
  ])('%s with %s is %s', (target, patch, result) => {
    expect(text(applyMergePatch(tree(target), tree(patch)))).toBe(result);
  });

  it('changes nothing by {}, forgets nulls, settles after one application, and leaves its arguments alone', () => {
    fc.assert(
      fc.property(anyObject, anyObject, (target, patch) => {
        const before = [text(target), text(patch)];
        const once = applyMergePatch(target, patch) as JsonObject;
        expect(applyMergePatch(target, tree('{}'))).toEqual(target);
        expect(applyMergePatch(once, patch)).toEqual(once);
        for (const key of Object.keys(patch)) {
          if (patch[key] === null) expect(key in once).toBe(false);
          else if (!isJsonObject(patch[key]) && !hasNull(patch[key] ?? null)) expect(once[key]).toEqual(patch[key]);
        }
        for (const key of Object.keys(target)) if (!(key in patch)) expect(once[key]).toEqual(target[key]);
        expect([text(target), text(patch)]).toEqual(before);
        expect(({} as Record<string, unknown>).a).toBeUndefined();
      }),
      { numRuns: 2_000 },
    );
  });
});

const patched = (target: unknown, ...operations: unknown[]): JsonPatchResult => applyJsonPatch(tree(target), tree(operations));

describe('applyJsonPatch', () => {
  const list = { l: [1, 2, 3], o: { a: 1 } };

  it.each<[object, object]>([
    [{ op: 'add', path: '/l/1', value: 9 }, { l: [1, 9, 2, 3], o: { a: 1 } }],
    [{ op: 'add', path: '/l/-', value: 9 }, { l: [1, 2, 3, 9], o: { a: 1 } }],
    [{ op: 'add', path: '/l/3', value: 9 }, { l: [1, 2, 3, 9], o: { a: 1 } }],
    [{ op: 'add', path: '/l/-1', value: 9 }, { l: [1, 2, 3, 9], o: { a: 1 } }],
    [{ op: 'add', path: '/l/-4', value: 9 }, { l: [9, 1, 2, 3], o: { a: 1 } }],
    [{ op: 'add', path: '/o/b' }, { l: [1, 2, 3], o: { a: 1, b: null } }],
    [{ op: 'add', path: '/o/b~1c~0d', value: 1 }, { l: [1, 2, 3], o: { a: 1, 'b/c~d': 1 } }],
    [{ op: 'add', path: 'x/o/b', value: 1 }, { l: [1, 2, 3], o: { a: 1, b: 1 } }],
    [{ op: 'remove', path: '/l/01' }, { l: [1, 3], o: { a: 1 } }],
    [{ op: 'remove', path: '/l/-1' }, { l: [1, 2], o: { a: 1 } }],
    [{ op: 'replace', path: '/o/new', value: 1 }, { l: [1, 2, 3], o: { a: 1, new: 1 } }],
    [{ op: 'replace', path: '/l/-3', value: 9 }, { l: [9, 2, 3], o: { a: 1 } }],
    [{ op: 'replace', path: '', value: { x: 1 } }, { x: 1 }],
    [{ op: 'replace', path: '', value: [] }, []],
    [{ op: 'move', from: '/l/0', path: '/l/2' }, { l: [2, 3, 1], o: { a: 1 } }],
    [{ op: 'move', from: '/o', path: '/l/0' }, { l: [{ a: 1 }, 1, 2, 3] }],
    [{ op: 'copy', from: '/o', path: '/o/self' }, { l: [1, 2, 3], o: { a: 1, self: { a: 1 } } }],
    [{ op: 'copy', from: '/o/missing', path: '/o/b' }, { l: [1, 2, 3], o: { a: 1, b: null } }],
    [{ op: 'test', path: '/o', value: { a: 1 } }, list],
    [{ op: 'test', path: '', value: { o: { a: 1 }, l: [1, 2, 3] } }, list],
    [{ op: 'test', path: '/o/missing', value: null }, list],
    [{ op: 'test', path: '/o/missing' }, list],
  ])('%j', (operation, value) => {
    expect(patched(list, operation)).toEqual({ value });
  });

  it.each<[object, string]>([
    [{ op: 'add', path: '/l/4', value: 9 }, 'there is no index 4 in a list of 4'],
    [{ op: 'add', path: '/l/-5', value: 9 }, 'there is no index -5 in a list of 4'],
    [{ op: 'add', path: '/l/x', value: 9 }, '"x" is no index of a list'],
    [{ op: 'add', path: '/missing/a', value: 9 }, '/missing/a: there is no object or list at step 1'],
    [{ op: 'add', path: '/o/a/b', value: 9 }, '/o/a/b: there is no object or list at step 2'],
    [{ op: 'add', path: '/__proto__/x', value: 1 }, '/__proto__/x: there is no object or list at step 1'],
    [{ op: 'add', path: '', value: {} }, '"" does not point into the document'],
    [{ op: 'remove', path: '/o/missing' }, 'there is no member "missing" to remove'],
    [{ op: 'remove', path: '/l/3' }, 'there is no index 3 in a list of 3'],
    [{ op: 'remove', path: '/l/-' }, '"-" is no index of a list'],
    [{ op: 'replace', path: '/l/3', value: 1 }, 'there is no index 3 in a list of 3'],
    [{ op: 'replace', path: '', value: 5 }, 'the whole document can be replaced by an object or a list only'],
    [{ op: 'move', from: '/o', path: '/o/x' }, '/o/x: there is no object or list at step 1'],
    [{ op: 'move', from: '/o/missing', path: '/x' }, 'there is no member "missing" to remove'],
    [{ op: 'move', path: '/x' }, 'an operation has no from'],
    [{ op: 'copy', from: '/l/9', path: '/x' }, 'there is no index 9 in a list of 3'],
    [{ op: 'test', path: '/o/a', value: '1' }, 'the test of "/o/a" failed'],
    [{ op: 'test', path: '/o', value: { a: 1, b: null } }, 'the test of "/o" failed'],
    [{ op: 'test', path: '/o/a' }, 'the test of "/o/a" failed'],
    [{ op: 'test', path: '/o/missing', value: 0 }, 'the test of "/o/missing" failed'],
    [{ path: '/o/a', value: 1 }, 'unknown operation null'],
    [{ op: 'spell', path: '/o/a' }, 'unknown operation "spell"'],
    [{ op: 'add', value: 1 }, 'an operation has no path'],
  ])('%j fails', (operation, detail) => {
    expect(patched(list, operation)).toEqual({ failure: 'failed', detail });
  });

  it.each([['{}'], ['5'], ['"x"'], ['[1]'], ['[[]]'], ['[{"op":1,"path":"/a"}]'], ['[{"op":"add","path":["a"]}]'], ['[{"op":"move","path":"/a","from":{}}]']])(
    '%s is no JSON patch',
    (patch) => {
      expect(applyJsonPatch(tree('{}'), tree(patch))).toMatchObject({ failure: 'malformed' });
    },
  );

  it('changes nothing by [] or null', () => {
    expect([patched(list), applyJsonPatch(tree(list), null)]).toEqual([{ value: list }, { value: list }]);
  });

  it('applies all operations or none, and leaves its arguments alone', () => {
    const target = tree(list);
    const patch = tree([{ op: 'add', path: '/o/b', value: { c: 1 } }, { op: 'add', path: '/o/b/d', value: 2 }, { op: 'remove', path: '/nope/nope' }]);
    const before = [text(target), text(patch)];
    expect(applyJsonPatch(target, patch)).toMatchObject({ failure: 'failed' });
    expect([text(target), text(patch)]).toEqual(before);
  });

  it('copies values: a later change of the copy does not change the source, nor the patch', () => {
    const result = patched({ a: { x: 1 } }, { op: 'copy', from: '/a', path: '/b' }, { op: 'replace', path: '/b/x', value: 2 });
    expect(result).toEqual({ value: { a: { x: 1 }, b: { x: 2 } } });
  });

  it('shows the keys of objects that it looked into sorted, others as they were', () => {
    const result = patched({ z: { b: 1, a: 2 }, y: { b: 1, a: 2 } }, { op: 'add', path: '/y/c', value: { q: 1, p: 2 } });
    expect('value' in result && text(result.value)).toBe('{"y":{"a":2,"b":1,"c":{"q":1,"p":2}},"z":{"b":1,"a":2}}');
  });

  it('takes 10,000 operations and not one more', () => {
    const operations = (count: number) => Array.from({ length: count }, () => ({ op: 'test', path: '/a' }));
    expect(patched({}, ...operations(10_000))).toEqual({ value: {} });
    expect(patched({}, ...operations(10_001))).toEqual({ failure: 'too-many', detail: '10001 operations' });
  });

  it('moves a value by test, remove and add alike', () => {
    fc.assert(
      fc.property(anyTree, (value) => {
        const moved = patched({ a: value }, { op: 'test', path: '/a', value }, { op: 'move', from: '/a', path: '/__proto__' });
        expect(moved).toEqual({ value: tree(`{"__proto__":${text(value)}}`) });
        expect('value' in moved && Object.keys(moved.value as JsonObject)).toEqual(['__proto__']);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('applyJsonPatch is bounded', () => {
  it('in what copies add up to', () => {
    const doubling = Array.from({ length: 40 }, () => ({ op: 'copy', from: '/a', path: '/a/-' }));
    expect(patched({ a: ['x'] }, ...doubling)).toEqual({ failure: 'failed', detail: 'the patch copies more than 3145728 bytes' });
  });

  it('in depth, by one value, by a path, by copies into themselves', () => {
    const deep = `${'['.repeat(900)}${']'.repeat(900)}`;
    const nest = [{ op: 'add', path: '/a', value: JSON.parse(deep) as unknown }, { op: 'copy', from: '/a', path: `/a${'/0'.repeat(898)}/-` }];
    const failure = { failure: 'failed', detail: 'the result would be nested deeper than 1000 levels' };
    expect(patched({}, ...nest)).toEqual(failure);
    const long = '/a'.repeat(2_000);
    expect(patched({}, { op: 'replace', path: long, value: 1 })).toEqual(failure);
    expect(patched({}, { op: 'remove', path: long })).toEqual({ failure: 'failed', detail: `${long.slice(0, 200)}…` });
  });

  it('in the list elements that it shifts', () => {
    const operations = Array.from({ length: 10_000 }, () => ({ op: 'add', path: '/a/0', value: 1 }));
    const target = { a: Array.from({ length: 200_000 }, () => 0) };
    expect(patched(target, ...operations)).toEqual({ failure: 'failed', detail: 'the patch shifts more than 50000000 list elements' });
  });
});
