import type { ClusterHead, EventStore } from '@ipledger/event-store';
import { formatAddress, type Family } from '@ipledger/ip';
import { poolFigures, type ClusterUsage, type PoolUsage } from '@ipledger/observability';
import { compileDefinition, sharedPoolOf, type BandUse, type ClusterDefinition, type Command, type LbPool, type Pool } from '@ipledger/services';
import { Hope } from '../load-balancer/shared-pools.js';
import { WriterUnavailable, type Order, type Outcome, type UnitOutcome } from './order.js';
import { Writer, type WriterObserver, type WriterSettings } from './writer.js';

export interface WritersSettings extends WriterSettings {
  /** A cluster without orders for so long leaves memory. */
  clusterIdleSeconds: number;
}

/** A cluster as readers need it: known by name, and registered now. */
export interface KnownCluster {
  id: number;
  definition: ClusterDefinition;
  primary: Family;
  revision: number;
}

/** A registered cluster and what this process does for it. */
export interface ServedCluster {
  head: ClusterHead;
  queued: number;
  /** This process has taken orders for it. */
  isServed: boolean;
}

/** Clusters that one scrape shows. */
const shownMax = 10_000;

/** How old the definition of a cluster may be for a read. Other replicas change it rarely, and reads are many. */
const definitionAgeMaxMs = 1_000;
/** Names of clusters kept in memory; past that the oldest is forgotten, so that unknown names cannot fill it. */
const namesMax = 100_000;

/** One writer per cluster, made when its first order comes and dropped when it has been idle. */
export class Writers {
  private readonly writers = new Map<number, Writer>();
  private readonly names = new Map<string, { head: ClusterHead; readMs: number }>();
  private readonly sweeps: readonly NodeJS.Timeout[];
  private readonly hope: Hope;
  /** Resolves when the orders that came before have been handed to their writers; undefined when none waits. */
  private lastTurn: Promise<unknown> | undefined;
  private stopping = false;
  /** Told of every order that was answered, for those who wait for changes of a cluster. */
  onCommit: (clusterId: number) => void = () => {};

  constructor(private readonly store: EventStore, private readonly settings: WritersSettings, private readonly observer: WriterObserver) {
    this.hope = new Hope(store);
    this.sweeps = [setInterval(() => this.unloadIdle(), Math.min(settings.clusterIdleSeconds * 1000, 60_000)), setInterval(() => this.refuseLate(), 1_000)];
    for (const sweep of this.sweeps) sweep.unref();
  }

  /** @throws WriterUnavailable while stopping */
  async submit(clusterId: number, name: string, order: Order): Promise<Outcome> {
    const ready = this.inTurn(this.withHope(name, order));
    const outcome = await this.writerOf(clusterId, name).submit(ready instanceof Promise ? await ready : ready);
    this.onCommit(clusterId);
    if (/Cluster|Cidr|Pool/.test(order.command.type)) this.names.delete(name);
    if (/LbPool/.test(order.command.type)) this.hope.forget();
    return outcome;
  }

  /** Orders for Services that are accepted together or not at all. @throws WriterUnavailable while stopping */
  async submitUnit(clusterId: number, name: string, orders: readonly Order[]): Promise<readonly UnitOutcome[]> {
    const ready = await this.inTurn(Promise.all(orders.map(async (order) => this.withHope(name, order))));
    const outcomes = await this.writerOf(clusterId, name).submitUnit(ready);
    this.onCommit(clusterId);
    return outcomes;
  }

  /** A command that can make a Service wait for load balancer addresses says which shared pools may have some. */
  private withHope(cluster: string, order: Order): Order | Promise<Order> {
    const { command } = order;
    if (!mayWait(command) || command.sharedPools !== undefined) return order;
    const told = (sharedPools: LbPool[]): Order => (sharedPools.length > 0 ? { ...order, command: { ...command, sharedPools } } : order);
    const pools = this.hope.of(cluster);
    return Array.isArray(pools) ? told(pools) : pools.then(told);
  }

