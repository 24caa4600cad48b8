import { emptyObject, readJsonBytes, type JsonObject, type JsonText, type JsonValue } from './json-reader.js';
import {
  deleteOptions, service, selfSubjectAccessReview, selfSubjectReview, selfSubjectRulesReview, type FieldType, type Message,
} from './protobuf-messages.js';

/**
 * Reads the body of a Go client: `k8s\0`, then the message `Unknown` with kind, apiVersion and the object as bytes. The
 * result is the tree that the same object has as JSON, so both take the same way from there on; what Go writes although it
 * is empty reads as empty there, too. Fields that are not known become members named `<protobuf field N>`, which the
 * decoder of the tree treats like any unknown field.
 * @returns a failure that says at which byte and why; the object is left out when its kind is none that is ever read
 * @see k8s.io/apimachinery/pkg/runtime/serializer/protobuf, generated.proto of core/v1 and meta/v1, v1.37.2
 */
export const readProtobuf = (bytes: Uint8Array): JsonText => {
  try {
    return { value: envelope(bytes), duplicates: [] };
  } catch (error) {
    if (error instanceof Unreadable) return { failure: error.message };
    throw error;
  }
};

class Unreadable extends Error {}

const messages: Readonly<Record<string, Message>> = {
  Service: service, DeleteOptions: deleteOptions,
  SelfSubjectAccessReview: selfSubjectAccessReview, SelfSubjectRulesReview: selfSubjectRulesReview, SelfSubjectReview: selfSubjectReview,
};

const magic = [0x6b, 0x38, 0x73, 0x00];
const typeMeta: Message = { 1: ['apiVersion', 'text'], 2: ['kind', 'text'] };
const unknown: Message = { 1: ['typeMeta', typeMeta], 2: ['raw', 'bytes'], 3: ['contentEncoding', 'text'], 4: ['contentType', 'text'] };

const envelope = (bytes: Uint8Array): JsonObject => {
  if (!magic.every((byte, i) => bytes[i] === byte)) throw new Unreadable('found no "k8s\\0" at byte 0, with which every such body begins');
  const wire = new Wire(bytes, magic.length, bytes.length);
  const { typeMeta: type = {}, raw, contentEncoding = '', contentType = '' } = readMessage(wire, unknown) as unknown as Unknown;
  if (contentEncoding !== '' || contentType !== '') throw new Unreadable(`the object inside has the content type ${JSON.stringify(contentType)} and encoding ${JSON.stringify(contentEncoding)}; both must be empty`);
  const { kind = '', apiVersion = '' } = type;
  if (kind === '') throw new Unreadable('the body names no kind');
  const message = Object.hasOwn(messages, kind) ? messages[kind] : undefined;
  const object = message === undefined || raw === undefined ? emptyObject() : readMessage(raw, message);
  // What the envelope says wins over members of that name, which no message has.
  return Object.assign(object, { kind, apiVersion });
};

interface Unknown {
  typeMeta?: { kind?: string; apiVersion?: string };
  raw?: Wire;
  contentEncoding?: string;
  contentType?: string;
}

/** A stretch of bytes, read from front to back. */
class Wire {
  constructor(private readonly bytes: Uint8Array, private at: number, private readonly end: number) {}

  get atEnd(): boolean {
    return this.at >= this.end;
  }

  /** Seven bits a byte, lowest first; negative numbers have ten bytes. */
  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.bytes[this.at];
      if (byte === undefined || this.at >= this.end) throw this.cutShort();
      this.at++;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asIntN(64, value);
    }
    throw new Unreadable(`a number at byte ${this.at - 10} is longer than 64 bits`);
  }

  /** The bytes of a text or message, with their length before them. */
  nested(): Wire {
    const length = this.varint();
    if (length < 0n || length > BigInt(this.end - this.at)) throw this.cutShort();
    const from = this.at;
    this.at += Number(length);
    return new Wire(this.bytes, from, this.at);
  }

  skip(bytes: number): void {
    if (this.end - this.at < bytes) throw this.cutShort();
    this.at += bytes;
  }

  rest(): Uint8Array {
    return this.bytes.subarray(this.at, this.end);
  }

  fail(why: string): Unreadable {
    return new Unreadable(`${why} at byte ${this.at}`);
  }

  private cutShort(): Unreadable {
    return new Unreadable(`the body is cut short at byte ${this.at}`);
  }
}

