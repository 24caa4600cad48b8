import { eventMajor, eventSchemaId, sharedPoolOf, type Event } from '@ipledger/services';
import type { RecordedEvent } from './recorded.js';

/** A record of Kafka as we write it. A null value is a tombstone. */
export interface Message {
  key: string;
  value: string | null;
  headers: Record<string, string>;
}

/** A record of Kafka as it is read. */
export interface ReadMessage {
  key: Buffer | null;
  value: Buffer | null;
  headers?: Record<string, Buffer | string | (Buffer | string)[] | undefined>;
}

/** A record on our topic that is no event of ours, or a damaged one. */
export class BadMessage extends Error {}

/**
 * An event as a CloudEvents 1.0 message in binary mode: attributes as `ce_` headers, the event's data as value, keyed by the
 * cluster so that a cluster's events stay in order.
 * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
 */
export const encodeEvent = (event: RecordedEvent): Message => {
  const { id, cluster, epoch, revision, type, time, command, data } = event;
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    ce_specversion: '1.0',
    ce_id: id,
    ce_source: sourceOf(cluster),
    ce_type: `${type}.v${eventMajor}`,
    ce_time: time,
    ce_dataschema: eventSchemaId(type),
    ce_partitionkey: cluster,
    ce_sequence: String(revision).padStart(20, '0'), // so that the order of texts is the order of numbers
    ce_epoch: String(epoch),
    ce_commandid: command.id,
    ce_commandkind: command.kind,
    ce_commandindex: String(command.index),
    ce_commandlast: String(command.last),
  };
  const service = (data as { service?: { namespace: string; name: string } }).service;
  if (service !== undefined) headers['ce_subject'] = `${service.namespace}/${service.name}`;
  for (const [attribute, field] of optionalAttributes) {
    const value = command[field];
    if (value !== null) headers[attribute] = value;
  }
  return { key: cluster, value: JSON.stringify(data), headers };
};

/** What has the log, as a path of the API. */
const sourceOf = (log: string): string => {
  const pool = sharedPoolOf(log);
  return pool === undefined ? `/clusters/${log}` : `/lb-pools/${pool}`;
};

const optionalAttributes = [
  ['ce_requestid', 'requestId'], ['ce_actor', 'actor'], ['ce_useragent', 'userAgent'], ['ce_traceparent', 'traceparent'],
] as const;

/**
 * The event of a message, with the type and version it was written as in `wireType`; its data is not checked here.
 * @throws BadMessage when an attribute is missing or makes no sense, or the value is no JSON
 */
export const decodeEvent = (message: ReadMessage): RecordedEvent & { wireType: string } => {
  const attribute = (name: string): string => {
    const value = header(message, `ce_${name}`);
    if (value === null) throw new BadMessage(`the header ce_${name} is missing`);
    return value;
  };
  const number = (name: string): number => {
    const value = attribute(name);
    if (!/^\d{1,20}$/.test(value) || !Number.isSafeInteger(Number(value))) throw new BadMessage(`the header ce_${name} is ${JSON.stringify(value)}, not a whole number`);
    return Number(value);
  };
  if (attribute('specversion') !== '1.0') throw new BadMessage(`the header ce_specversion is not 1.0`);
  const wireType = attribute('type');
  const optional = Object.fromEntries(optionalAttributes.map(([name, field]) => [field, header(message, name)])) as Record<(typeof optionalAttributes)[number][1], string | null>;
  return {
    id: attribute('id'),
    cluster: attribute('partitionkey'),
    epoch: number('epoch'),
    revision: number('sequence'),
    wireType,
    type: wireType.replace(/\.v\d+$/, '') as Event['type'],
    time: attribute('time'),
    command: { id: attribute('commandid'), kind: attribute('commandkind'), ...optional, index: number('commandindex'), last: attribute('commandlast') === 'true' },
    data: readJson(message.value),
  };
};

const header = ({ headers }: ReadMessage, name: string): string | null => {
  const value = headers?.[name];
  const first = Array.isArray(value) ? value[0] : value;
  return first === undefined ? null : first.toString();
};

const readJson = (value: Buffer | null): unknown => {
  try {
    return JSON.parse(value?.toString() ?? '') as unknown;
  } catch {
    throw new BadMessage('the value is no JSON');
  }
};
