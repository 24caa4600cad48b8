import { parseAddress } from '@ipledger/ip';
import fc from 'fast-check';
import { claimChanges } from '../claim-changes.js';
import type { Command } from '../commands.js';
import type { Event } from '../events.js';
import { evolve, revert } from '../evolve.js';
import { parseDocument } from '../service/document.js';
import type { ServiceObject } from '../service.js';
import { ClusterState, serviceKey } from '../state.js';
import { orderTime, patch } from '../testing/commands.js';
import { assign, declareDefault } from '../testing/lb-commands.js';
import { lbHistory, sharedHistory } from '../testing/lb-histories.js';
import { contentsOf, Scenario } from '../testing/scenario.js';
import { lbConditionOf } from './condition.js';
import { memberKey } from './holdings.js';
import { notServedReason, waitOf } from './request.js';

const runs = { numRuns: 1_000 };

/** What the store would hold of LB pools after these changes. */
class Tables {
  readonly members = new Map<string, object>();
  readonly waiting = new Map<string, { revision: number; uid: string; reason: string }>();
  readonly attached = new Map<string, object>();

  take(events: readonly Event[], first: number, time: Date): void {
    const { lb: { members, waiting, attached } } = claimChanges(events.map((event, i) => ({ event, revision: first + i, time })));
    for (const { address, cluster, namespace, name } of members.left) this.members.delete(`${address} ${cluster} ${namespace}/${name}`);
    for (const held of members.held) this.members.set(`${held.address} ${held.cluster} ${held.namespace}/${held.name}`, held);
    for (const key of waiting.left) this.waiting.delete(serviceKey(key.namespace, key.name));
    for (const held of waiting.held) this.waiting.set(serviceKey(held.namespace, held.name), held);
    for (const { pool, address, namespace, name } of attached.left) this.attached.delete(`${pool} ${address} ${namespace}/${name}`);
    for (const held of attached.held) this.attached.set(`${held.pool} ${held.address} ${held.namespace}/${held.name}`, held);
  }

  /** As a start of a process would load it. */
  loaded(): { members: object; attached: string[] } {
    const state = new ClusterState();
    for (const held of this.members.values() as Iterable<ReturnType<typeof claimChanges>['lb']['members']['held'][number]>)
      state.lb.join(held.address, {
        service: { namespace: held.namespace, name: held.name, uid: held.uid }, ...(held.cluster !== '' && { cluster: held.cluster }), sharingGroup: held.sharingKey,
        ports: held.ports, backend: held.backend, ...(held.wait !== null && { wait: held.wait }), revision: held.revision,
      });
    return { members: membersOf(state), attached: [...this.attached.keys()].sort() };
  }
}

const membersOf = (state: ClusterState): object =>
  Object.fromEntries([...state.lb.addresses()].sort().map((address) => [address, [...state.lb.membersOf(address)].sort((a, b) => (memberKey(a.cluster, a.service) < memberKey(b.cluster, b.service) ? -1 : 1))]));

interface Step {
  scenario: Scenario;
  tables: Tables;
  command: Command;
  events: readonly Event[];
  /** Documents before the command. */
  before: ReadonlyMap<string, string>;
}

/** Runs a history, and looks after each command that was accepted. */
const each = (commands: readonly Command[], look: (step: Step) => void): Scenario => {
  const scenario = new Scenario();
  const tables = new Tables();
  for (const given of commands) {
    const command = putRight(given, scenario);
    const before = new Map(scenario.documents);
    const decision = scenario.decide(command);
    if (decision.outcome === 'rejected') continue;
    tables.take(decision.events, scenario.log.length + 1, command.time);
    scenario.happened(...decision.events);
    look({ scenario, tables, command, events: decision.events, before });
  }
  return scenario;
};

