import { covers, decode, difference, isObject } from './json.js';
import type { Difference, Json, JsonObject } from './json.js';
import { Normaliser } from './normal.js';
import { clusters } from './recordings.js';
import type { RecordedRequest, RecordedResponse, Scenario, Step } from './recordings.js';

/** `warnings` are the `Warning` headers as they came; `text` is the body, empty when there is none. */
export type Answer = { status: number; warnings: string[]; text: string };
/** A request with real values; `url` is relative to the cluster and percent-encoded. */
export type Question = Pick<RecordedRequest, 'method' | 'contentType' | 'accept' | 'body'> & { url: string };

/** A fresh cluster of the server under test. */
export type Cluster = {
  send(question: Question): Promise<Answer>;
  /** What a restart of an API server with other ranges does. */
  reconfigure(serviceCidrs: string[]): Promise<void>;
};

/** The first difference of a scenario; `step` is undefined when the server gave no readable answer. */
export type Failure = Difference & { name: string; step: number | undefined; asked?: Json };

/** Plays a scenario against a fresh cluster of its kind, up to the first answer that differs. */
export const replay = async (cluster: Cluster, scenario: Scenario): Promise<Failure | undefined> => {
  const normaliser = new Normaliser(clusters[scenario.cluster] ?? [], scenario.managedFields);
  for (const [index, step] of scenario.steps.entries()) {
    const found = await differs(cluster, normaliser, step);
    if (found) return { name: scenario.name, step: index, ...found, asked: asked(step) };
  }
  return undefined;
};

const asked = (step: Step): Json =>
  ('request' in step ? step.request : 'watch' in step ? step.watch : step.reconfigure) as Json;

const differs = async (cluster: Cluster, normaliser: Normaliser, step: Step): Promise<Difference | undefined> => {
  if ('reconfigure' in step) {
    await cluster.reconfigure(step.reconfigure.serviceCIDRs);
    normaliser.addRanges(step.reconfigure.serviceCIDRs);
    return undefined;
  }
  if ('watch' in step) {
    const { path, query } = step.watch;
    const events = await watch(cluster, normaliser, path, normaliser.expand(query));
    return difference(step.events, events, '.events');
  }
  const actual = await ask(cluster, normaliser, normaliser.expand(step.request));
  const { ours, ...upstream } = step.response;
  // Where our service answers otherwise on purpose, both answers are right.
  return ours && covers(ours, actual as Json) ? undefined : difference(upstream as Json, actual as Json, '.response');
};

/** Sends a request with real values and gives the answer in normal form. */
const ask = async (cluster: Cluster, normaliser: Normaliser, request: RecordedRequest): Promise<RecordedResponse> => {
  const { path, query, ...rest } = request;
  normaliser.request(request);
  const { status, warnings, text } = await cluster.send({ ...rest, url: encode(query ? `${path}?${query}` : path) });
  const response: RecordedResponse = { status };
  const body = normaliser.response(request.method, status, text ? decode(text) : null);
  if (body !== null) response.body = body;
  if (warnings.length > 0) response.warnings = warnings.map((header) => normaliser.message(warningText(header)));
  return response;
};

/** `299 - "text"` -> text. RFC 7234, 5.5 */
const warningText = (header: string): string => {
  const quoted = header.split(' ').slice(2).join(' ');
  return quoted.slice(1, -1).replaceAll('\\"', '"').replaceAll('\\\\', '\\');
};

/** Opens a watch that ends by itself after a second and gives its events in normal form. */
const watch = async (cluster: Cluster, normaliser: Normaliser, path: string, query: string): Promise<Json[]> => {
  normaliser.request({ path, query });
  const url = encode(`${path}?${query}&watch=true&timeoutSeconds=1`);
  const { text } = await cluster.send({ method: 'GET', url });
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  return lines.map(decode).filter((event) => !isPlainBookmark(event)).map((event) => eventForm(normaliser, event));
};

/** Sent when the server likes; only the one that ends the initial events is annotated. */
const isPlainBookmark = (event: Json): boolean =>
  isObject(event) && event['type'] === 'BOOKMARK' && !Object.hasOwn(metadataOf(event), 'annotations');

const metadataOf = (event: JsonObject): JsonObject => {
  const object = event['object'];
  const metadata = isObject(object) ? object['metadata'] : undefined;
  return isObject(metadata) ? metadata : {};
};

const eventForm = (normaliser: Normaliser, event: Json): Json => {
  if (!isObject(event) || event['object'] === undefined) return event;
  const normal: JsonObject = { ...event, object: normaliser.value(event['object']) };
  if (normal['type'] === 'BOOKMARK') metadataOf(normal)['resourceVersion'] = '$listrv';
  return normal;
};

/** Percent-encodes what may not stand in a request line, and nothing else: raw colons are part of some scenarios. */
const encode = (url: string): string => url.replace(/[^\w.\-~/?&=%:,!()*'+;@]+/g, encodeURIComponent);
