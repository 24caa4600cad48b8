import { isDefining, type ClusterDefinition, type Event } from '@ipledger/services';
import type { RecordedCommand } from '@ipledger/messaging';
import { AddressChanges } from './addresses.view.js';
import { ClusterChanges } from './clusters.view.js';
import { HeldBackChanges } from './held-back.view.js';
import { LbAddressChanges } from './lb-addresses.view.js';
import { LbWaitChanges } from './lb-waits.view.js';
import { NamespaceChanges } from './namespaces.view.js';
import { NodePortChanges } from './node-ports.view.js';
import { allPoolsOf, ClusterPools, type Held, type PoolUsage } from './pool-usage.view.js';
import { ServiceChanges } from './services.view.js';
import { HistoryChanges } from './usage-history.view.js';
import type { Collector, Moment, Part } from './view.js';

/** What the views know of a cluster before a run of commands: what cannot be read from the commands themselves. */
export interface Base {
  definition: ClusterDefinition | null;
  portsAllocated: number;
  pools: readonly PoolUsage[];
  /** The newest time of any event so far; null before the first. */
  newestTime: string | null;
}

/** A program of this age does not know what the event means: nothing after it may be applied either. */
export class UnknownEvent extends Error {
  constructor(readonly type: string, readonly revision: number) {
    super(`the event ${revision} has the type ${JSON.stringify(type)}, which this version of ipledger does not know; run a newer one`);
  }
}

const knownTypes: Readonly<Record<Event['type'], true>> = {
  'cluster.registered': true, 'cluster.cidrs-declared': true, 'cluster.cidr-added': true, 'cluster.cidr-draining': true, 'cluster.cidr-removed': true,
  'cluster.network-declared': true, 'cluster.pool-configured': true, 'cluster.load-balancing-declared': true, 'cluster.removed': true,
  'lb-pool.configured': true, 'lb-pool.removed': true, 'lb-member.joined': true, 'lb-member.left': true, 'lb-address.attached': true, 'lb-address.detached': true,
  'service.created': true, 'service.updated': true, 'service.deleted': true,
  'ip.allocated': true, 'ip.released': true, 'port.allocated': true, 'port.released': true, 'reservation.made': true, 'reservation.released': true,
};

/** The first event that this version does not know. */
export const unknownEventIn = ({ events, firstRevision }: RecordedCommand): UnknownEvent | undefined => {
  const index = events.findIndex(({ type }) => !Object.hasOwn(knownTypes, type));
  return index < 0 ? undefined : new UnknownEvent(events[index]?.type ?? '', firstRevision + index);
};

/** Whether the command changes which CIDRs there are, so that claims count elsewhere afterwards. */
export const redefines = ({ events }: RecordedCommand): boolean => events.some(({ type }) => isDefining(type));

/**
 * Folds whole commands of one cluster, in order, into what they change in the views. Pure: what it needs of the tables came
 * in as the base, and what it changes goes out as parts of a statement. A command that redefines the cluster comes alone,
 * since what is held must be counted between it and the next.
 */
export class Fold {
  private readonly collectors: readonly Collector[];
  private readonly pools: ClusterPools;
  private readonly history = new HistoryChanges();
  private readonly cluster: ClusterChanges;
  private newest: string | null;

  constructor(private readonly base: Base) {
    this.pools = new ClusterPools(base.pools);
    this.cluster = new ClusterChanges(base.definition, base.portsAllocated);
    this.collectors = [
      new AddressChanges(), new NodePortChanges(), new ServiceChanges(), new NamespaceChanges(), new HeldBackChanges(), new LbAddressChanges(), new LbWaitChanges(), this.cluster,
    ];
    this.newest = base.newestTime;
  }

  /** @throws UnknownEvent */
  take(command: RecordedCommand): void {
    const unknown = unknownEventIn(command);
    if (unknown !== undefined) throw unknown;
    const time = normalTime(command.time);
    if (this.newest === null || time > this.newest) this.newest = time;
    const moved = redefines(command);
    for (const [index, event] of command.events.entries()) {
      const moment: Moment = { revision: command.firstRevision + index, time };
      for (const collector of this.collectors) collector.take(event, moment);
      if (!moved) this.pools.take(event, moment);
    }
    const moment: Moment = { revision: command.revision, time };
    if (!moved) this.history.take(this.pools.endCommand(moment), moment);
  }

  /** After the rows of a command that redefines the cluster are written: `held` is what is held by the pools of `definition`. */
  recount(held: readonly Held[], { revision, time }: RecordedCommand): void {
    const moment = { revision, time: normalTime(time) };
    const pools = this.definition === null ? [] : allPoolsOf(this.definition);
    this.history.take(this.pools.redefine(pools, held, moment), moment);
  }

  get definition(): ClusterDefinition | null {
    return this.cluster.definition;
  }
  get newestTime(): string | null {
    return this.newest;
  }

  /** Everything but what is counted of the pools. */
  rowParts(): Part[] {
    return this.collectors.flatMap((collector) => collector.parts());
  }
  poolParts(): Part[] {
    return [...this.pools.parts(), ...(this.newest === null ? [] : this.history.parts(this.base.newestTime, this.newest))];
  }
}

/** Events carry milliseconds and Z already; another spelling must not break the order of texts. */
const normalTime = (time: string): string => (time.length === 24 && time.endsWith('Z') ? time : new Date(time).toISOString());
