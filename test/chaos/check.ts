import type { Operation, Violation } from './history.js';
import { type FoldedLog, type Stored } from './timeline.js';

/**
 * Judges what clients saw against the log of a cluster. The log is the candidate linearization; it is one if
 *   1. it is well formed (`foldLog`);
 *   2. it respects real time: what was answered before another operation began has the lower revision;
 *   3. every answer is right at some revision between the operation's start and its end;
 *   4. every acknowledged write is in it once, no operation is in it twice, and nothing is in it that nobody asked for.
 * That is linearizability of each cluster with the log as witness, which needs no search (Wing & Gong search for an order;
 * ours is given). Fifth, and independent of the log: from the clients' own records, no address was held by two at once.
 */
export const checkHistory = (operations: readonly Operation[], log: FoldedLog, capacity: { IPv4: number; IPv6: number }): Violation[] => {
  const bounds = revisionBounds(operations, log);
  return [
    ...operations.flatMap((operation) => checkOperation(operation, log, bounds.get(operation.id)!, capacity)),
    ...checkAskedFor(operations, log),
    ...checkHeldOnce(operations),
  ];
};

interface Bounds {
  /** The highest revision answered to anybody before the operation began: it happened at this one or later. */
  first: number;
  /** The lowest revision answered to an operation that began after this one ended, less one: it happened at this one or before. */
  last: number;
}

const revisionOf = (operation: Operation): number | null => (operation.outcome.kind === 'done' ? operation.outcome.revision : null);

const revisionBounds = (operations: readonly Operation[], log: FoldedLog): Map<string, Bounds> => {
  const bounds = new Map<string, Bounds>(operations.map(({ id }) => [id, { first: 0, last: log.head }]));
  const answered = operations.filter((operation) => revisionOf(operation) !== null);
  const byEnd = [...answered].sort((a, b) => a.endMs - b.endMs);
  let first = 0;
  let next = 0;
  for (const operation of [...operations].sort((a, b) => a.startMs - b.startMs)) {
    for (; next < byEnd.length && byEnd[next]!.endMs < operation.startMs; next++) first = Math.max(first, revisionOf(byEnd[next]!)!);
    bounds.get(operation.id)!.first = first;
  }
  // Only writes give an upper bound: a read may be answered with an old resourceVersion of an object that did not change since.
  const byStart = answered.filter(({ kind, id }) => kind !== 'get' && commandsOf(log, id).length > 0).sort((a, b) => b.startMs - a.startMs);
  let last = log.head;
  next = 0;
  for (const operation of [...operations].sort((a, b) => b.endMs - a.endMs)) {
    for (; next < byStart.length && byStart[next]!.startMs > operation.endMs; next++) last = Math.min(last, revisionOf(byStart[next]!)! - 1);
    bounds.get(operation.id)!.last = last;
  }
  return bounds;
};

/** Revisions of the commands that attempts of an operation made. */
const commandsOf = (log: FoldedLog, id: string): number[] => {
  const found: number[] = [];
  for (let attempt = 1; attempt <= attemptsMax; attempt++) found.push(...(log.commands.get(`${id}.${attempt}`) ?? []));
  return found;
};
export const attemptsMax = 40;

const checkOperation = (operation: Operation, log: FoldedLog, bounds: Bounds, capacity: { IPv4: number; IPv6: number }): Violation[] => {
  const commands = commandsOf(log, operation.id);
  const say = (what: string): Violation[] => [`${operation.cluster}: ${operation.id} (${operation.kind} ${operation.service}) ${what}`];
  if (commands.length > 1) return say(`is in the log ${commands.length} times: revisions ${commands.join(', ')}`);
  const [command] = commands;
  const { outcome } = operation;
  if (outcome.kind === 'unknown') return [];
  if (outcome.kind === 'refused') {
    // An attempt without an answer may have done it after all, or do it later: then the refusal of another attempt says nothing.
    if (command !== undefined && operation.unknownAttempts === 0) return say(`was refused (${outcome.status} ${outcome.reason}) and is in the log at ${command}`);
    return isJustified(operation, outcome, log, bounds, capacity) ? [] : say(`was refused without cause: ${outcome.status} ${outcome.reason}: ${outcome.message} (revisions ${bounds.first} to ${bounds.last})`);
  }
  if (operation.kind === 'get') return standsAt(operation, outcome, log, bounds) ? [] : say(`read revision ${outcome.revision} of ${outcome.uid}, which did not stand between ${bounds.first} and ${bounds.last}`);
  if (command === undefined) return checkUnchanged(operation, outcome, log, bounds).flatMap(say);
  return checkWritten(outcome, command, operation, log, bounds).flatMap(say);
};

type Done = Extract<Operation['outcome'], { kind: 'done' }>;
type Refused = Extract<Operation['outcome'], { kind: 'refused' }>;

const checkWritten = (outcome: Done, command: number, { service, kind, onlyUid }: Operation, log: FoldedLog, { first, last }: Bounds): string[] => {
  if (command !== outcome.revision) return [`was answered revision ${outcome.revision} and is in the log at ${command}`];
  if (command <= first || command > last) return [`is in the log at ${command}, outside ${first + 1} to ${last} where real time puts it`];
  const stored = log.services.get(service)?.between(command, command).at(-1);
  if (kind === 'delete' && stored !== null) return [`was answered, but the Service stands after revision ${command}`];
  if (kind === 'delete') {
    const gone = log.services.get(service)?.between(command - 1, command - 1).at(-1);
    return onlyUid === undefined || gone?.uid === onlyUid ? [] : [`was to delete ${onlyUid} and no other, and has deleted ${gone?.uid}`];
  }
  return sameService(stored, outcome) ? [] : [`was answered ${shown(outcome)}, but the log has ${shown(stored)} at ${command}`];
};