  /** While an order waits for what it has to say, those after it wait too: the items of a batch count on earlier ones. */
  private inTurn<T>(ready: T | Promise<T>): T | Promise<T> {
    if (this.lastTurn === undefined && !(ready instanceof Promise)) return ready;
    const turn = (this.lastTurn ?? Promise.resolve()).then(() => ready);
    this.lastTurn = turn;
    const over = (): void => { if (this.lastTurn === turn) this.lastTurn = undefined; };
    turn.then(over, over);
    return turn;
  }

  private writerOf(clusterId: number, name: string): Writer {
    if (this.stopping) throw new WriterUnavailable('this process is stopping; send the order again');
    let writer = this.writers.get(clusterId);
    if (writer === undefined) {
      writer = new Writer(clusterId, name, this.store, this.settings, this.observer);
      this.writers.set(clusterId, writer);
    }
    return writer;
  }

  /** The cluster of that name; undefined when there is none or it was removed. Its definition may be a second old. */
  async find(name: string): Promise<KnownCluster | undefined> {
    return sharedPoolOf(name) === undefined ? this.findLog(name) : undefined;
  }

  /** The same, read now. */
  async findNow(name: string): Promise<KnownCluster | undefined> {
    this.names.delete(name);
    return this.find(name);
  }

  /** Like `find`, of the log of a shared LB pool too (ADR 0004). */
  async findLog(name: string): Promise<KnownCluster | undefined> {
    const known = this.names.get(name);
    const fresh = known !== undefined && Date.now() - known.readMs < definitionAgeMaxMs;
    const head = fresh ? known.head : await this.readHead(name, known?.head.id);
    if (head?.definition == null) return undefined;
    return { id: head.id, ...parseDefinition(head.definition), revision: head.revision };
  }

  /** Every registered cluster and shared LB pool, for gauges. */
  async clusters(): Promise<ServedCluster[]> {
    const heads = (await this.store.clusters()).filter(({ definition }) => definition !== null);
    return heads.slice(0, shownMax).map((head) => {
      const writer = this.writers.get(head.id);
      return { head, queued: writer?.queueLength ?? 0, isServed: writer !== undefined };
    });
  }

  /** How many addresses of a family dynamic requests can still get: what is free in its open pools. */
  async free(name: string, family: Family): Promise<bigint> {
    const pools = (await this.usageOfCluster(name))?.pools ?? [];
    return pools.filter((pool) => pool.family === family).map((pool) => poolFigures(pool).available)
      .reduce((sum, available) => sum + available.static + available.dynamic, 0n);
  }

  /** The same of one cluster; undefined when it is not registered. */
  async usageOfCluster(name: string): Promise<ClusterUsage | undefined> {
    const head = sharedPoolOf(name) === undefined ? await this.store.clusterByName(name) : undefined;
    return head?.definition == null ? undefined : this.usageOf(head);
  }

  /**
   * The use of a cluster's pools. Of a cluster that is in memory here and at the revision of the log, the counts in memory are
   * taken; another one is counted in the database.
   */
  async usageOf(head: ClusterHead): Promise<ClusterUsage> {
    const { pools, families: [primary] } = compileDefinition(JSON.parse(head.definition ?? '') as ClusterDefinition);
    return { cluster: head.name, revision: head.revision, pools: await this.usageOfRanges(head, pools, primary), nodePorts: null, services: null };
  }

