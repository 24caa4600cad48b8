import { encodeGnostic } from './gnostic.js';

const bytes = (...parts: (string | number)[]): string => Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from([part])))).toString('hex');

describe('an OpenAPI v2 document as protobuf', () => {
  it('has the fields of openapi.v2.Document, definitions by name', () => {
    const document = { swagger: '2.0', info: { title: 'T', version: 'v1' }, paths: {}, definitions: { X: { type: 'string', description: 'd', 'x-a': [1] } } };
    const schema = [0x22, 1, 'd', 0xb2, 1, 8, 0x0a, 6, 'string', 0xfa, 1, 12, 0x0a, 3, 'x-a', 0x12, 5, 0x12, 3, '[1]'];
    const length = schema.reduce<number>((sum, part) => sum + (typeof part === 'string' ? part.length : 1), 0);
    expect(encodeGnostic(document).toString('hex')).toBe(
      bytes(0x0a, 3, '2.0', 0x12, 7, 0x0a, 1, 'T', 0x12, 2, 'v1', 0x42, 0, 0x4a, length + 7, 0x0a, length + 5, 0x0a, 1, 'X', 0x12, length, ...schema),
    );
  });

  it('names the parameters of an operation: query, path and body', () => {
    const parameters = [
      { name: 'q', in: 'query', type: 'string', uniqueItems: true }, { name: 'p', in: 'path', required: true, type: 'string' },
      { name: 'body', in: 'body', required: true, schema: { $ref: 'r' } },
    ];
    const encoded = encodeGnostic({ swagger: '2.0', info: {}, paths: { '/x': { patch: { parameters, consumes: ['a/b'], responses: {}, 'x-k': 'v' } } }, definitions: {} }).toString('hex');
    expect(encoded).toContain(bytes(0x1a, 21, 0x12, 5, 'query', 0x22, 1, 'q', 0x32, 6, 'string', 0xa0, 1, 1));
    expect(encoded).toContain(bytes(0x22, 19, 0x08, 1, 0x12, 4, 'path', 0x22, 1, 'p', 0x2a, 6, 'string'));
    expect(encoded).toContain(bytes(0x12, 4, 'body', 0x1a, 4, 'body', 0x20, 1, 0x2a, 3, 0x0a, 1, 'r'));
    expect(encoded).toContain(bytes(0x3a, 3, 'a/b'));
    expect(encoded).toContain(bytes(0x6a, 12, 0x0a, 3, 'x-k', 0x12, 5, 0x12, 3, '"v"'));
  });

  it('writes lengths past one byte as varints', () => {
    const long = 'x'.repeat(300);
    expect(encodeGnostic({ swagger: long, info: {}, paths: {}, definitions: {} }).subarray(0, 4).toString('hex')).toBe(bytes(0x0a, 0xac, 0x02, 'x'));
  });
});
