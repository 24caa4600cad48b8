import type { ClusterHead, EventStore } from '@ipledger/event-store';
import { decodeEvent, eventsOf, readTopic, recordedCommand, topicsOf, type AddressRecord, type KafkaSettings, type ReachedRecord, type ReadMessage, type RecordedEvent } from '@ipledger/messaging';
import type { Logger } from '@ipledger/runtime';
import { CompactRows, keyId, type CompactRow } from './compact-rows.js';
import { Findings, type Difference } from './difference.js';
import { compactClaim, Expected, holderName } from './expected.js';
import { InLog } from './in-log.js';

const pageRows = 1_000;

export interface TopicSources {
  store: EventStore;
  kafka: KafkaSettings;
  logger: Logger;
  /** Revision that the relay had published, by cluster, before the topics were read. */
  published: ReadonlyMap<string, number>;
  /** Only these; otherwise all. */
  clusters?: ReadonlySet<string>;
  /** Called after every message with how many were read. */
  onProgress?(messages: number): void;
}

type Heads = ReadonlyMap<string, ClusterHead>;

/**
 * Both topics against the log: on the event topic every event of the log, in order of first appearance, from wherever its
 * retention has left it; on the compacted topic exactly who holds what at the revision that it says it has reached.
 */
export const compareTopics = async (sources: TopicSources): Promise<Findings> => {
  const heads: Heads = new Map((await sources.store.clusters()).map((head) => [head.name, head]));
  const findings = new Findings();
  let messages = 0;
  const read: ReadTopic = (topic, onMessage) => readTopic(sources.kafka, topicsOf(sources.kafka.topicPrefix)[topic].name, sources.logger, async (message) => {
    sources.onProgress?.(++messages);
    await onMessage(message);
  });
  await compareEvents(sources, heads, read, findings);
  await compareAddresses(sources, heads, read, findings);
  return findings;
};

type ReadTopic = (topic: 'events' | 'addresses', onMessage: (message: ReadMessage) => Promise<void> | void) => Promise<void>;

/** The log of one cluster, read along with the topic: a page at a time, whatever the length of both. */
class LogCursor {
  private page: RecordedEvent[] = [];
  constructor(private readonly store: EventStore, private readonly head: ClusterHead) {}

  async at(revision: number): Promise<RecordedEvent | undefined> {
    const [first] = this.page;
    if (first === undefined || revision < first.revision || revision >= first.revision + this.page.length) {
      const rows = await this.store.readLog(this.head.id, revision - 1, pageRows);
      this.page = rows.flatMap((row) => eventsOf(recordedCommand(this.head.name, row)));
    }
    return this.page[revision - (this.page[0]?.revision ?? 0)];
  }
}

const compareEvents = async ({ store, published, clusters }: TopicSources, heads: Heads, read: ReadTopic, findings: Findings): Promise<void> => {
  const reached = new Map<string, { next: number; cursor: LogCursor; epoch: number }>();
  const say = (cluster: string, revision: number, type: Difference['type'], what: string): void => {
    findings.add({ cluster, where: 'events topic', type, key: `revision ${revision}`, revision, what });
  };
  await read('events', async (message) => {
    const event = decodeEvent(message);
    if (clusters?.has(event.cluster) === false) return;
    const head = heads.get(event.cluster);
    if (head === undefined) return say(event.cluster, event.revision, 'leak', 'is there, and there is no such cluster');
    const state = reached.get(event.cluster) ?? { next: event.revision, cursor: new LogCursor(store, head), epoch: event.epoch };
    reached.set(event.cluster, state);
    const logged = await state.cursor.at(event.revision);
    // Of a life of the log that was lost to a restore: the log has other facts under these revisions, or none yet.
    if (event.epoch < (logged ?? head).epoch) return;
    if (event.epoch > state.epoch) [state.epoch, state.next] = [event.epoch, event.revision];
    if (event.revision < state.next) return;
    if (event.revision > state.next) say(event.cluster, state.next, 'missing', `is not there: revision ${event.revision} follows ${state.next - 1}`);
    if (logged === undefined) say(event.cluster, event.revision, 'leak', 'is there, and the log has no such revision');
    else if (contentOf(event) !== contentOf(logged)) say(event.cluster, event.revision, 'differs', `is ${contentOf(event)}, and the log says ${contentOf(logged)}`);
    state.next = event.revision + 1;
  });
  for (const [cluster, revision] of published) {
    const next = reached.get(cluster)?.next;
    if (clusters?.has(cluster) === false) continue;
    if (next !== undefined && next <= revision) say(cluster, next, 'missing', `and what follows up to ${revision} is not there, though the relay has published it`);
  }
};

