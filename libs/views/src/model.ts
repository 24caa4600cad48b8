import { parseAddress, type Address, type Family } from '@ipledger/ip';
import type { RecordedCommand } from '@ipledger/messaging';
import { bandOf, ClusterState, evolve, isDefining, lackOf, memberKey, type Event, type Pool } from '@ipledger/services';
import { historySteps } from './usage-history.view.js';

/** One address or port, from its allocation to its release; also what a Service has of LB pools. `of` is what is said of it besides, as JSON. */
export interface ModelHolding {
  key: string;
  namespace: string;
  name: string;
  uid: string;
  of: string;
  from: { revision: number; time: string };
  until: { revision: number; time: string; reason: string } | null;
}
export interface ModelUsage {
  capacity: string;
  allocated: number;
  firstAllocationAt: string | null;
  lastAllocationAt: string | null;
  highWater: number;
  highWaterAt: string | null;
}
export interface ModelPool {
  pool: string;
  family: Family;
  lbPool: string | null;
  total: ModelUsage;
  static: ModelUsage;
  dynamic: ModelUsage;
}

/**
 * What the views of one cluster must say, folded from its log in memory and by other means than the projection: counts come
 * from the domain's own state, nothing is netted, nothing is cut into batches. For comparing, not for serving: it keeps all
 * that ever happened. Pure; drop it at any time.
 */
export class ClusterModel {
  readonly state = new ClusterState();
  /** Every holding of an address, in order of allocation. */
  readonly addresses: ModelHolding[] = [];
  readonly nodePorts: ModelHolding[] = [];
  /** Which Services have which addresses of the LB pools of the log, and what they have of shared ones. */
  readonly lbMembers: ModelHolding[] = [];
  readonly lbAttached: ModelHolding[] = [];
  /** `namespace/name` -> what a Service lacks, and since when. */
  readonly lbWaits = new Map<string, { uid: string; families: string; reason: string; since: string; revision: number }>();
  /** `namespace/name` -> the revision of each version and where it ended, null = it stands. */
  readonly versions = new Map<string, { revision: number; until: number | null }[]>();
  readonly pools = new Map<string, ModelPool>();
  /** `step bucket pool family` -> the last sample of the bucket, and the greatest. */
  readonly history = new Map<string, { allocated: number; static: number; dynamic: number; capacity: string; max: number; revision: number }>();
  private readonly open = new Map<string, ModelHolding>();
  private newestMs = -Infinity;

  take({ events, firstRevision, revision, time }: RecordedCommand): void {
    this.newestMs = Math.max(this.newestMs, Date.parse(time));
    const before = new Map(this.pools);
    for (const [index, event] of events.entries()) {
      evolve(this.state, event, firstRevision + index);
      this.follow(event, { revision: firstRevision + index, time });
    }
    const redefined = events.some(({ type }) => isDefining(type));
    this.countPools(redefined, events, time);
    const touched = redefined ? new Set([...before.keys(), ...this.pools.keys()]) : new Set(events.flatMap((event) => (event.type === 'ip.allocated' || event.type === 'ip.released' ? [this.usageKey(event.data.address)] : [])));
    for (const key of touched) this.sample(key, { revision, time });
  }

  /** The samples that are kept at this end of the log. */
  keptHistory(): Map<string, { allocated: number; static: number; dynamic: number; capacity: string; max: number; revision: number }> {
    const hourMs = 3_600_000;
    return new Map([...this.history].filter(([key]) => {
      const [seconds, bucket] = key.split(' ');
      const { keptDays } = historySteps.find((step) => String(step.seconds) === seconds) ?? historySteps[2];
      return Date.parse(bucket ?? '') >= Math.floor(this.newestMs / hourMs) * hourMs - keptDays * 24 * hourMs;
    }));
  }

  private follow(event: Event, from: { revision: number; time: string }): void {
    switch (event.type) {
      case 'ip.allocated':
      case 'port.allocated': {
        const [list, key] = event.type === 'ip.allocated' ? [this.addresses, event.data.address] : [this.nodePorts, String(event.data.port)];
        const { kind = 'cluster-ip', lbPool = null, cluster = null, sharingGroup = null } = event.type === 'ip.allocated' ? event.data : {};
        const holding: ModelHolding = { key, ...event.data.service, of: list === this.nodePorts ? '' : JSON.stringify([kind, lbPool, cluster, sharingGroup]), from, until: null };
        list.push(holding);
        this.open.set(key, holding);
        return;
      }
      case 'lb-member.joined':
      case 'lb-member.left':
      case 'lb-address.attached':
      case 'lb-address.detached':
        return this.followLb(event, from);
      case 'ip.released':
      case 'port.released': {
        const key = event.type === 'ip.released' ? event.data.address : String(event.data.port);
        const holding = this.open.get(key);
        if (holding !== undefined) holding.until = { ...from, reason: event.data.reason };
        this.open.delete(key);
        return;
      }
      case 'service.created':
      case 'service.updated':
      case 'service.deleted': {
        const key = `${event.data.service.namespace}/${event.data.service.name}`;
        const versions = this.versions.get(key) ?? [];
        const last = versions.at(-1);
        if (event.type !== 'service.created' && last !== undefined) last.until = from.revision;
        if (event.type !== 'service.deleted') versions.push({ revision: from.revision, until: null });
        this.versions.set(key, versions);
        const lack = event.type === 'service.deleted' || event.data.object.spec.type !== 'LoadBalancer' ? undefined : lackOf(event.data.object);
        if (lack === undefined) this.lbWaits.delete(key);
        else this.lbWaits.set(key, { uid: event.data.service.uid, families: lack.families.join(), reason: lack.reason, since: this.lbWaits.get(key)?.since ?? from.time, revision: from.revision });
      }
    }
  }