/** Waits and revisions of claims cannot be made up: they are those of the moment. */
const putRight = (command: Command, { documents, state }: Scenario): Command => {
  if (command.type === 'AttachLoadBalancer') {
    const stored = documents.get(serviceKey(command.namespace, command.name));
    return stored === undefined ? command : { ...command, wait: Number(parseDocument(stored).metadata.resourceVersion) };
  }
  if (command.type !== 'ReleaseLoadBalancer') return command;
  const key = memberKey(command.cluster, command.service);
  const claims = state.lb.addressesOf(key).map((address) => ({ address, revision: state.lb.membersOf(address).find((one) => memberKey(one.cluster, one.service) === key)?.revision ?? 0 }));
  return { ...command, claims };
};

/** One holder: a Service, or Services of one group, cluster and namespace whose ports do not meet. */
const checkHolders = (state: ClusterState): void => {
  for (const address of state.lb.addresses()) {
    const members = state.lb.membersOf(address);
    const [first] = members;
    const ports = members.flatMap((member) => member.ports);
    expect(new Set(ports).size, `${address}: no port twice`).toBe(ports.length);
    if (members.length > 1) expect(first?.sharingGroup, address).not.toBeNull();
    for (const { sharingGroup, cluster, service, backend } of members)
      expect([sharingGroup, cluster, service.namespace, backend], address).toEqual([first?.sharingGroup, first?.cluster, first?.service.namespace, first?.backend]);
    const parsed = parseAddress(address);
    expect(parsed && state.taken[parsed.family].has(parsed.value), `${address} is claimed`).toBe(true);
  }
  const held = new Set(state.lb.addresses());
  for (const { family, range } of state.lbRanges)
    expect(state.taken[family].countWithin(range.first, range.last)).toBe([...held].filter((text) => {
      const address = parseAddress(text);
      return address?.family === family && address.value >= range.first && address.value <= range.last;
    }).length);
};

const ingressOf = ({ status }: ServiceObject): string[] => (status.loadBalancer.ingress ?? []).map(({ ip }) => ip ?? '');
const familiesOf = (addresses: readonly string[]): (string | undefined)[] => addresses.map((text) => parseAddress(text)?.family);

/** A Service shows what it holds, in order; it gets all or nothing where it says so; and it waits while it lacks anything. */
const checkServices = ({ scenario: { documents, state }, tables, before }: Step): void => {
  for (const [key, text] of documents) {
    const service = parseDocument(text);
    const condition = lbConditionOf(service);
    const holds = [...state.lb.addressesOf(key), ...state.attachments.of(key).map(({ address }) => address)];
    const row = tables.waiting.get(key);
    expect(row === undefined, `${key} waits`).toBe(waitOf(service) === undefined);
    if (row !== undefined) expect([row.revision, row.uid]).toEqual([Number(service.metadata.resourceVersion), service.metadata.uid]);
    if (condition === undefined) {
      expect(holds, key).toEqual([]);
      continue;
    }
    const shown = ingressOf(service);
    expect([...shown].sort(), key).toEqual([...holds].sort());
    const families = service.spec.ipFamilies ?? [];
    expect(familiesOf(shown), `${key}: in the order of its families`).toEqual(families.filter((family) => familiesOf(shown).includes(family as 'IPv4')));
    const isShort = service.spec.ipFamilyPolicy === 'RequireDualStack' && shown.length === 1 && service.metadata.deletionTimestamp === undefined;
    const had = ingressOf(parseDocument(before.get(key) ?? '{"status":{"loadBalancer":{}}}'));
    if (isShort) expect([condition.reason, ...had], `${key}: both or none, but for what it has`).toEqual(expect.arrayContaining(['RequirementUnmet', ...shown]));
    else expect(condition.reason, key).not.toBe('RequirementUnmet');
    if (service.metadata.deletionTimestamp === undefined) expect(condition.reason === 'Assigned', key).toBe(shown.length === families.length);
    expect(condition.status, key).toBe(shown.length > 0 && !isShort ? 'True' : 'False');
    expect(state.lb.addressesOf(key).length === 0 || state.attachments.of(key).length === 0, `${key}: never from two logs`).toBe(true);
  }
  for (const key of tables.waiting.keys()) expect(documents.has(key), `${key} waits and is there`).toBe(true);
};