const contentOf = ({ id, type, time, command, data }: RecordedEvent): string => JSON.stringify([id, type, time, command.id, command.index, command.last, data]);

const compareAddresses = async (sources: TopicSources, heads: Heads, read: ReadTopic, findings: Findings): Promise<void> => {
  const { held, reached } = await readHeld(sources, read);
  const suspects: Suspects = new Map();
  for (const [cluster, { revision, epoch }] of reached) {
    const head = heads.get(cluster);
    if (head === undefined) continue;
    const expected = await foldTo(sources.store, head, revision);
    const records = held.get(cluster) ?? new CompactRows();
    // A record of an older epoch than the cluster's marker is void.
    records.deleteWhere(({ ms }) => ms < epoch);
    for (const { id, mine: should, other: is } of expected.claims.differing(records, isSameHolder)) {
      if (findings.isFull) findings.more++;
      else suspects.set(`${cluster} ${id}`, { cluster, address: undefined, is: is === undefined ? 'nobody' : undefined, should: await holderOf(sources.store, head, should), revision });
    }
  }
  if (suspects.size === 0) return;
  await nameHolders(sources, read, suspects);
  const told = [...suspects.values()].map(({ cluster, address = '', is = 'somebody else by now', should: { name, address: logged }, revision }): Difference =>
    ({ cluster, where: 'addresses topic', type: is === 'nobody' ? 'missing' : name === 'nobody' ? 'leak' : 'differs', key: logged ?? address, revision, what: `is held by ${is}, and the log says ${name}` }));
  // Hashes have another order in each process.
  for (const one of told.sort((a, b) => (`${a.cluster} ${a.key}` < `${b.cluster} ${b.key}` ? -1 : 1))) findings.add(one);
};

/** By cluster and `keyId` of the address; what a first reading does not keep is found in a second one. */
type Suspects = Map<string, { cluster: string; address: string | undefined; is: string | undefined; should: { name: string; address: string | undefined }; revision: number }>;

/** Who holds what by the topic; `ms` is the epoch of the record. */
const readHeld = async ({ clusters }: TopicSources, read: ReadTopic): Promise<{ held: Map<string, CompactRows>; reached: Map<string, ReachedRecord> }> => {
  const held = new Map<string, CompactRows>();
  const reached = new Map<string, ReachedRecord>();
  await read('addresses', ({ key, value }) => {
    const [cluster = '', address] = (key?.toString() ?? '').split('/');
    if (clusters?.has(cluster) === false) return;
    const addresses = held.get(cluster) ?? new CompactRows();
    held.set(cluster, addresses);
    if (address === undefined) reached.set(cluster, JSON.parse(value?.toString() ?? '') as ReachedRecord);
    else if (value === null) addresses.delete(address);
    else {
      const { service, revision, epoch } = JSON.parse(value.toString()) as AddressRecord;
      addresses.set(address, { ...compactClaim({ ...service, since: new Date(0), revision }), ms: epoch });
    }
  });
  return { held, reached };
};

const isSameHolder = (one: CompactRow, other: CompactRow): boolean => one.uid === other.uid && one.rest === other.rest;

const holderOf = async (store: EventStore, head: ClusterHead, claim: CompactRow | undefined): Promise<{ name: string; address: string | undefined }> => {
  const event = claim && (await new InLog(store, head.id).eventAt(claim.revision))?.event;
  return event?.type === 'ip.allocated' ? { name: holderName(event.data.service), address: event.data.address } : { name: 'nobody', address: undefined };
};

const nameHolders = async ({ clusters }: TopicSources, read: ReadTopic, suspects: Suspects): Promise<void> => {
  await read('addresses', ({ key, value }) => {
    const [cluster = '', address] = (key?.toString() ?? '').split('/');
    if (address === undefined || value === null || clusters?.has(cluster) === false) return;
    const suspect = suspects.get(`${cluster} ${keyId(address)}`);
    if (suspect === undefined) return;
    suspect.address = address;
    if (suspect.is !== 'nobody') suspect.is = holderName((JSON.parse(value.toString()) as AddressRecord).service);
  });
};

const foldTo = async (store: EventStore, head: ClusterHead, revision: number): Promise<Expected> => {
  const expected = new Expected(head.name, new Date());
  while (expected.revision < revision) {
    const rows = (await store.readLog(head.id, expected.revision, pageRows)).filter((row) => row.revision <= revision);
    for (const row of rows) expected.take(row);
    if (rows.length === 0) break;
  }
  return expected;
};
