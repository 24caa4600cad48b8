import fc from 'fast-check';
import { jsonDepthMax, numberLiteral, readJson, readJsonBytes, type JsonObject } from './json-reader.js';

const valueOf = (text: string) => {
  const read = readJson(text);
  if ('failure' in read) throw new Error(read.failure);
  return read.value;
};

/** Lone surrogates become U+FFFD, as in Go, where JSON.parse keeps them. */
const wellFormed = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value).replace(/\\ud[89a-f][0-9a-f]{2}/gi, '\\ufffd'));

const accepts = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

describe('readJson', () => {
  it('reads every JSON value as JSON.parse does, however it is spaced', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(undefined, 1, '\t'), (value, space) => {
        const text = JSON.stringify(value, null, space);
        const read = readJson(text);
        expect(JSON.stringify('value' in read ? read.value : read)).toBe(JSON.stringify(JSON.parse(text)));
      }),
      { numRuns: 2_000 },
    );
  });

  it('accepts exactly the texts that JSON.parse accepts, and reads them the same', () => {
    const token = fc.constantFrom('{', '}', '[', ']', ':', ',', '"', '\\', '"a"', '"b":', '1', '-', '0', '.5', 'e3', 'E+', 'true', 'nul', 'null', ' ', '\n', '\\u00e9', '\\ud83d\\ude00', '\\ud83d', '\\n', '\u0001', '\ufeff', 'é');
    const mutated = fc.tuple(fc.json(), fc.nat(), fc.nat(3), fc.array(token, { maxLength: 3 })).map(([text, at, cut, added]) => {
      const from = at % (text.length + 1);
      return text.slice(0, from) + added.join('') + text.slice(from + cut);
    });
    fc.assert(
      fc.property(fc.oneof(mutated, fc.array(token, { maxLength: 12 }).map((tokens) => tokens.join(''))), (text) => {
        const read = readJson(text);
        expect('value' in read, text).toBe(accepts(text));
        if ('value' in read) expect(wellFormed(read.value), text).toEqual(wellFormed(JSON.parse(text)));
      }),
      { numRuns: 10_000 },
    );
  });

  it.each([
    ['', 'found the end of the text at position 0, expected a value'],
    ['  ', 'found the end of the text at position 2, expected a value'],
    ['hello', 'found "h" at position 0, expected a value'],
    ["{'a':1}", `found "'" at position 1, expected a key in double quotes`],
    ['{"a":1,}', 'found "}" at position 7, expected a key in double quotes'],
    ['{"a" 1}', 'found "1" at position 5, expected ":"'],
    ['{"a":1 "b":2}', 'found "\\"" at position 7, expected "," or "}"'],
    ['[1 2]', 'found "2" at position 3, expected "," or "]"'],
    ['{"a":NaN}', 'found "N" at position 5, expected a value'],
    ['01', 'found "1" at position 1, expected nothing after the value'],
    ['-', 'found the end of the text at position 1, expected a digit'],
    ['1.', 'found the end of the text at position 2, expected a digit after the decimal point'],
    ['1e+', 'found the end of the text at position 3, expected a digit of the exponent'],
    ['{}{}', 'found "{" at position 2, expected nothing after the value'],
    ['"a\nb"', 'found "\\n" at position 2, expected no bare control character in a string'],
    ['"a', 'found the end of the text at position 2, expected the closing quote of a string'],
    ['"\\x"', 'found "x" at position 2, expected one of "\\/bfnrtu after a backslash'],
    ['"\\u12"', 'found "1" at position 3, expected four hexadecimal digits after \\u'],
    ['\ufeff{}', 'found "\ufeff" at position 0, expected a value, not a byte order mark'],
  ])('refuses %j and says where and why', (text, failure) => {
    expect(readJson(text)).toEqual({ failure });
  });

  it.each([
    ['{"spec":{"type":"A","type":"B"}}', ['spec.type'], { spec: { type: 'B' } }],
    ['{"spec":{"ports":[{"port":80},{"port":1,"port":2}]}}', ['spec.ports[1].port'], { spec: { ports: [{ port: 80 }, { port: 2 }] } }],
    ['{"a":{"b":1,"b":2},"a":{"c":3}}', ['a.b', 'a'], { a: { c: 3 } }],
    ['{"a":1,"a":2,"a":3}', ['a'], { a: 3 }],
    ['[{"op":1,"op":2}]', ['[0].op'], [{ op: 2 }]],
    ['{"a":"a","b":"a"}', [], { a: 'a', b: 'a' }],
  ])('notes duplicate keys of %s, and the last one counts', (text, duplicates, value) => {
    expect(readJson(text)).toEqual({ value, duplicates });
  });

  it('gives a duplicate key the place of its last occurrence', () => {
    expect(Object.keys(valueOf('{"a":1,"b":2,"a":3}') as JsonObject)).toEqual(['b', 'a']);
  });

  it('notes at most 100 duplicates, so that a small body cannot take gigabytes', () => {
    const text = `{${Array.from({ length: 150 }, (_, i) => `"k${i}":1,"k${i}":2`).join(',')}}`;
    expect(readJson(text)).toMatchObject({ duplicates: { length: 100 } });
  });

  it(`reads ${jsonDepthMax} levels, and refuses one more instead of overflowing the stack`, () => {
    const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
    expect('value' in readJson(nested(jsonDepthMax))).toBe(true);
    expect(readJson(nested(jsonDepthMax + 1))).toEqual({ failure: 'nested deeper than 1000 levels at position 1000' });
    expect(readJson('{"a":'.repeat(1_000_000))).toEqual({ failure: 'nested deeper than 1000 levels at position 5000' });
  });

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('takes %s as an ordinary key', (key) => {
    const object = valueOf(`{"${key}":{"polluted":true},"a":1}`) as JsonObject;
    expect(Object.getPrototypeOf(object)).toBeNull();
    expect(Object.keys(object)).toEqual([key, 'a']);
    expect(readJson(`{"${key}":1}`)).toMatchObject({ duplicates: [] });
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('remembers how a number was written when not as an integer', () => {
    const object = valueOf('{"a":80.0,"b":8e1,"c":80,"d":[1.5],"e":"x","f":2}') as JsonObject;
    expect(Object.keys(object).map((key) => numberLiteral(object, key))).toEqual(['80.0', '8e1', undefined, undefined, undefined, undefined]);
    expect(numberLiteral(valueOf('{"a":8e1,"a":80}') as JsonObject, 'a')).toBeUndefined();
    expect(numberLiteral((valueOf('[1.5,{"a":80}]') as JsonObject[])[1] ?? {}, 'a')).toBeUndefined();
  });
});

describe('readJsonBytes', () => {
  it('reads UTF-8', () => {
    expect(readJsonBytes(new TextEncoder().encode('{"é":"😀"}'))).toEqual({ value: { é: '😀' }, duplicates: [] });
  });

  it.each([[[0x22, 0xff, 0x22]], [[0x22, 0xc3, 0x22]], [[0x22, 0xed, 0xa0, 0x80, 0x22]]])('refuses the bytes %j', (bytes) => {
    expect(readJsonBytes(Uint8Array.from(bytes))).toEqual({ failure: 'the body is not valid UTF-8' });
  });

  it('refuses a byte order mark, as upstream does', () => {
    expect(readJsonBytes(Uint8Array.from([0xef, 0xbb, 0xbf, 0x7b, 0x7d]))).toHaveProperty('failure');
  });
});