  /** The use of some pools of a log: Service CIDRs, or ranges of LB pools. */
  async usageOfRanges(head: ClusterHead, pools: readonly Pool[], primary?: Family): Promise<PoolUsage[]> {
    const writer = this.writers.get(head.id);
    const state = writer?.state?.revision === head.revision ? writer.state : undefined;
    state?.advanceTo(new Date());
    const now = new Date();
    const reserves = state === undefined && (await this.store.listReservations(head.id, undefined, 1)).length > 0;
    return Promise.all(pools.map(async (pool): Promise<PoolUsage> => {
      const use = state?.useOf(pool) ?? (await this.countUse(head.id, pool));
      const heldBack = async (band: Pool['staticBand']) =>
        state?.heldBackIn(pool, band) ?? (band.count > 0n && (reserves || pool.coolDownSeconds > 0) ? await this.countHeldBack(head.id, pool, band, now) : {});
      return {
        pool: pool.name, family: pool.family, isPrimary: pool.family === primary, isDraining: pool.state === 'draining',
        static: { capacity: pool.staticBand.count, allocated: use.static, ...(await heldBack(pool.staticBand)) },
        dynamic: { capacity: pool.dynamicBand.count, allocated: use.dynamic, ...(await heldBack(pool.dynamicBand)) },
      };
    }));
  }

  private async countUse(clusterId: number, { family, staticBand, dynamicBand }: Pool): Promise<BandUse> {
    const count = ({ first, last, count: size }: Pool['staticBand']): Promise<number> | number =>
      size === 0n ? 0 : this.store.countClaims(clusterId, formatAddress({ family, value: first }), formatAddress({ family, value: last }));
    const [statics, dynamics] = await Promise.all([count(staticBand), count(dynamicBand)]);
    return { static: statics, dynamic: dynamics };
  }

  private async countHeldBack(clusterId: number, { family, coolDownSeconds }: Pool, { first, last }: Pool['staticBand'], at: Date): Promise<{ reserved: bigint; coolingDown: bigint }> {
    const counted = await this.store.countHeldBack(clusterId, formatAddress({ family, value: first }), formatAddress({ family, value: last }), at);
    return coolDownSeconds > 0 ? counted : { ...counted, coolingDown: 0n };
  }

  /** Takes no more orders and waits for those that were taken. */
  async stop(): Promise<void> {
    this.stopping = true;
    for (const sweep of this.sweeps) clearInterval(sweep);
    await Promise.all([...this.writers.values()].map((writer) => writer.drained()));
  }

  private async readHead(name: string, id: number | undefined): Promise<ClusterHead | undefined> {
    const head = id === undefined ? await this.store.clusterByName(name) : await this.store.head(id);
    this.names.delete(name);
    if (head === undefined) return undefined;
    this.names.set(name, { head, readMs: Date.now() });
    if (this.names.size > namesMax) this.names.delete(this.names.keys().next().value ?? '');
    return head;
  }

  private refuseLate(): void {
    for (const writer of this.writers.values()) writer.refuseLate();
  }

  private unloadIdle(): void {
    const idleSinceMs = Date.now() - this.settings.clusterIdleSeconds * 1000;
    for (const [id, writer] of this.writers) if (writer.isIdle && writer.lastUsedMs < idleSinceMs) this.writers.delete(id);
  }
}

/** Of a patch only the Service that comes of it would tell. */
const mayWait = (command: Command): command is Extract<Command, { type: 'CreateService' | 'UpdateService' | 'TopUpService' | 'AssignLoadBalancer' }> => {
  if (command.type === 'CreateService') return command.service.spec.type === 'LoadBalancer';
  if (command.type === 'UpdateService') return command.change.kind !== 'replace' || command.change.service.spec.type === 'LoadBalancer';
  return command.type === 'TopUpService' || command.type === 'AssignLoadBalancer';
};

/** Definitions change rarely and are parsed for every request that names a cluster: the last texts are kept. */
const parsed = new Map<string, { definition: ClusterDefinition; primary: Family }>();
const parsedMax = 1_000;
const parseDefinition = (text: string): { definition: ClusterDefinition; primary: Family } => {
  const known = parsed.get(text);
  if (known !== undefined) return known;
  if (parsed.size >= parsedMax) parsed.clear();
  const definition = JSON.parse(text) as ClusterDefinition;
  const made = { definition, primary: compileDefinition(definition).families[0] };
  parsed.set(text, made);
  return made;
};
