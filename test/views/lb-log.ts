import fc from 'fast-check';
import type { RecordedCommand } from '@ipledger/messaging';
import { parseAddress } from '@ipledger/ip';
import { bandOf, evolve, ClusterState, sharingGroupRef, type Event, type LbPool, type ServiceObject, type ServiceRef } from '@ipledger/services';
import { longHistory, recordedOf } from './recorded.js';

/** Few addresses and few Services, so that they meet. */
const ranges: Readonly<Record<string, { addresses: readonly string[]; of: Readonly<Record<string, readonly string[]>> }>> = {
  edge: { addresses: ['203.0.113.0/30', '2001:db8::10-2001:db8::1f'], of: { '203.0.113.0/30': ['203.0.113.0', '203.0.113.3'], '2001:db8::10-2001:db8::1f': ['2001:db8::10', '2001:db8::1f'] } },
  spare: { addresses: ['198.51.100.7-198.51.100.9'], of: { '198.51.100.7-198.51.100.9': ['198.51.100.7', '198.51.100.8', '198.51.100.9'] } },
};
const names = ['lb-a', 'lb-b', 'lb-c'] as const;
const reasons = ['NoPool', 'PoolsExhausted', 'Assigned', 'AwaitingSharedPool'] as const;

interface Held {
  pool: string;
  range: string;
  group: string | null;
  members: Map<string, { service: ServiceRef; revision: number }>;
}

/** Facts about LB pools as a log may have them, one command at a time; which one, a number says. */
class LbEvents {
  private readonly pools = new Set<string>();
  private readonly held = new Map<string, Held>();
  private readonly attached = new Map<string, ServiceRef>();
  private readonly services = new Map<string, ServiceRef>();
  /** Knows the bands. */
  private readonly state = new ClusterState();

  /** @param cluster of the Services, in the log of a shared pool */
  constructor(private readonly cluster?: string) {
    if (cluster === undefined) evolve(this.state, { type: 'cluster.registered', data: { name: 'blue', serviceCIDRs: ['10.0.0.0/27'], nodePortRange: '30000-32767', createdAt: '2026-01-01T00:00:00.000Z' } }, 1);
  }

  /** @returns the events of the next command; none where the number means nothing now */
  step(choice: number, revision: number, timeMs: number): Event[] {
    const rest = Math.floor(choice / 8);
    switch (choice % 8) {
      case 0: return this.configure(this.cluster === undefined && rest % 3 === 0 ? 'spare' : 'edge', rest);
      case 1:
      case 2: return this.allocate(rest, revision);
      case 3: return this.join(rest, revision);
      case 4: return this.leave(rest, revision, timeMs);
      case 5: return this.renew(rest, revision);
      case 6: return this.cluster === undefined ? this.attach(rest) : [];
      default: return this.cluster === undefined ? this.serve(rest) : [];
    }
  }

  /** What has to go before the log of a cluster may end. */
  end(revision: number, timeMs: number): Event[] {
    const events: Event[] = [];
    for (const address of this.held.keys()) while (this.held.has(address)) events.push(...this.leaveOne(address, 0, revision + events.length, timeMs, false));
    for (const key of this.attached.keys()) events.push(...this.detach(key));
    for (const name of this.services.keys()) events.push(...this.deleteService(name));
    for (const pool of this.pools) events.push({ type: 'lb-pool.removed', data: { pool } });
    this.pools.clear();
    return events;
  }

  private configure(name: string, rest: number): Event[] {
    const isHeld = [...this.held.values()].some(({ pool }) => pool === name);
    if (this.pools.has(name) && !isHeld && rest % 2 === 0) {
      this.pools.delete(name);
      return [{ type: 'lb-pool.removed', data: { pool: name } }];
    }
    this.pools.add(name);
    const pool: LbPool = {
      name, addresses: ranges[name]!.addresses, draining: rest % 5 === 0 ? [{ range: ranges[name]!.addresses[0]!, since: '2026-01-01T00:00:00.000Z', held: 0 }] : [], autoAssign: true, priority: rest % 7,
      namespaces: [], selector: null, staticBandAddresses: rest % 3, coolDownSeconds: 3_600 * (rest % 2), createdAt: '2026-01-01T00:00:00.000Z', ...(this.cluster !== undefined && { clusters: 'all' as const }),
    };
    evolve(this.state, { type: 'lb-pool.configured', data: { pool } }, 1);
    return [{ type: 'lb-pool.configured', data: { pool } }];
  }

