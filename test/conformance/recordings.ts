import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import type { Json } from './json.js';

/** A request as recorded: `path` is relative to the cluster, a `body` that is a string is sent as it stands. */
export type RecordedRequest = {
  method: string;
  path: string;
  query?: string;
  contentType?: string;
  accept?: string;
  body?: Json;
};
/** `ours`: what our service deliberately answers instead; its body names only what must be equal. */
export type RecordedResponse = {
  status: number;
  body?: Json;
  warnings?: string[];
  ours?: { status: number; body?: Json };
};
export type RequestStep = { request: RecordedRequest; response: RecordedResponse };
export type WatchStep = { watch: { path: string; query: string }; events: Json[] };
/** The API server is restarted over the same data with other ranges. */
export type ReconfigureStep = { reconfigure: { serviceCIDRs: string[] } };
export type Step = RequestStep | WatchStep | ReconfigureStep;

/** `differs`: upstream does what our service deliberately does not; such a scenario is left out. */
export type Scenario = {
  name: string;
  cluster: string;
  about?: string;
  managedFields?: boolean;
  differs?: string;
  steps: Step[];
};

export const topics = [
  'create',
  'update',
  'types',
  'addresses',
  'fields',
  'allocation',
  'nodeports',
  'reconfigure',
  'protocol',
  'random',
  'watches',
  'apply',
] as const;
export type Topic = (typeof topics)[number];

const read = (file: string): Buffer => readFileSync(join(import.meta.dirname, 'recordings', file));

/** The service CIDRs of each kind of cluster, primary family first. */
export const clusters = JSON.parse(read('clusters.json').toString()) as Record<string, string[]>;

const nondeterministic = new Set(
  (JSON.parse(read('nondeterministic.json').toString()) as { name: string }[]).map(({ name }) => name),
);

/**
 * The scenarios of a topic that our service has to answer as upstream did: without those that upstream answers
 * differently from run to run, and without the deliberate differences.
 */
export const scenariosOf = (topic: Topic): Scenario[] =>
  brotliDecompressSync(read(`${topic}.jsonl.br`))
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Scenario)
    .filter((scenario) => !scenario.differs && !nondeterministic.has(scenario.name));
