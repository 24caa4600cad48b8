import { deleteOptions, service, type FieldType, type Message } from '../protobuf-messages.js';

/** Encodes as Go does: what is a zero value in JSON's absence is often written all the same. For specs only. */
const messages: Record<string, Message> = { Service: service, DeleteOptions: deleteOptions };

/** @param value an object, or the bytes of one @param extra bytes to add to members of the object */
export const encodeProtobuf = (kind: string, value: object, extra: Record<string, Buffer> = {}): Buffer => {
  const raw = Buffer.isBuffer(value) ? value : encodeMessage(messages[kind] as Message, value as Values, extra);
  const type = Buffer.concat([delimited(1, Buffer.from('v1')), delimited(2, Buffer.from(kind))]);
  return Buffer.concat([Buffer.from('k8s\0'), delimited(1, type), delimited(2, raw), delimited(3, Buffer.alloc(0)), delimited(4, Buffer.alloc(0))]);
};

type Values = Record<string, unknown>;

const encodeMessage = (message: Message, values: Values, extra: Record<string, Buffer> = {}): Buffer =>
  Buffer.concat(Object.entries(message).flatMap(([number, [name, type, isList]]) => {
    const value = values[name];
    if (value === undefined || value === null) return writesZero(name) ? [encodeField(Number(number), type, type === 'text' ? '' : null)] : [];
    if (type === 'textMap') return Object.entries(value).map(([key, text]) => delimited(Number(number), Buffer.concat([delimited(1, Buffer.from(key)), delimited(2, Buffer.from(String(text)))])));
    return (isList ? (value as unknown[]) : [value]).map((one) => encodeField(Number(number), type, one, extra[name]));
  }));

/** Fields that Go writes although they are empty: texts that are no pointers, and times. */
const writesZero = (name: string): boolean => ['generateName', 'selfLink', 'clusterIP', 'loadBalancerIP', 'creationTimestamp'].includes(name);

const encodeField = (number: number, type: FieldType, value: unknown, extra: Buffer = Buffer.alloc(0)): Buffer => {
  if (type === 'int' || type === 'flag') return Buffer.concat([varint(BigInt(number * 8)), varint(BigInt(value as number | boolean))]);
  return delimited(number, Buffer.concat([contentOf(type, value), extra]));
};

const contentOf = (type: FieldType, value: unknown): Buffer => {
  if (value === null) return Buffer.alloc(0);
  switch (type) {
    case 'text':
      return Buffer.from(value as string);
    case 'time':
      return Buffer.concat([varint(8n), varint(BigInt(Date.parse(value as string) / 1000)), varint(16n), varint(0n)]);
    case 'json':
      return delimited(1, Buffer.from(JSON.stringify(value)));
    case 'intOrText': {
      const isText = typeof value === 'string';
      return Buffer.concat([varint(8n), varint(isText ? 1n : 0n), varint(16n), varint(BigInt(isText ? 0 : (value as number))), delimited(3, Buffer.from(isText ? value : ''))]);
    }
    default:
      return encodeMessage(type as Message, value as Values);
  }
};

const varint = (value: bigint): Buffer => {
  const bytes: number[] = [];
  for (let rest = BigInt.asUintN(64, value); ; rest >>= 7n) {
    if (rest < 128n) return Buffer.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 127n) | 128);
  }
};

const delimited = (number: number, bytes: Buffer): Buffer => Buffer.concat([varint(BigInt(number * 8 + 2)), varint(BigInt(bytes.length)), bytes]);
