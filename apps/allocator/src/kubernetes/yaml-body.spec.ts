import fc from 'fast-check';
import { stringify } from 'yaml';
import { readYamlBytes, yamlBytesMax } from './yaml-body.js';

const read = (text: string) => readYamlBytes(new TextEncoder().encode(text));

describe('readYamlBytes', () => {
  it.each<[string, unknown]>([
    ['', null],
    ['metadata:\n  name: a\nspec:\n  ports:\n  - port: 80\n', { metadata: { name: 'a' }, spec: { ports: [{ port: 80 }] } }],
    ['{"a": [1, "x", null, true]}', { a: [1, 'x', null, true] }],
    ['a: yes\nb: "yes"\nc: off\nd: 010\ne: 1_000\nf: ~\ng:', { a: true, b: 'yes', c: false, d: 8, e: 1000, f: null, g: null }],
    ['a: 2026-01-02T03:04:05Z\nb: 2026-01-02\nc: 12:30:45', { a: '2026-01-02T03:04:05Z', b: '2026-01-02', c: '12:30:45' }],
    ['1: a\ntrue: b\n1.5: c', { 1: 'a', true: 'b', 1.5: 'c' }],
    ['a: |\n  x\n  y\nb: >\n  x\n  y\n', { a: 'x\ny\n', b: 'x y\n' }],
    ['base: &b {x: 1, z: 2}\nc:\n  <<: *b\n  z: 3\nd: *b', { base: { x: 1, z: 2 }, c: { x: 1, z: 3 }, d: { x: 1, z: 2 } }],
    ['c:\n  w: 3\n  <<: [{x: 1, w: 2}, {x: 5, z: 6}]', { c: { w: 3, x: 1, z: 6 } }],
    ['.: {}\na: .\nb: -.\nc: .5\nd: 1.', { '.': {}, a: '.', b: '-.', c: 0.5, d: 1 }],
    ['"<<": 1', { '<<': 1 }],
    ['y: 1\n"n": 2', { true: 1, n: 2 }], // YAML 1.1, as upstream's decoder
  ])('reads %j', (text, value) => {
    expect(read(text)).toEqual({ value, duplicates: [] });
  });

  it('notes duplicate keys, and the last one counts', () => {
    expect(read('spec:\n  type: A\n  ports:\n  - port: 1\n    port: 2\n  type: B\n')).toEqual({
      value: { spec: { ports: [{ port: 2 }], type: 'B' } },
      duplicates: ['spec.ports[0].port', 'spec.type'],
    });
  });

  it.each(['__proto__', 'constructor'])('takes %s as an ordinary key', (key) => {
    const parsed = read(`${key}:\n  polluted: true\n`);
    const value = 'value' in parsed ? (parsed.value as Record<string, unknown>) : {};
    expect(Object.getPrototypeOf(value)).toBeNull();
    expect(Object.keys(value)).toEqual([key]);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it.each([
    ['a: [1', 'Flow sequence in block collection must be sufficiently indented and end with a ] at position 5'],
    ['a: 1\n---\nb: 2\n', 'a second document begins at position 5'],
    ['a: *nowhere', 'a: there is no anchor &nowhere before this alias'],
    ['a: .inf', 'a: a value is none that JSON has'],
    ['a: !!binary aGk=', 'Unresolved tag: tag:yaml.org,2002:binary at position 3'],
    ['? [1]\n: 2', 'the document: a key is no text, number or boolean'],
    ['a:\n  <<: 5', 'a: "<<" merges no map'],
    ['&a [*a]', 'nested deeper than 200 levels'],
  ])('refuses %j', (text, failure) => {
    expect(read(text)).toEqual({ failure });
  });

  it('refuses an alias bomb, deep nesting, large bodies and what is no UTF-8', () => {
    const bomb = `a0: &a0 [x]\n${Array.from({ length: 30 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]\n`).join('')}`;
    expect(read(bomb)).toEqual({ failure: 'more than 100000 values, aliases expanded' });
    expect(read('['.repeat(5_000))).toHaveProperty('failure');
    expect(read(`a: ${'x'.repeat(yamlBytesMax)}`)).toEqual({ failure: 'a YAML body may have at most 65536 bytes; send JSON' });
    expect(readYamlBytes(Uint8Array.from([0x61, 0xff]))).toEqual({ failure: 'the body is not valid UTF-8' });
  });

  it('reads what the YAML library writes of any JSON value', () => {
    const json = fc.json({ maxDepth: 3 }).map((text) => JSON.parse(text.replaceAll('-0', '0')) as unknown);
    fc.assert(
      fc.property(json, (value) => {
        // Keys in quotes: the library writes a key `<<` plain, which then merges.
        const parsed = read(stringify(value, { version: '1.1', defaultKeyType: 'QUOTE_DOUBLE' }));
        expect('value' in parsed ? JSON.stringify(parsed.value) : parsed).toBe(JSON.stringify(value));
      }),
      { numRuns: 1_000 },
    );
  });
});
