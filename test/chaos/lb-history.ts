import { groupBy } from './check.js';
import type { LogEvent, Operation, Outcome, Violation } from './history.js';

type Done = Extract<Outcome, { kind: 'done' }>;

interface Member {
  who: string;
  /** undefined = the Service has the address for itself. */
  group: string | undefined;
}

/**
 * Folds the log of a shared LB pool by who has each address: no two Services, unless they are of one sharing group of one cluster, and after each
 * command exactly what is held is had by somebody. `foldLog` finds that an address has one holder at a time.
 */
export const checkMembers = (log: string, events: readonly LogEvent[]): Violation[] => {
  const members = new Map<string, Member[]>();
  const held = new Set<string>();
  const touched = new Set<string>();
  const violations: Violation[] = [];
  for (const event of events) {
    const { revision, data: { address } } = event;
    const say = (what: string): unknown => violations.push(`${log}: revision ${revision}: ${what}`);
    if (address !== undefined) {
      touched.add(address);
      if (event.type === 'ip.allocated') held.add(address);
      if (event.type === 'ip.released') held.delete(address);
      if (event.type.startsWith('lb-member.')) foldMember(members, event, address).forEach(say);
    }
    if (!event.command.last) continue;
    for (const one of touched) {
      const here = members.get(one) ?? [];
      if (held.has(one) !== here.length > 0) say(here.length > 0 ? `${one} is let go of while ${here.map(({ who }) => who).join(' and ')} has it` : `${one} is held, and nobody has it`);
    }
    touched.clear();
  }
  return violations;
};

const foldMember = (members: Map<string, Member[]>, { type, data: { cluster, sharingGroup, service } }: LogEvent, address: string): string[] => {
  const here = members.get(address) ?? [];
  const who = `${cluster}/${service?.namespace}/${service?.name} ${service?.uid}`;
  const group = sharingGroup == null ? undefined : `${cluster}/${service?.namespace}/${sharingGroup}`;
  const others = here.filter((other) => other.who !== who);
  members.set(address, type === 'lb-member.left' ? others : [...others, { who, group }]);
  if (type === 'lb-member.left') return others.length < here.length ? [] : [`${who} leaves ${address}, which it does not have`];
  return others.filter((other) => group === undefined || other.group !== group).map((other) => `${address} is given to ${who} while ${other.who} has it`);
};

interface Span {
  uid: string;
  group: string | undefined;
  fromMs: number;
  toMs: number;
}

/** What a write without an answer does, it has done after so long: statements time out, and nobody is frozen for longer. */
const lateMsMax = 60_000;

/**
 * From the clients' records alone, over all clusters: a Service that an answer showed with an address of a pool surely has it until the next
 * request that may take it away. Two such spans of one address must not overlap, unless the Services share it.
 */
export const checkLbHeldOnce = (operations: readonly Operation[]): Violation[] => {
  const byService = groupBy(operations, ({ cluster, service }) => `${cluster}/${service}`);
  const byAddress = new Map<string, Span[]>();
  for (const group of byService.values())
    for (const { address, ...span } of spansOf(group)) byAddress.set(address, [...(byAddress.get(address) ?? []), span]);
  return [...byAddress].flatMap(([address, spans]) => {
    const sorted = spans.sort((a, b) => a.fromMs - b.fromMs);
    return sorted.flatMap((span, i) => sorted.slice(0, i).filter((other) => other.uid !== span.uid && other.toMs > span.fromMs && (span.group === undefined || span.group !== other.group))
      .map((other) => `clients saw ${address} at ${other.uid} until ${other.toMs} ms and at ${span.uid} from ${span.fromMs} ms`));
  });
};

const spansOf = (operations: readonly Operation[]): (Span & { address: string })[] => operations.filter(({ outcome }) => outcome.kind === 'done' && outcome.lbAddresses.length > 0).flatMap((seen) => {
  const { uid, lbAddresses, sharingKey } = seen.outcome as Done;
  const others = operations.filter(({ kind, id, endMs, unknownAttempts }) => kind !== 'get' && id !== seen.id && endMs + (unknownAttempts > 0 ? lateMsMax : 0) > seen.startMs).map(({ startMs }) => startMs);
  const toMs = Math.min(Infinity, ...others);
  if (seen.kind === 'delete' || toMs <= seen.endMs) return []; // never surely held
  const group = sharingKey === undefined ? undefined : `${seen.cluster}/${seen.service.split('/')[0]}/${sharingKey}`;
  return lbAddresses.map((address) => ({ address, uid, group, fromMs: seen.endMs, toMs }));
});
