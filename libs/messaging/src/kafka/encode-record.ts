/** A message as kafkajs hands it to its encoder of records. */
export interface RecordParts {
  readonly key?: string | Buffer | null;
  readonly value: string | Buffer | null;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly offsetDelta?: number;
  readonly timestampDelta?: number;
}

/** What kafkajs copies a record from. */
export interface EncodedRecord {
  readonly buf: Buffer;
  readonly buffer: Buffer;
}

const slabBytes = 256 * 1024;
/** Longer texts are left to Node, which is slow to call and fast to copy. */
const shortCharsMax = 63;
/** Of a length: a varint of 32 bits. */
const varIntBytesMax = 5;

let slab = Buffer.allocUnsafeSlow(slabBytes);
let at = 0;

/**
 * A record of version 2, byte for byte as kafkajs encodes it, which takes a buffer for every header, length and record; here
 * records share one. Nothing is written twice: a full buffer is left to whoever still reads it.
 * @see https://kafka.apache.org/documentation/#record
 * @returns undefined for what is not ours: buffers, lists of headers, timestamps
 */
export const encodeRecord = ({ key, value, headers = {}, offsetDelta = 0, timestampDelta = 0 }: RecordParts): EncodedRecord | undefined => {
  if (typeof key !== 'string' || (value !== null && typeof value !== 'string') || timestampDelta !== 0) return undefined;
  let bytesMax = 8 * varIntBytesMax + 3 * (key.length + (value?.length ?? 0));
  let count = 0;
  for (const name in headers) {
    const header = headers[name];
    if (typeof header !== 'string') return undefined;
    bytesMax += 2 * varIntBytesMax + 3 * (name.length + header.length);
    count++;
  }
  if (at + bytesMax > slab.length) {
    slab = Buffer.allocUnsafeSlow(Math.max(slabBytes, bytesMax));
    at = 0;
  }
  const bodyAt = at + varIntBytesMax;
  at = bodyAt;
  slab[at++] = 0; // attributes
  slab[at++] = 0; // the timestamp is the batch's
  writeVarInt(offsetDelta);
  writeText(key);
  if (value === null) writeVarInt(-1);
  else writeText(value);
  writeVarInt(count);
  for (const name in headers) {
    writeText(name);
    writeText(headers[name] as string);
  }
  // The length stands first and is known last: it goes right before the body.
  const [end, length] = [at, at - bodyAt];
  const start = bodyAt - varIntSize(length);
  at = start;
  writeVarInt(length);
  at = end;
  const buffer = slab.subarray(start, end);
  return { buf: buffer, buffer };
};

const zigZag = (value: number): number => ((value << 1) ^ (value >> 31)) >>> 0;

const varIntSize = (value: number): number => {
  let size = 1;
  for (let rest = zigZag(value); rest > 0x7f; rest >>>= 7) size++;
  return size;
};

const writeVarInt = (value: number): void => {
  let rest = zigZag(value);
  for (; rest > 0x7f; rest >>>= 7) slab[at++] = (rest & 0x7f) | 0x80;
  slab[at++] = rest;
};

const writeText = (text: string): void => {
  if (text.length <= shortCharsMax && writeShortAscii(text)) return;
  const length = Buffer.byteLength(text);
  writeVarInt(length);
  slab.write(text, at, length, 'utf8');
  at += length;
};

/** @returns false, and has written nothing that counts, when a character is not ASCII */
const writeShortAscii = (text: string): boolean => {
  const { length } = text;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) return false;
    slab[at + 1 + i] = code;
  }
  slab[at] = length << 1;
  at += 1 + length;
  return true;
};
