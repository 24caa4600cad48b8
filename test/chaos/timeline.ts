import { addressesOf, lbAddressesOf, type LogEvent, type Violation } from './history.js';

/** A value from a revision on, until the next entry. */
interface Entry<T> {
  revision: number;
  value: T;
}

/** How one thing changed over the revisions of a cluster. */
export class Timeline<T> {
  private readonly entries: Entry<T>[] = [];
  constructor(private readonly initial: T) {}

  set(revision: number, value: T): void {
    this.entries.push({ revision, value });
  }
  get now(): T {
    return this.entries.at(-1)?.value ?? this.initial;
  }
  /** Every value that stood at some revision from `first` to `last`, both included. */
  between(first: number, last: number): T[] {
    let start = this.entries.length;
    while (start > 0 && this.entries[start - 1]!.revision > first) start--;
    const before = start === 0 ? this.initial : this.entries[start - 1]!.value;
    const values = [before];
    for (let i = start; i < this.entries.length && this.entries[i]!.revision <= last; i++) values.push(this.entries[i]!.value);
    return values;
  }
}

export interface Stored {
  uid: string;
  revision: number;
  addresses: readonly string[];
  lbAddresses: readonly string[];
}

/** The log of one cluster, folded: who held what and which Services stood, at every revision. */
export interface FoldedLog {
  head: number;
  services: Map<string, Timeline<Stored | null>>;
  holders: Map<string, Timeline<string | null>>;
  /** How many addresses of a family are held. */
  held: { IPv4: Timeline<number>; IPv6: Timeline<number> };
  /** Revision of the last event of the command that a request made: request id -> revisions. */
  commands: Map<string, number[]>;
}

export const familyOf = (address: string): 'IPv4' | 'IPv6' => (address.includes(':') ? 'IPv6' : 'IPv4');

/**
 * Folds a log and says what in it breaks the rules of logs: a gap, a half command, an address taken while held, a release by
 * another than the holder.
 */
export const foldLog = (cluster: string, events: readonly LogEvent[]): { log: FoldedLog; violations: Violation[] } => {
  const log: FoldedLog = { head: 0, services: new Map(), holders: new Map(), held: { IPv4: new Timeline(0), IPv6: new Timeline(0) }, commands: new Map() };
  const violations: Violation[] = [];
  const seen = new Set<string>();
  let open: { id: string; index: number } | null = null;
  for (const event of events) {
    if (event.revision !== log.head + 1) violations.push(`${cluster}: revision ${event.revision} follows ${log.head}`);
    log.head = event.revision;
    const { id, index, last } = event.command;
    if (index === 0 ? open !== null || seen.has(id) : open?.id !== id || open.index + 1 !== index) violations.push(`${cluster}: revision ${event.revision} is event ${index} of command ${id} out of its place`);
    seen.add(id);
    open = last ? null : { id, index };
    if (last && event.command.requestId !== null) log.commands.set(event.command.requestId, [...(log.commands.get(event.command.requestId) ?? []), event.revision]);
    violations.push(...foldEvent(log, event).map((what) => `${cluster}: revision ${event.revision}: ${what}`));
  }
  if (open !== null) violations.push(`${cluster}: the log ends inside command ${open.id}`);
  return { log, violations };
};

const foldEvent = (log: FoldedLog, { type, revision, data }: LogEvent): string[] => {
  const { service, address } = data;
  if (service === undefined) return [];
  const key = `${service.namespace}/${service.name}`;
  if (type.startsWith('service.')) {
    const stored = type === 'service.deleted' ? null : { uid: service.uid, revision, addresses: addressesOf(data.object ?? {}), lbAddresses: lbAddressesOf(data.object ?? {}) };
    timelineOf(log.services, key, null).set(revision, stored);
    return stored === null ? [] : stored.addresses.filter((one) => log.holders.get(one)?.now !== service.uid).map((one) => `${key} has ${one}, which it does not hold`);
  }
  if (address === undefined) return [];
  const holder = timelineOf(log.holders, address, null);
  const held = log.held[familyOf(address)];
  const before = holder.now;
  if (type === 'ip.allocated') {
    holder.set(revision, service.uid);
    held.set(revision, held.now + 1);
    return before === null ? [] : [`${address} is given to ${key} (${service.uid}) while ${before} holds it`];
  }
  if (type !== 'ip.released') return [];
  holder.set(revision, null);
  held.set(revision, held.now - 1);
  return before === service.uid ? [] : [`${address} is released by ${key} (${service.uid}), but ${before ?? 'nobody'} holds it`];
};

const timelineOf = <T>(timelines: Map<string, Timeline<T>>, key: string, initial: T): Timeline<T> => {
  let timeline = timelines.get(key);
  if (timeline === undefined) timelines.set(key, (timeline = new Timeline<T>(initial)));
  return timeline;
};