const lost = (events: readonly Event[]) => events.flatMap((event) => (event.type === 'lb-member.left' || event.type === 'lb-address.detached' ? [event.data] : []));

/** Only the Service of the command, and only for what the command did. */
const checkReleases = ({ command, events, before, scenario: { documents } }: Step): void => {
  for (const { service, reason, family, address } of lost(events)) {
    const key = serviceKey(service.namespace, service.name);
    expect('namespace' in command && 'name' in command && serviceKey(command.namespace, command.name), `${address} of ${key}`).toBe(key);
    const [was, now] = [before.get(key), documents.get(key)].map((text) => (text === undefined ? undefined : parseDocument(text)));
    if (reason === 'deleted') expect(now).toBeUndefined();
    else if (reason === 'type-changed') expect(now?.spec.type).not.toBe('LoadBalancer');
    else if (reason === 'downgraded') expect(now?.spec.ipFamilies).not.toContain(family);
    else if (reason === 'sharing-changed') expect(sharing(now)).not.toEqual(sharing(was));
    // It asks for another one, by name or number.
    else if (reason === 'not-wanted') expect(asked(now)).not.toEqual(asked(was));
    else throw new Error(`a reason that no command of a cluster has: ${reason}`);
  }
};
const note = (service: ServiceObject | undefined, name: string): string | undefined => service?.metadata.annotations?.[`ipledger.io/${name}`];
/** With its families: two addresses are heeded only once the Service has both. */
const asked = (service: ServiceObject | undefined) => [note(service, 'load-balancer-ips'), note(service, 'load-balancer-pool'), service?.spec.ipFamilies];
const sharing = (service: ServiceObject | undefined) => [note(service, 'sharing-key'), service?.spec.ports, service?.spec.externalTrafficPolicy];

