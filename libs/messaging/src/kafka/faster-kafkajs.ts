import { createRequire } from 'node:module';
import { encodeRecord, type EncodedRecord, type RecordParts } from './encode-record.js';

/**
 * Puts two functions in the place of kafkajs' own (2.2.4, pinned; its last release): most of what a published event cost was
 * there. They do the same, and `faster-kafkajs.spec.ts` compares them. To be imported before kafkajs, which keeps what it has
 * loaded: imported later, less gets faster and nothing else changes.
 */
const require = createRequire(import.meta.url);

const replace = <T>(module: string, replacement: (original: T) => T): void => {
  const path = require.resolve(module);
  const original = require(path) as T;
  require.cache[path]!.exports = replacement(original);
};

type Encode = (message: RecordParts) => EncodedRecord;
replace<Encode>('kafkajs/src/protocol/recordBatch/record/v0/index.js', (original) => (message) => encodeRecord(message) ?? original(message));

interface Grouping<M> {
  topic: string;
  partitionMetadata: readonly unknown[];
  messages: readonly M[];
  partitioner: (of: { topic: string; partitionMetadata: readonly unknown[]; message: M }) => number;
}
type Group = <M>(grouping: Grouping<M>) => Record<number, M[]>;

/** kafkajs copies the list of a partition for every message: quadratic in the size of a batch. */
const groupByPartition: Group = ({ topic, partitionMetadata, messages, partitioner }) => {
  const groups: Record<number, (typeof messages)[number][]> = {};
  if (partitionMetadata.length === 0) return groups;
  for (const message of messages) (groups[partitioner({ topic, partitionMetadata, message })] ??= []).push(message);
  return groups;
};
replace<Group>('kafkajs/src/producer/groupMessagesPerPartition.js', () => groupByPartition);
