import type { Violation } from '../chaos/history.js';
import { encodeEvent } from '../../libs/messaging/src/cloud-event.js';
import type { RecordedEvent } from '../../libs/messaging/src/recorded.js';
import type { Broker, TopicRecord } from './broker.js';

/** A cluster as its log says it is at the end. */
export interface LoggedCluster {
  readonly name: string;
  readonly events: readonly RecordedEvent[];
  /** Address -> uid. */
  readonly held: ReadonlyMap<string, string>;
}

/**
 * What both topics must be once the faults are over and everything is published, as a reader of committed records sees them:
 *   1. the event topic of a cluster, taken by first appearance, is its log: same events, same order, none missing;
 *   2. in the order as it stands nothing is left out, and only a producer that took over begins further back: nobody publishes
 *      an old fact after newer ones;
 *   3. both topics are in step: whoever publishes events says in the same transaction how far the addresses are, no more, no less;
 *   4. the compacted topic is who holds what.
 */
export const topicViolations = (broker: Broker, clusters: readonly LoggedCluster[]): Violation[] => {
  const events = broker.events.filter(isCommitted);
  const addresses = broker.addresses.filter(isCommitted);
  return clusters.flatMap(({ name, events: logged, held }) => {
    const ofCluster = events.filter(({ message }) => message.key === name);
    const found = [
      ...orderViolations(ofCluster),
      ...contentViolations(ofCluster, logged),
      ...stepViolations(ofCluster, addresses.filter(({ message }) => message.key === name)),
      ...holderViolations(name, addresses, held, logged.length),
    ];
    return found.map((what) => `${name}: ${what}`);
  });
};

const isCommitted = ({ transaction }: TopicRecord): boolean => transaction.state === 'committed';
const revisionOf = ({ message }: TopicRecord): number => Number(message.headers['ce_sequence'] ?? message.headers['revision']);

const orderViolations = (records: readonly TopicRecord[]): Violation[] => {
  const violations: Violation[] = [];
  let [last, producer] = [0, 0];
  for (const record of records) {
    const [revision, { epoch }] = [revisionOf(record), record.transaction];
    if (epoch < producer) violations.push(`event topic: producer ${epoch} published revision ${revision} after producer ${producer}`);
    if (revision > last + 1 || (revision <= last && epoch === producer)) violations.push(`event topic: revision ${revision} follows ${last}, both of producer ${epoch}`);
    [last, producer] = [revision, epoch];
  }
  return violations;
};

const contentViolations = (records: readonly TopicRecord[], logged: readonly RecordedEvent[]): Violation[] => {
  const seen = new Map<string, string>();
  const violations: Violation[] = [];
  for (const { message } of records) {
    const [id, content] = [message.headers['ce_id'] ?? '', JSON.stringify(message)];
    if ((seen.get(id) ?? content) !== content) violations.push(`event topic: ${id} comes again and says something else`);
    if (!seen.has(id)) seen.set(id, content);
  }
  const published = [...seen.values()];
  logged.forEach((event, index) => {
    const content = JSON.stringify(encodeEvent(event));
    if (published[index] !== content) violations.push(`event topic: place ${index + 1} has ${[...seen.keys()][index] ?? 'nothing'}, and the log ${event.id} ${event.type}`);
  });
  if (published.length > logged.length) violations.push(`event topic: ${published.length} events, and the log has ${logged.length}`);
  return violations.slice(0, 3);
};

const stepViolations = (events: readonly TopicRecord[], reached: readonly TopicRecord[]): Violation[] => {
  const published = new Map(events.map((record) => [record.transaction, revisionOf(record)]));
  const stated = new Map(reached.map((record) => [record.transaction, revisionOf(record)]));
  return [...published].filter(([transaction, revision]) => stated.get(transaction) !== revision)
    .map(([transaction, revision]) => `events up to ${revision} are published together with addresses as of ${stated.get(transaction) ?? 'nowhere'}`);
};

const holderViolations = (cluster: string, records: readonly TopicRecord[], held: ReadonlyMap<string, string>, head: number): Violation[] => {
  const compacted = new Map(records.map(({ message: { key, value } }) => [key, value === null ? null : (JSON.parse(value) as { epoch: number; revision: number; service?: { uid: string } })]));
  const reached = compacted.get(cluster);
  if (reached?.revision !== head) return [`address topic: reaches revision ${reached?.revision ?? 0} of ${head}`];
  const holderOf = (address: string): string | undefined => {
    const record = compacted.get(`${cluster}/${address}`);
    return record != null && record.epoch >= reached.epoch ? record.service?.uid : undefined; // one of an older epoch is void
  };
  const addresses = new Set([...held.keys(), ...[...compacted.keys()].filter((key) => key.startsWith(`${cluster}/`)).map((key) => key.slice(cluster.length + 1))]);
  return [...addresses].filter((address) => holderOf(address) !== held.get(address))
    .map((address) => `address topic: ${address} is held by ${holderOf(address) ?? 'nobody'}, and by ${held.get(address) ?? 'nobody'} in the log`);
};