  private allocate(rest: number, revision: number): Event[] {
    const free = [...this.pools].flatMap((pool) => Object.entries(ranges[pool]!.of).flatMap(([range, addresses]) => addresses.map((address) => ({ pool, range, address })))).filter(({ address }) => !this.held.has(address));
    const chosen = free[rest % free.length];
    if (chosen === undefined) return [];
    const { pool, range, address } = chosen;
    const group = rest % 3 === 0 ? 'k' : null;
    this.held.set(address, { pool, range, group, members: new Map() });
    return [{ type: 'ip.allocated', data: { ...this.facts(address), cidr: range, band: this.bandOf(address), scope: 'dynamic' } }, ...this.join(rest, revision + 1, address)].map((event, _, all) =>
      (event.type === 'ip.allocated' && all[1]?.type === 'lb-member.joined' ? { ...event, data: { ...event.data, service: group === null ? all[1].data.service : sharingGroupRef(this.cluster, 'shop', group) } } : event)) as Event[];
  }

  private join(rest: number, revision: number, to?: string): Event[] {
    const shared = [...this.held].filter(([address, { group }]) => (to === undefined ? group !== null : address === to));
    const [address, held] = shared[rest % shared.length] ?? [];
    const service = refOf(names[rest % names.length]!, rest);
    if (address === undefined || held === undefined || held.members.has(service.name)) return [];
    held.members.set(service.name, { service, revision });
    return [{ type: 'lb-member.joined', data: this.memberFacts(address, held, service) }];
  }

  private leave(rest: number, revision: number, timeMs: number): Event[] {
    const address = [...this.held.keys()][rest % this.held.size];
    return address === undefined ? [] : this.leaveOne(address, rest, revision, timeMs, rest % 2 === 0);
  }

  private leaveOne(address: string, rest: number, revision: number, timeMs: number, cools: boolean): Event[] {
    const held = this.held.get(address)!;
    const member = [...held.members.values()][rest % held.members.size]!;
    held.members.delete(member.service.name);
    const left: Event = { type: 'lb-member.left', data: { ...this.memberFacts(address, held, member.service), since: Math.min(member.revision, revision), reason: 'deleted' } };
    if (held.members.size > 0) return [left];
    const service = held.group === null ? member.service : sharingGroupRef(this.cluster, 'shop', held.group);
    const released: Event = { type: 'ip.released', data: { ...this.facts(address), cidr: held.range, band: this.bandOf(address), reason: 'deleted', service, ...(cools && { coolsUntil: new Date(timeMs + 3_600_000).toISOString() }) } };
    this.held.delete(address);
    return [released, left];
  }

  private renew(rest: number, revision: number): Event[] {
    const [address, held] = [...this.held][rest % this.held.size] ?? [];
    const member = held && [...held.members.values()][0];
    if (address === undefined || held === undefined || member === undefined) return [];
    const renews = member.revision;
    member.revision = revision;
    return [{ type: 'lb-member.joined', data: { ...this.memberFacts(address, held, member.service), renews } }];
  }

  private attach(rest: number): Event[] {
    const address = ['192.0.2.1', '2001:db8:1::1'][rest % 2]!;
    const service = refOf(names[rest % names.length]!, rest);
    const key = `${address} ${service.name}`;
    if (this.attached.has(key)) return this.detach(key);
    this.attached.set(key, service);
    return [{ type: 'lb-address.attached', data: { address, family: familyOf(address), lbPool: 'wide', service } }];
  }

  private detach(key: string): Event[] {
    const address = key.split(' ')[0]!;
    const service = this.attached.get(key)!;
    this.attached.delete(key);
    return [{ type: 'lb-address.detached', data: { address, family: familyOf(address), lbPool: 'wide', service, reason: 'type-changed' } }];
  }

  /** A Service that is made, changed or deleted; whether it waits, its condition says. */
  private serve(rest: number): Event[] {
    const name = names[rest % names.length]!;
    const known = this.services.get(name);
    if (known !== undefined && rest % 5 === 0) return this.deleteService(name);
    const service = known ?? refOf(name, rest);
    this.services.set(name, service);
    const object = objectOf(service, reasons[rest % reasons.length]!);
    return [known === undefined ? { type: 'service.created', data: { service, object } } : { type: 'service.updated', data: { service, object, previous } }];
  }

