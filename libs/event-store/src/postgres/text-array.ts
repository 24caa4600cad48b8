import { BadAppend } from '../errors.js';

const headerBytes = 20;
const textOid = 25;
const loneSurrogate = /\p{Surrogate}/u;

/**
 * A list of texts as a parameter of type `text[]`, in the binary form of the protocol (`array_send` in Postgres' arrayfuncs.c), which `pg`
 * sends as it is. For large texts: in JSON, as in the textual form of an array, every quote inside is escaped here and unescaped there.
 * @throws BadAppend for half of a surrogate pair, which UTF-8 cannot hold; a NUL character is refused by the server
 */
export const textArray = (texts: readonly string[]): Buffer => {
  if (texts.some((text) => loneSurrogate.test(text))) throw new BadAppend('a text with a lone surrogate cannot be stored');
  const lengths = texts.map((text) => Buffer.byteLength(text));
  const bytes = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + 4 + length, headerBytes));
  let at = 0;
  // One dimension, no nulls, type of the elements, how many, first index.
  for (const field of [1, 0, textOid, texts.length, 1]) at = bytes.writeInt32BE(field, at);
  for (const [index, text] of texts.entries()) {
    at = bytes.writeInt32BE(lengths[index] ?? 0, at);
    at += bytes.write(text, at);
  }
  return bytes;
};
