import type { Json } from './schema.js';

/**
 * An OpenAPI v2 document as protobuf, message `openapi.v2.Document`: the only form in which kubectl reads v2. Encodes what
 * our document has, and nothing else.
 * @see google/gnostic-models openapiv2/OpenAPIv2.proto for the numbers of the fields
 */
export const encodeGnostic = (document: Json): Buffer =>
  message(
    text(1, document['swagger']),
    field(2, message(text(1, member(document, 'info')['title']), text(2, member(document, 'info')['version']))),
    field(8, named(2, member(document, 'paths'), (item) => pathItem(item as Json))),
    field(9, named(1, member(document, 'definitions'), (item) => schema(item as Json))),
  );

const member = (object: Json, name: string): Json => (object[name] ?? {}) as Json;

const pathItem = (item: Json): Buffer => {
  const numbers = { get: 2, put: 3, post: 4, delete: 5, patch: 8 } as const;
  return message(...Object.entries(numbers).map(([method, number]) => (item[method] === undefined ? none : field(number, operation(item[method] as Json)))));
};

const operation = (item: Json): Buffer =>
  message(
    text(3, item['description']),
    text(5, item['operationId']),
    texts(6, item['produces']),
    texts(7, item['consumes']),
    ...(item['parameters'] as Json[]).map((one) => field(8, field(1, parameter(one)))),
    field(9, named(1, member(item, 'responses'), (answer) => field(1, response(answer as Json)))),
    extensions(13, item),
  );

const response = (item: Json): Buffer => message(text(1, item['description']), field(2, field(1, schema(member(item, 'schema')))));

/** A parameter of the body, the path or the query. */
const parameter = (item: Json): Buffer => {
  const { name, in: place, description, type } = item;
  const required = item['required'] === true;
  if (place === 'body') return field(1, message(text(2, name), text(3, place), flag(4, required), field(5, schema(member(item, 'schema')))));
  if (place === 'path') return field(2, field(4, message(flag(1, required), text(2, place), text(3, description), text(4, name), text(5, type))));
  return field(2, field(3, message(flag(1, required), text(2, place), text(3, description), text(4, name), text(6, type), flag(20, item['uniqueItems'] === true))));
};

const schema = (item: Json): Buffer =>
  message(
    text(1, item['$ref']),
    text(2, item['format']),
    text(4, item['description']),
    texts(19, item['required']),
    item['additionalProperties'] === undefined ? none : field(21, field(1, schema(member(item, 'additionalProperties')))),
    item['type'] === undefined ? none : field(22, text(1, item['type'])),
    item['items'] === undefined ? none : field(23, field(1, schema(member(item, 'items')))),
    item['properties'] === undefined ? none : field(25, named(1, member(item, 'properties'), (inner) => schema(inner as Json))),
    extensions(31, item),
  );

/** `x-…` members; their values are YAML, of which JSON is a part. */
const extensions = (number: number, item: Json): Buffer =>
  named(number, Object.fromEntries(Object.entries(item).filter(([name]) => name.startsWith('x-'))), (value) => text(2, JSON.stringify(value)));

// The wire format: a key (number and wire type) before each value; 0 = varint, 2 = bytes with their length before them.

const none = Buffer.alloc(0);
const message = (...parts: Buffer[]): Buffer => Buffer.concat(parts);

const varint = (value: number): Buffer => {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) | 128);
  }
};

const field = (number: number, bytes: Buffer): Buffer => Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
const text = (number: number, value: unknown): Buffer => (typeof value === 'string' && value !== '' ? field(number, Buffer.from(value)) : none);
const texts = (number: number, values: unknown): Buffer => (Array.isArray(values) ? message(...values.map((value) => text(number, value))) : none);
const flag = (number: number, value: boolean): Buffer => (value ? Buffer.concat([varint(number * 8), varint(1)]) : none);

/** A map, as messages {1 = name, 2 = value}. */
const named = (number: number, map: Json, encode: (value: unknown) => Buffer): Buffer =>
  message(...Object.entries(map).map(([name, value]) => field(number, message(text(1, name), field(2, encode(value))))));
