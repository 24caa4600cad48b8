import { parseAddress, type Address } from '@ipledger/ip';
import fc from 'fast-check';
import { claimChanges, type CoolingAddress, type DatedEvent, type NetChanges } from './claim-changes.js';
import type { Command } from './commands.js';
import type { Event, Reservation } from './events.js';
import { evolve, revert } from './evolve.js';
import { reservedRange } from './pool/held-back.js';
import { bandOf } from './pool/pool.js';
import { parseDocument } from './service/document.js';
import { ClusterState, serviceKey } from './state.js';
import { create, families, register, remove, service } from './testing/commands.js';
import { history } from './testing/histories.js';
import { contentsOf, Scenario, given } from './testing/scenario.js';

/** fast-check prints the seed of a failure; a found one stays here as `examples`. */
const runs = { numRuns: 1000 };

/** Address or port -> uid of its holder, by nothing but the events. Throws at a second holder, or a release by somebody else. */
class Holders {
  readonly addresses = new Map<string, string>();
  readonly ports = new Map<number, string>();

  see(event: Event): void {
    if (event.type === 'ip.allocated') take(this.addresses, event.data.address, event.data.service.uid);
    if (event.type === 'ip.released') give(this.addresses, event.data.address, event.data.service.uid);
    if (event.type === 'port.allocated') take(this.ports, event.data.port, event.data.service.uid);
    if (event.type === 'port.released') give(this.ports, event.data.port, event.data.service.uid);
  }
}
const take = <Key>(held: Map<Key, string>, key: Key, uid: string): void => {
  if (held.has(key)) throw new Error(`${String(key)} is held by ${held.get(key)} and goes to ${uid}`);
  held.set(key, uid);
};
const give = <Key>(held: Map<Key, string>, key: Key, uid: string): void => {
  if (held.get(key) !== uid) throw new Error(`${String(key)} is held by ${held.get(key)} and comes from ${uid}`);
  held.delete(key);
};

const valueOf = (text: string): bigint => parseAddress(text)?.value ?? -1n;

/** Equal, by text: an `expect` for each of a few hundred thousand comparisons would take a minute. */
const same = (law: string, found: unknown, wanted: unknown): void => {
  if (textOf(found) !== textOf(wanted)) expect(found, law).toEqual(wanted);
};
const textOf = (value: unknown): string => JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner)) ?? '';

/** What must hold for each decision, while a history is played. */
const checkDecision = (scenario: Scenario, command: Command): readonly Event[] => {
  freeze(command); // whoever writes to it throws
  const decision = scenario.decide(command);
  same('the same order gives the same', scenario.decide(command), decision);
  if (decision.outcome === 'rejected') return [];
  const { events } = decision;
  const kinds = events.map(({ type }) => type.slice(0, type.indexOf('.'))).join(' ');
  if (!/^((cluster )?((reservation )?(ip |port )*service)?( ?(reservation ?)*(cluster)?))$/.test(kinds)) throw new Error(`claims come first, then their Service: ${kinds}`);
  for (const [i, event] of events.entries()) checkServiceEvent(scenario.state, event, scenario.state.revision + i + 1);
  if (command.dryRun) same('a dry run has no events', events, []);
  return events;
};

const checkServiceEvent = (state: ClusterState, event: Event, revision: number): void => {
  if (!('object' in event.data)) return;
  same('the resourceVersion is the revision', event.data.object.metadata.resourceVersion, String(revision));
  if ('previous' in event.data) same('the revision before', event.data.previous.revision, state.services.get(serviceKey(event.data.service.namespace, event.data.service.name)));
};

const checkRevert = ({ state }: Scenario, events: readonly Event[]): void => {
  if (events.length === 0 || events.some(({ type }) => type.startsWith('cluster.'))) return;
  const before = contentsOf(state);
  const revision = state.revision;
  events.forEach((event, i) => evolve(state, event, revision + i + 1));
  for (let i = events.length - 1; i >= 0; i--) same('can be taken back', revert(state, events[i] as Event, revision + i + 1), true);
  same('taken back as if it had not been', contentsOf(state), before);
};

const checkHeld = (scenario: Scenario, holders: Holders): void => {
  const shown = [...scenario.documents.values()].map(parseDocument).flatMap(({ metadata, spec }) =>
    (spec.clusterIPs ?? []).filter((text) => text !== 'None').map((text) => [text, metadata.uid]));
  same('each Service holds exactly the addresses that it shows', [...holders.addresses].sort(), shown.sort());
  const { taken, ports } = scenario.state;
  same('the state knows what is held', [...taken.IPv4.values(), ...taken.IPv6.values()].sort(), [...holders.addresses.keys()].map(valueOf).sort());
  same('the state knows the ports that are held', [...ports.keys()].sort(), [...holders.ports.keys()].sort());
};