  private deleteService(name: string): Event[] {
    const service = this.services.get(name)!;
    this.services.delete(name);
    return [{ type: 'service.deleted', data: { service, object: objectOf(service, 'NoPool'), previous } }];
  }

  private bandOf(text: string): 'static' | 'dynamic' | null {
    const address = parseAddress(text)!;
    return bandOf(this.state.poolOf(address)!, address.value);
  }
  private facts(address: string) {
    const { pool, group } = this.held.get(address)!;
    return { address, family: familyOf(address), kind: 'load-balancer' as const, lbPool: pool, service: refOf('lb-a', 0), ...(this.cluster !== undefined && { cluster: this.cluster }), ...(group !== null && { sharingGroup: group }) };
  }
  private memberFacts(address: string, { pool, group }: Held, service: ServiceRef) {
    return { address, family: familyOf(address), lbPool: pool, sharingGroup: group, service, ports: ['TCP/80'], backend: '', ...(this.cluster !== undefined && { cluster: this.cluster, wait: 1 }) };
  }
}

const previous = { revision: 1, labels: {}, type: 'LoadBalancer', clusterIP: '10.0.0.1' };
const refOf = (name: string, rest: number): ServiceRef => ({ namespace: 'shop', name, uid: `uid-${name}-${rest % 2}` });
const familyOf = (address: string): 'IPv4' | 'IPv6' => (address.includes(':') ? 'IPv6' : 'IPv4');
const objectOf = ({ namespace, name, uid }: ServiceRef, reason: string): ServiceObject => ({
  metadata: { namespace, name, uid, creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: { type: 'LoadBalancer', ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'PreferDualStack', clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1'] },
  status: { loadBalancer: {}, conditions: [{ type: 'ipledger.io/LoadBalancerAddresses', status: 'False', reason, message: '', lastTransitionTime: '2026-01-01T00:00:00Z' }] },
} as unknown as ServiceObject);

/** A history of a cluster with facts about LB pools between its commands: they say nothing about each other but in what is counted. */
export const lbHistory: fc.Arbitrary<RecordedCommand[]> = fc.tuple(longHistory, fc.array(fc.nat(8 * 210), { minLength: 1, maxLength: 80 })).map(([log, choices]) => {
  const made: RecordedCommand[] = [];
  let lb = new LbEvents();
  let isThere = false;
  let at = 0;
  const put = (events: readonly Event[], time: string): void => {
    if (events.length > 0) made.push(recordedOf('blue', events, (made.at(-1)?.revision ?? 0) + 1, time));
  };
  for (const { events, time } of log) {
    const next = (): number => (made.at(-1)?.revision ?? 0) + 1;
    for (let i = 0; i < 3 && isThere; i++) put(lb.step(choices[at++ % choices.length]!, next(), Date.parse(time)), time);
    if (events.some(({ type }) => type === 'cluster.removed')) {
      put(lb.end(next(), Date.parse(time)), time);
      lb = new LbEvents();
    }
    put(events, time);
    isThere = events.reduce((there, { type }) => (type === 'cluster.registered' ? true : type === 'cluster.removed' ? false : there), isThere);
  }
  return made;
});

/** A history of a shared LB pool: a log without Service CIDRs, whose addresses Services of a cluster hold. */
export const sharedPoolHistory: fc.Arbitrary<RecordedCommand[]> = fc.array(fc.nat(8 * 210), { minLength: 1, maxLength: 80 }).map((choices) => {
  const made: RecordedCommand[] = [];
  const lb = new LbEvents('green');
  for (const [index, choice] of [0, ...choices].entries()) {
    const timeMs = Date.parse('2026-03-01T12:00:00.123Z') + index * 17_000;
    const revision = (made.at(-1)?.revision ?? 0) + 1;
    const events = lb.step(index === 0 ? 8 : choice, revision, timeMs);
    if (events.length > 0) made.push(recordedOf('lb-pool:edge', events, revision, new Date(timeMs).toISOString()));
  }
  return made;
});
