import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { runInThisContext } from 'node:vm';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { encodeRecord, type EncodedRecord, type RecordParts } from './encode-record.js';
import './faster-kafkajs.js';

const require = createRequire(import.meta.url);

/** A module of kafkajs as it is without us, whatever is loaded already. */
const pristine = (module: string): unknown => {
  const path = require.resolve(module);
  const made = { exports: {} };
  const wrapped = runInThisContext(`(function (module, exports, require) {${readFileSync(path, 'utf8')}\n})`) as (...args: unknown[]) => void;
  wrapped(made, made.exports, (name: string) => require(join(dirname(path), name)) as unknown);
  return made.exports;
};
const record = 'kafkajs/src/protocol/recordBatch/record/v0/index.js';
const grouping = 'kafkajs/src/producer/groupMessagesPerPartition.js';

const text = fc.oneof(fc.string({ maxLength: 70 }), fc.string({ unit: 'binary', maxLength: 70 }), fc.string({ unit: 'grapheme', minLength: 60, maxLength: 300 }));
const messages = fc.record({
  key: text, value: fc.option(text),
  headers: fc.dictionary(text.filter((name) => name !== '__proto__'), text, { maxKeys: 20 }),
  offsetDelta: fc.nat(2 ** 30),
});
const bytesOf = (encoded: EncodedRecord | undefined): string | undefined => encoded?.buffer.toString('hex');

describe('encodeRecord', () => {
  const original = pristine(record) as (message: RecordParts) => EncodedRecord;

  it('writes what kafkajs writes, and leaves what was written before alone', () => {
    fc.assert(fc.property(fc.array(messages, { minLength: 1, maxLength: 20 }), (all) => {
      const encoded = all.map((message) => encodeRecord(message));
      expect(encoded.map(bytesOf)).toEqual(all.map((message) => bytesOf(original(message))));
    }), { numRuns: 1_000 });
  });

  it('takes a message that is larger than its buffer, and goes on after it', () => {
    for (const length of [63, 64, 8_191, 8_192, 300_000, 1]) {
      const message = { key: 'blue', value: 'ä'.repeat(length), headers: { ce_id: 'x'.repeat(length) } };
      expect(bytesOf(encodeRecord(message))).toBe(bytesOf(original(message)));
    }
  });

  it.each<[string, RecordParts]>([
    ['a buffer as value', { key: 'a', value: Buffer.from('b') }],
    ['no key', { key: null, value: 'b' }],
    ['a timestamp of its own', { key: 'a', value: 'b', timestampDelta: 5 }],
    ['a header with several values', { key: 'a', value: 'b', headers: { c: ['d', 'e'] } }],
  ])('leaves %s to kafkajs, which gets it', (_, message) => {
    expect(encodeRecord(message)).toBeUndefined();
    const installed = require(record) as (message: RecordParts) => EncodedRecord;
    expect(bytesOf(installed(message))).toBe(bytesOf(original(message)));
  });
});

describe('the grouping by partition', () => {
  type Grouped = (of: object) => Record<number, unknown[]>;

  it('is the one of kafkajs', () => {
    fc.assert(fc.property(fc.array(fc.nat(11), { maxLength: 200 }), fc.nat(1), (numbers, partitions) => {
      const given = { topic: 't', partitionMetadata: Array(partitions), messages: numbers, partitioner: ({ message }: { message: number }) => message };
      expect((require(grouping) as Grouped)(given)).toEqual((pristine(grouping) as Grouped)(given));
    }), { numRuns: 1_000 });
  });

  it('is in place', () => {
    expect((require(grouping) as Grouped).toString()).not.toBe((pristine(grouping) as Grouped).toString());
  });
});
