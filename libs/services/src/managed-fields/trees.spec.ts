import fc from 'fast-check';
import type { JsonValue } from '../codec/json-reader.js';
import { leaf, serviceShape, type Shape } from './shape.js';
import { compareTrees, fieldsIn, merge, prune } from './trees.js';

const set: Shape = { kind: 'set' };
const mergeTexts = (live: string, applied: string): string => (merge(set, [...live], [...applied]) as string[]).join('');

describe('merge', () => {
  // Recordings apply/order/*: what kube-apiserver made of the same lists.
  it.each([
    ['abc', 'cab', 'cab'], ['abc', 'd', 'abcd'], ['abc', 'bd', 'abcd'], ['abc', 'db', 'adbc'], ['abc', 'cda', 'bcda'], ['ab', 'cbda', 'cbda'],
    ['abcd', 'eca', 'becda'], ['', 'ab', 'ab'], ['ab', '', 'ab'], ['aba', 'a', 'ab'],
  ])('lays %s and %s together as %s', (live, applied, expected) => {
    expect(mergeTexts(live, applied)).toBe(expected);
  });

  it('keeps the order that a configuration states, that of the rest, and every item once', () => {
    const items = fc.uniqueArray(fc.constantFrom(...'abcdefgh'), { maxLength: 8 }).map((list) => list.join(''));
    fc.assert(fc.property(items, items, (live, applied) => {
      const merged = mergeTexts(live, applied);
      expect([...merged].sort()).toEqual([...new Set(live + applied)].sort());
      expect([...merged].filter((item) => applied.includes(item)).join('')).toBe(applied);
      expect([...merged].filter((item) => !applied.includes(item)).join('')).toBe([...live].filter((item) => !applied.includes(item)).join(''));
    }), { numRuns: 2000 });
  });

  it.each<[string, JsonValue | undefined, JsonValue, JsonValue]>([
    ['a map keeps the keys that are not named', { labels: { a: '1', b: '2' } }, { labels: { b: '3' } }, { labels: { a: '1', b: '3' } }],
    ['an atomic map is replaced', { selector: { a: '1' } }, { selector: { b: '2' } }, { selector: { b: '2' } }],
    ['an atomic list is replaced', { ipFamilies: ['IPv4'] }, { ipFamilies: ['IPv6', 'IPv4'] }, { ipFamilies: ['IPv6', 'IPv4'] }],
    ['null empties a leaf', { type: 'NodePort' }, { type: null }, { type: null }],
    ['null leaves the items of a list', { ports: [{ port: 80, protocol: 'TCP' }] }, { ports: null }, { ports: [{ port: 80, protocol: 'TCP' }] }],
    ['ports are one when port and protocol are', { ports: [{ port: 53, protocol: 'TCP', name: 't' }] }, { ports: [{ port: 53, targetPort: 5 }, { port: 53, protocol: 'UDP' }] },
      { ports: [{ port: 53, protocol: 'TCP', name: 't', targetPort: 5 }, { port: 53, protocol: 'UDP' }] }],
  ])('%s', (_, live, applied, expected) => {
    const part: Shape = { kind: 'struct', fields: { ...fieldsOf('metadata'), ...fieldsOf('spec') } };
    expect(merge(part, live, applied)).toEqual(expected);
  });
});

const fieldsOf = (part: 'metadata' | 'spec'): Record<string, Shape> => {
  const found = serviceShape.kind === 'struct' ? serviceShape.fields[part] : leaf;
  return found?.kind === 'struct' ? found.fields : {};
};

describe('fieldsIn', () => {
  it('claims what is stated: leaves, items with themselves, empty maps and nulls, not empty lists', () => {
    expect(fieldsIn(serviceShape, {
      metadata: { labels: {}, annotations: null, finalizers: ['a/b'], ownerReferences: [] },
      spec: { selector: { a: 'b' }, ports: [{ port: 80, name: 'x' }], externalIPs: [], type: null, sessionAffinityConfig: { clientIP: {} } },
    })).toEqual({
      'f:metadata': { 'f:labels': {}, 'f:annotations': {}, 'f:finalizers': { 'v:"a/b"': {} } },
      'f:spec': {
        'f:selector': {}, 'f:ports': { 'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {}, 'f:name': {} } }, 'f:externalIPs': {}, 'f:type': {},
        'f:sessionAffinityConfig': { 'f:clientIP': {} },
      },
    });
  });
});

describe('compareTrees', () => {
  it.each<[string, JsonValue, JsonValue, object, object]>([
    ['a value', { type: 'A' }, { type: 'B' }, { 'f:type': {} }, {}],
    ['false where nothing was', {}, { publishNotReadyAddresses: false }, { 'f:publishNotReadyAddresses': {} }, {}],
    ['an empty map where nothing was', {}, { labels: {} }, { 'f:labels': {} }, {}],
    ['a map that goes', { labels: { a: '1' } }, {}, {}, { 'f:labels': { '.': {}, 'f:a': {} } }],
    ['the last key of a map', { labels: { a: '1' } }, { labels: null }, {}, { 'f:labels': { 'f:a': {} } }],
    ['an item that is there once less', { finalizers: ['a', 'b', 'a'] }, { finalizers: ['a', 'b'] }, { 'f:finalizers': { 'v:"a"': {} } }, {}],
    ['only the order', { finalizers: ['a', 'b'] }, { finalizers: ['b', 'a'] }, {}, {}],
  ])('%s', (_, live, next, taken, removed) => {
    const part: Shape = { kind: 'struct', fields: { ...fieldsOf('metadata'), ...fieldsOf('spec') } };
    expect(compareTrees(part, live, next)).toEqual({ taken, removed });
  });
});

describe('prune', () => {
  const last = { 'f:labels': { 'f:a': {}, 'f:b': {} }, 'f:ports': { 'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {} } }, 'f:type': {} };
  const value = { labels: { a: '1', b: '2' }, ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }], type: 'NodePort', clusterIP: '10.0.0.1' };
  const part: Shape = { kind: 'struct', fields: { ...fieldsOf('metadata'), ...fieldsOf('spec') } };

  it.each<[string, object, JsonValue]>([
    ['takes out what nobody owns, whole', {}, { clusterIP: '10.0.0.1' }],
    ['keeps what somebody owns', last, value],
    ['keeps a map in which somebody owns a key', { 'f:labels': { 'f:a': {} } }, { labels: { a: '1' }, clusterIP: '10.0.0.1' }],
    ['takes out an item of which somebody owns only a field', { 'f:ports': { 'k:{"port":80,"protocol":"TCP"}': { 'f:targetPort': {} } } }, { ports: null, clusterIP: '10.0.0.1' }],
  ])('%s', (_, owned, expected) => {
    expect(prune(part, value, last, owned as never)).toEqual(expected);
  });
});