  private followLb({ type, data }: Extract<Event, { type: `lb-member.${string}` | `lb-address.${string}` }>, from: { revision: number; time: string }): void {
    if (type === 'lb-member.joined' && data.renews !== undefined) return;
    const isMember = type.startsWith('lb-member.');
    const key = `${data.lbPool} ${data.address} ${memberKey(isMember ? (data as { cluster?: string }).cluster : undefined, data.service)}`;
    const list = isMember ? this.lbMembers : this.lbAttached;
    if (type === 'lb-member.joined' || type === 'lb-address.attached')
      list.push({ key, ...data.service, of: type === 'lb-member.joined' ? JSON.stringify([data.family, data.sharingGroup]) : data.family, from, until: null });
    else {
      const holding = list.findLast((one) => one.key === key && one.until === null);
      if (holding !== undefined) holding.until = { ...from, reason: data.reason };
    }
  }

  private countPools(redefined: boolean, events: readonly Event[], time: string): void {
    const pools = [...this.state.pools, ...this.state.lbRanges];
    const held = [...this.open.values()].filter(({ key }) => parseAddress(key) !== undefined);
    for (const [key, { pool }] of this.pools) if (pool !== '' && !pools.some(({ name }) => name === pool)) this.pools.delete(key);
    for (const pool of pools) {
      const use = this.state.useOf(pool);
      const made = this.pools.get(keyOf(pool)) ?? { pool: pool.name, family: pool.family, lbPool: pool.lbPool, total: none(), static: none(), dynamic: none() };
      this.pools.set(keyOf(pool), made);
      count(made.total, pool.usable.count, use.static + use.dynamic, time);
      count(made.static, pool.staticBand.count, use.static, time);
      count(made.dynamic, pool.dynamicBand.count, use.dynamic, time);
    }
    for (const family of ['IPv4', 'IPv6'] as const) {
      const outside = held.filter(({ key }) => this.usageKey(key) === ` ${family}`).length;
      const made = this.pools.get(` ${family}`) ?? { pool: '', family, lbPool: null, total: none(), static: none(), dynamic: none() };
      count(made.total, 0n, outside, time);
      if (outside === 0) this.pools.delete(` ${family}`);
      else this.pools.set(` ${family}`, made);
    }
    // Where everything is counted anew, what is held says when a pool was used; else the events of the command do.
    const used = redefined ? held.map(({ key, from }) => [key, from.time] as const) : events.flatMap((event) => (event.type === 'ip.allocated' ? [[event.data.address, time] as const] : []));
    for (const [address, at] of used) this.noteUse(address, at);
  }

  private noteUse(text: string, at: string): void {
    const found = this.pools.get(this.usageKey(text));
    const address = parseAddress(text) as Address;
    const pool = this.state.poolOf(address);
    const band = pool && bandOf(pool, address.value);
    for (const usage of found === undefined ? [] : band == null ? [found.total] : [found.total, found[band]]) {
      if (usage.firstAllocationAt === null || at < usage.firstAllocationAt) usage.firstAllocationAt = at;
      if (usage.lastAllocationAt === null || at > usage.lastAllocationAt) usage.lastAllocationAt = at;
    }
  }

  private sample(key: string, { revision, time }: { revision: number; time: string }): void {
    const { total, static: statics, dynamic } = this.pools.get(key) ?? { total: none(), static: none(), dynamic: none() };
    for (const { seconds } of historySteps) {
      const bucket = `${seconds} ${new Date(Math.floor(Date.parse(time) / 1000 / seconds) * seconds * 1000).toISOString()} ${key}`;
      const max = Math.max(total.allocated, this.history.get(bucket)?.max ?? 0);
      this.history.set(bucket, { allocated: total.allocated, static: statics.allocated, dynamic: dynamic.allocated, capacity: total.capacity, max, revision });
    }
  }

  /** Key of the pool in which an address counts: '' where it is usable in none. */
  private usageKey(text: string): string {
    const address = parseAddress(text);
    if (address === undefined) throw new Error(`${text} is no address`);
    const pool = this.state.poolOf(address);
    return pool === undefined || bandOf(pool, address.value) === null ? ` ${address.family}` : keyOf(pool);
  }
}

const keyOf = ({ name, family }: Pool): string => `${name} ${family}`;
const none = (): ModelUsage => ({ capacity: '0', allocated: 0, firstAllocationAt: null, lastAllocationAt: null, highWater: 0, highWaterAt: null });

const count = (usage: ModelUsage, capacity: bigint, allocated: number, time: string): void => {
  usage.capacity = String(capacity);
  usage.allocated = allocated;
  if (allocated <= usage.highWater) return;
  usage.highWater = allocated;
  usage.highWaterAt = time;
};