describe('laws of LB pools', () => {
  it('no two holders; a Service shows what it holds; both or none; releases have their cause', () => {
    let [assigned, partly, unmet, sharers, waits] = [0, 0, 0, 0, 0];
    fc.assert(fc.property(lbHistory, (commands) => {
      each(commands, (step) => {
        checkHolders(step.scenario.state);
        checkServices(step);
        checkReleases(step);
        if ([...step.scenario.documents.values()].some((text) => text.includes('"Assigned"'))) assigned++;
        if ([...step.scenario.documents.values()].some((text) => text.includes('"PartlyAssigned"'))) partly++;
        if ([...step.scenario.documents.values()].some((text) => text.includes('"RequirementUnmet"'))) unmet++;
        if (step.scenario.state.lb.addresses().some((address) => step.scenario.state.lb.membersOf(address).length > 1)) sharers++;
        if (step.tables.waiting.size > 0) waits++;
      });
    }), runs);
    for (const seen of [assigned, partly, sharers, waits]) expect(seen).toBeGreaterThan(50); // else the law says nothing
    expect(unmet).toBeGreaterThan(5);
  });

  it('the tables and a fold of the log are what the state holds, in a cluster and in a shared pool', () => {
    fc.assert(fc.property(fc.oneof(lbHistory, sharedHistory), (commands) => {
      const scenario = each(commands, ({ scenario: { state }, tables }) => {
        const attached = state.attachments.all().map(({ lbPool, address, service }) => `${lbPool} ${address} ${serviceKey(service.namespace, service.name)}`).sort();
        expect(tables.loaded()).toEqual({ members: membersOf(state), attached });
      });
      const folded = new ClusterState();
      scenario.log.forEach((event, i) => evolve(folded, event, i + 1));
      folded.advanceTo(scenario.now);
      expect(contentsOf(folded)).toEqual(contentsOf(scenario.state));
    }), runs);
  });

  it('a shared pool: no two holders; the same uid is answered the same; all or nothing', () => {
    fc.assert(fc.property(sharedHistory, (commands) => {
      each(commands, ({ scenario, command, events }) => {
        checkHolders(scenario.state);
        if (command.type !== 'ClaimLoadBalancer' || events.length === 0) return;
        const holds = scenario.state.lb.addressesOf(memberKey(command.cluster, command.request.service));
        const again = scenario.decide({ ...command, wait: 100, seed: [9, 9, 9, 9] });
        if (again.outcome === 'rejected') throw new Error('refused');
        const kept = (JSON.parse(again.answer ?? '') as { addresses: string[] }).addresses;
        if (command.request.needsAll) expect(kept).toHaveLength(command.request.families.length);
        expect(holds).toEqual(expect.arrayContaining(kept));
        expect(again.events.map(({ type }) => type)).toEqual(kept.map(() => 'lb-member.joined'));
      });
    }), runs);
  });

  it('an update that does not concern it takes nothing from a Service and gives it nothing else', () => {
    fc.assert(fc.property(lbHistory, (commands) => {
      const scenario = each(commands, () => {});
      for (const [key, text] of scenario.documents) {
        const before = parseDocument(text);
        const decision = scenario.decide(patch(key.slice('shop/'.length), { metadata: { annotations: { unrelated: 'x' } }, spec: { publishNotReadyAddresses: true } }));
        if (decision.outcome === 'rejected') continue;
        expect(lost(decision.events)).toEqual([]);
        if (lbConditionOf(before) === undefined) continue; // its first address may replace what another controller wrote
        const after = parseDocument(decision.document ?? '');
        expect(ingressOf(after)).toEqual(expect.arrayContaining(ingressOf(before)));
        if (lbConditionOf(before)?.reason === 'Assigned') expect(after.status).toEqual(before.status);
      }
    }), runs);
  });

  it('once a cluster serves those without a class, nobody is left who could have an address', () => {
    let [served, left] = [0, 0];
    fc.assert(fc.property(lbHistory, (commands) => {
      const seen = { tables: new Tables() };
      const scenario = each([...commands, { ...declareDefault(true), time: new Date(orderTime.getTime() + 3_600_000) }], ({ tables }) => { seen.tables = tables; });
      for (const [key, { reason }] of seen.tables.waiting) {
        const decision = scenario.decide(assign(key.slice('shop/'.length)));
        if (decision.outcome === 'rejected') throw new Error('refused');
        scenario.happened(...decision.events);
        if (reason !== notServedReason) continue;
        const [before, after] = [scenario.documents.get(key), decision.document].map((text) => parseDocument(text ?? ''));
        if (decision.events.length > 0) served++;
        else {
          left++;
          expect(ingressOf(after!), key).not.toEqual([]); // what another controller has written: no pool has anything in its place
          expect(after?.status).toEqual(before?.status);
        }
      }
      checkHolders(scenario.state);
    }), runs);
    expect(served).toBeGreaterThan(50);
    expect(left).toBeGreaterThan(0);
  });

  it('what happened to members and attachments can be taken back', () => {
    fc.assert(fc.property(fc.oneof(lbHistory, sharedHistory), (commands) => {
      const scenario = each(commands, () => {});
      const known = new ClusterState();
      scenario.log.forEach((event, i) => {
        const lb = { members: structuredClone(membersOf(known)), attached: structuredClone(known.attachments.all()) };
        evolve(known, event, i + 1);
        if (!event.type.startsWith('lb-member.') && !event.type.startsWith('lb-address.')) return;
        expect(revert(known, event, i + 1)).toBe(true);
        expect({ members: membersOf(known), attached: known.attachments.all().length }).toEqual({ members: lb.members, attached: lb.attached.length });
        evolve(known, event, i + 1);
      });
    }), runs);
  });
});