const checkUse = ({ state }: Scenario): void => {
  for (const pool of state.pools) {
    const count = { static: 0, dynamic: 0, free: 0 };
    for (let value = pool.usable.first; value <= pool.usable.last; value++)
      count[state.taken[pool.family].has(value) ? (bandOf(pool, value) ?? 'free') : 'free']++;
    const { reserved, coolingDown } = state.heldBackIn(pool, pool.usable);
    let available = 0;
    const unavailable = state.unavailable(pool.family);
    for (let value = pool.usable.first; value <= pool.usable.last; value++) if (unavailable.nextAbsent(value) === value) available++;
    same(`what is free, reserved, and cools down in ${pool.name}`, available + Number(reserved + coolingDown), count.free);
    const use = state.useOf(pool);
    same(`use of ${pool.name}`, use, { static: count.static, dynamic: count.dynamic });
    same('free and used are the size', use.static + use.dynamic + count.free, Number(pool.usable.count));
  }
};

/** The replayed state has never been decided on: what a decision, refused or not, would leave behind in the live one shows here. */
const checkReplay = (live: Scenario): void => {
  const replayed = new ClusterState();
  live.log.forEach((event, i) => evolve(replayed, event, i + 1));
  replayed.advanceTo(live.now);
  same('replay is live', contentsOf(live.state), contentsOf(replayed));
  const revisions = [...live.documents].map(([key, text]) => [key, Number(parseDocument(text).metadata.resourceVersion)]);
  same('each document is at the revision of its last event', revisions.sort(), [...replayed.services].sort());
};

const checkClaimChanges = ({ log, state, now }: Scenario, holders: Holders, sizes: Iterator<number>): void => {
  const dated = log.map((event, i): DatedEvent => ({ event, revision: i + 1, time: new Date(1000 * i) }));
  const addresses = new Map<string, string>();
  const ports = new Map<number, string>();
  const loaded = new ClusterState();
  const tables = { reservations: new Map<string, Reservation>(), cooling: new Map<string, CoolingAddress>() };
  while (dated.length > 0) {
    const changes = claimChanges(dated.splice(0, Number(sizes.next().value)));
    applyNet(addresses, changes.addresses, ({ address }) => address);
    applyNet(ports, changes.ports, ({ port }) => port);
    for (const ended of changes.reservations.ended) tables.reservations.delete(ended);
    for (const made of changes.reservations.made) tables.reservations.set(made.name, made);
    if (changes.cooling.cleared) tables.cooling.clear();
    for (const started of changes.cooling.started) tables.cooling.set(started.address, started);
  }
  // As a process that starts loads them.
  for (const text of addresses.keys()) loaded.take(parseAddress(text) as Address);
  loaded.define(state.definition);
  for (const record of tables.reservations.values()) loaded.reserve(reservedRange(record));
  for (const { address, until, namespace, name } of tables.cooling.values()) loaded.cool(parseAddress(address) as Address, { untilMs: until.getTime(), holder: serviceKey(namespace, name) });
  loaded.advanceTo(now);
  const heldBack = ({ use, reservations }: ReturnType<typeof contentsOf>): unknown => ({ use, reservations });
  same('what the tables hold back', heldBack(contentsOf(loaded)), heldBack(contentsOf(state)));
  same('the table that the events make', [[...addresses].sort(), [...ports].sort()], [[...holders.addresses].sort(), [...holders.ports].sort()]);
};

/** As a table with a primary key would: DELETE and UPDATE must find their row, INSERT must find none. */
const applyNet = <Key, Held extends { uid: string }>(table: Map<Key, string>, { released, moved, taken }: NetChanges<Held, Key>, keyOf: (held: Held) => Key): void => {
  const keys = [...released, ...moved.map(keyOf), ...taken.map(keyOf)];
  same('each key at most once', new Set(keys).size, keys.length);
  same('rows to change are there', [...released, ...moved.map(keyOf)].filter((key) => !table.has(key)), []);
  same('rows to insert are not', taken.map(keyOf).filter((key) => table.has(key)), []);
  for (const key of released) table.delete(key);
  for (const held of [...moved, ...taken]) table.set(keyOf(held), held.uid);
};