/** A write that changed nothing (the Service was so already) is right if the Service stood so meanwhile; no create, no delete may be missing. */
const checkUnchanged = (operation: Operation, outcome: Done, log: FoldedLog, bounds: Bounds): string[] => {
  if (operation.kind !== 'update') return [`was acknowledged with revision ${outcome.revision} and is not in the log`];
  const stood = (log.services.get(operation.service)?.between(bounds.first, bounds.last) ?? []).some((stored) => sameService(stored, outcome));
  return stood ? [] : [`changed nothing, but ${shown(outcome)} did not stand between ${bounds.first} and ${bounds.last}`];
};

const sameService = (stored: Stored | null | undefined, { uid, addresses, lbAddresses }: Done): boolean =>
  stored !== null && stored !== undefined && stored.uid === uid && stored.addresses.join() === addresses.join() && stored.lbAddresses.join() === lbAddresses.join();

const shown = (one: Pick<Stored, 'uid' | 'addresses' | 'lbAddresses'> | null | undefined): string => (one == null ? 'nothing' : [one.uid, [...one.addresses, ...one.lbAddresses].join(', ')].join(' '));

const standsAt = (operation: Operation, outcome: Done, log: FoldedLog, { first, last }: Bounds): boolean =>
  (log.services.get(operation.service)?.between(first, last) ?? []).some((stored) => stored?.revision === outcome.revision && sameService(stored, outcome));

const isJustified = ({ service, kind, onlyUid }: Operation, { status, reason, message }: Refused, log: FoldedLog, { first, last }: Bounds, capacity: { IPv4: number; IPv6: number }): boolean => {
  const stood = log.services.get(service)?.between(first, last) ?? [null];
  if (status === 429) return true;
  if (reason === 'AlreadyExists') return stood.some((stored) => stored !== null);
  if (reason === 'NotFound') return stood.some((stored) => stored === null);
  if (reason === 'Conflict' && onlyUid !== undefined) return stood.some((stored) => stored !== null && stored.uid !== onlyUid);
  if (reason === 'Conflict' && kind !== 'create') return stood.length > 0;
  const taken = /failed to allocate IP ([0-9a-f.:]+): provided IP is already allocated/.exec(message)?.[1];
  if (taken !== undefined) return (log.holders.get(taken)?.between(first, last) ?? [null]).some((holder) => holder !== null);
  if (/range is full/.test(message)) return (['IPv4', 'IPv6'] as const).some((family) => log.held[family].between(first, last).some((held) => held >= capacity[family]));
  return false;
};

/** What is in the log and came from us must be an attempt of an operation that we made. */
const checkAskedFor = (operations: readonly Operation[], log: FoldedLog): Violation[] => {
  const known = new Set(operations.map(({ id }) => id));
  return [...log.commands].filter(([requestId]) => requestId.startsWith(operationPrefix) && !known.has(requestId.replace(/\.\d+$/, '')))
    .map(([requestId, revisions]) => `${requestId} is in the log at ${revisions.join(', ')}, and nobody asked for it`);
};
export const operationPrefix = 'op-';

interface Span {
  uid: string;
  address: string;
  fromMs: number;
  toMs: number;
}

/**
 * From the clients' records alone: an address is surely held from the answer that gave it to the first request that may
 * have taken it away (a delete or update of that Service). Two such spans of one address must not overlap.
 */
const checkHeldOnce = (operations: readonly Operation[]): Violation[] => {
  const byAddress = new Map<string, Span[]>();
  const byService = groupBy(operations, ({ service }) => service);
  for (const group of byService.values()) {
    for (const span of spansOf(group)) byAddress.set(span.address, [...(byAddress.get(span.address) ?? []), span]);
  }
  return [...byAddress.values()].flatMap((spans) => {
    const sorted = spans.sort((a, b) => a.fromMs - b.fromMs);
    return sorted.slice(1).flatMap((span, i) => (span.uid !== sorted[i]!.uid && span.fromMs < sorted[i]!.toMs
      ? [`clients saw ${span.address} held by ${sorted[i]!.uid} until ${sorted[i]!.toMs} ms and by ${span.uid} from ${span.fromMs} ms`] : []));
  });
};

const spansOf = (group: readonly Operation[]): Span[] => group.filter(({ kind, outcome }) => kind === 'create' && outcome.kind === 'done').flatMap((created) => {
  const { uid, addresses } = created.outcome as Done;
  const ended = group.filter(({ kind, endMs, id }) => kind !== 'get' && id !== created.id && endMs > created.startMs).map(({ startMs }) => startMs);
  const toMs = Math.max(created.endMs, Math.min(Infinity, ...ended));
  // Another request on the Service was under way when the answer came: it was never surely held.
  if (toMs === created.endMs) return [];
  return addresses.map((address) => ({ uid, address, fromMs: created.endMs, toMs }));
});

export const groupBy = <T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> => {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
};