const readMessage = (wire: Wire, message: Message): JsonObject => {
  const object = emptyObject();
  while (!wire.atEnd) {
    const key = Number(BigInt.asUintN(64, wire.varint()));
    const [number, wireType] = [Math.floor(key / 8), key % 8];
    const field = Object.hasOwn(message, number) ? message[number] : undefined;
    if (field === undefined) {
      skipField(wire, wireType);
      object[`<protobuf field ${number}>`] = null;
      continue;
    }
    const [name, type, isList] = field;
    if (wireType !== (type === 'int' || type === 'flag' ? 0 : 2)) throw wire.fail(`the field ${name} has wire type ${wireType}, which does not fit,`);
    if (isList) ((object[name] ??= []) as JsonValue[]).push(readField(wire, type));
    else if (type === 'textMap') readEntry(wire.nested(), (object[name] ??= emptyObject()) as JsonObject);
    else object[name] = readField(wire, type);
  }
  return object;
};

const skipField = (wire: Wire, wireType: number): void => {
  switch (wireType) {
    case 0:
      wire.varint();
      return;
    case 1:
      return wire.skip(8);
    case 2:
      wire.nested();
      return;
    case 5:
      return wire.skip(4);
    default:
      throw wire.fail(`wire type ${wireType} is none that occurs,`);
  }
};

const readField = (wire: Wire, type: FieldType): JsonValue => {
  if (type === 'int') return int(wire);
  if (type === 'flag') return wire.varint() !== 0n;
  const nested = wire.nested();
  switch (type) {
    case 'text':
      return text(nested);
    case 'time':
      return time(nested);
    case 'intOrText':
      return intOrText(nested);
    case 'json':
      return rawJson(nested);
    case 'bytes':
      return nested as never; // Only of the envelope, which takes it out again.
    case 'textMap':
      throw new Error('a map is read entry by entry');
    default:
      return readMessage(nested, type);
  }
};

const int = (wire: Wire): number => {
  const value = wire.varint();
  if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < BigInt(Number.MIN_SAFE_INTEGER)) throw wire.fail(`the number ${value} is not below 2^53,`);
  return Number(value);
};

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const text = (wire: Wire): string => {
  try {
    return utf8.decode(wire.rest());
  } catch (error) {
    if (error instanceof TypeError) throw wire.fail('a text is not valid UTF-8');
    throw error;
  }
};

const readEntry = (wire: Wire, map: JsonObject): void => {
  const { key = '', value = '' } = readMessage(wire, { 1: ['key', 'text'], 2: ['value', 'text'] });
  map[String(key)] = value;
};

/** Seconds since 1970; an empty message is no time. Years past 9999 cannot be written as RFC 3339. */
const time = (wire: Wire): JsonValue => {
  if (wire.atEnd) return null;
  const { seconds = 0 } = readMessage(wire, { 1: ['seconds', 'int'], 2: ['nanos', 'int'] });
  const instant = new Date(Number(seconds) * 1000);
  const year = instant.getUTCFullYear();
  if (!(year >= 0 && year <= 9999)) throw wire.fail(`the time ${String(seconds)} is not of the years 0 to 9999,`);
  return instant.toISOString().replace('.000Z', 'Z');
};

const intOrText = (wire: Wire): JsonValue => {
  const { type = 0, intVal = 0, strVal = '' } = readMessage(wire, { 1: ['type', 'int'], 2: ['intVal', 'int'], 3: ['strVal', 'text'] });
  return type === 0 ? intVal : strVal;
};

/** FieldsV1: JSON as bytes. */
const rawJson = (wire: Wire): JsonValue => {
  const { raw } = readMessage(wire, { 1: ['raw', 'bytes'] }) as unknown as Unknown;
  if (raw === undefined) return null;
  const json = readJsonBytes(raw.rest());
  if ('failure' in json) throw wire.fail(`fieldsV1 is not JSON: ${json.failure}`);
  return json.value;
};