const freeze = (value: unknown): void => {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  Object.values(value).forEach(freeze);
};

/**
 * One play of a history serves all laws, because playing is what costs. A failure names its law and prints the shortest history
 * that shows it.
 */
describe('whatever is ordered', () => {
  it('the same order gives the same, changes no command, comes in order, and can be taken back', () => {
    fc.assert(fc.property(history, (commands) => {
      const scenario = new Scenario();
      for (const command of commands) {
        const events = checkDecision(scenario, command);
        checkRevert(scenario, events);
        scenario.happened(...events);
      }
    }), runs);
  });

  it('nothing is held twice, free and used are the size, replay is live, claim changes make the table that the events make', () => {
    fc.assert(fc.property(history, fc.infiniteStream(fc.integer({ min: 1, max: 12 })), (commands, sizes) => {
      const scenario = new Scenario();
      const holders = new Holders();
      for (const command of commands) {
        const decision = scenario.decide(command);
        if (decision.outcome === 'rejected') continue;
        decision.events.forEach((event) => holders.see(event));
        scenario.happened(...decision.events);
      }
      checkHeld(scenario, holders);
      checkUse(scenario);
      checkReplay(scenario);
      checkClaimChanges(scenario, holders, sizes);
    }), runs);
  });
});

/** Laws over histories in which nothing happens would say nothing. */
it('the histories reach every kind of event and the refusals that matter', () => {
  const events = new Set<string>();
  const refusals = new Set<string>();
  for (const commands of fc.sample(history, { numRuns: 500, seed: 42 })) {
    const scenario = new Scenario();
    for (const command of commands) {
      const decision = scenario.decide(command);
      if (decision.outcome === 'rejected') refusals.add(decision.rejection.code);
      else scenario.happened(...decision.events);
    }
    scenario.log.forEach((event) => events.add('reason' in event.data ? `${event.type} ${event.data.reason}` : event.type));
  }
  expect([...events].sort()).toEqual([
    'cluster.cidr-added', 'cluster.cidr-draining', 'cluster.cidr-removed', 'cluster.cidrs-declared', 'cluster.network-declared', 'cluster.pool-configured', 'cluster.registered', 'cluster.removed',
    'ip.allocated', 'ip.released deleted', 'ip.released downgraded', 'ip.released type-changed',
    'port.allocated', 'port.released deleted', 'port.released dropped', 'port.released type-changed',
    'reservation.made', 'reservation.released cluster-removed', 'reservation.released confirmed', 'reservation.released released', 'service.created', 'service.deleted', 'service.updated',
  ]);
  expect([...refusals]).toEqual(expect.arrayContaining(['addresses_exhausted', 'already_exists', 'cidr_in_use', 'cluster_not_empty', 'cluster_not_found', 'invalid', 'node_ports_exhausted', 'not_found', 'reservation_exists', 'reservation_not_found', 'reservation_overlaps']));
});

describe('a pool that is filled', () => {
  const pool = fc.constantFrom<[string, 'IPv4' | 'IPv6', number]>(['10.0.0.0/30', 'IPv4', 2], ['10.0.0.0/29', 'IPv4', 6], ['10.0.0.0/28', 'IPv4', 14], ['fd00::/125', 'IPv6', 7], ['fd00::/124', 'IPv6', 15]);
  const seed = fc.tuple(fc.nat(), fc.nat(), fc.nat(), fc.nat());

  /** Made once: a command may not change the Service that it carries. */
  const asked = { IPv4: Array.from({ length: 16 }, (_, i) => service(`s${i}`, families('IPv4'))), IPv6: Array.from({ length: 16 }, (_, i) => service(`s${i}`, families('IPv6'))) };

  it('gives each address once, then none, and after a release exactly that one', () => {
    fc.assert(fc.property(pool, seed, fc.nat(), ([cidr, family, size], words, which) => {
      const scenario = given(register([cidr]));
      const order = (i: number) => create(asked[family][i] ?? service(`s${i}`), { seed: [words[0] + i, words[1], words[2], words[3]] });
      for (let i = 0; i < size; i++) scenario.after(order(i));
      expect(scenario.state.taken[family].size).toBe(size);
      expect(scenario.decide(order(size))).toMatchObject({ rejection: { code: 'addresses_exhausted', family } });

      const released = scenario.stored(`s${which % size}`).spec.clusterIP;
      expect(scenario.after(remove(`s${which % size}`), order(size)).stored(`s${size}`).spec.clusterIP).toBe(released);
    }), runs);
  });
});
