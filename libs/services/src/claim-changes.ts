import type { Family } from '@ipledger/ip';
import type { Event, Reservation, ServiceRef } from './events.js';
import { memberKey } from './load-balancer/holdings.js';
import { waitOf } from './load-balancer/request.js';
import type { PortPurpose } from './service/node-ports.js';

/** An address or a port and who holds it, from an event with this revision and time. */
export interface HeldAddress extends ServiceRef {
  address: string;
  since: Date;
  revision: number;
}
export interface HeldPort extends ServiceRef {
  port: number;
  purpose: PortPurpose;
  revision: number;
}

/** Net effect: each key at most once. `moved` = held before and after, by another Service or anew by the same. */
export interface NetChanges<Held, Key> {
  taken: Held[];
  moved: Held[];
  released: Key[];
}

/** A reservation as it was made, by the event with this revision and time. */
export interface DatedReservation extends Reservation {
  createdAt: Date;
  revision: number;
}
/** A released address that is not handed out before `until`, and who had it. */
export interface CoolingAddress extends ServiceRef {
  address: string;
  until: Date;
  revision: number;
  /** In the log of a shared pool: the cluster of the Service. */
  cluster?: string;
}
/** A Service that has an address of an LB pool of this log. `revision` is what a release has to name. */
export interface HeldLbAddress extends ServiceRef {
  address: string;
  /** "" in the log of a cluster. */
  cluster: string;
  /** null = it has the address for itself. */
  sharingKey: string | null;
  ports: readonly string[];
  backend: string;
  /** In the log of a shared pool: revision of the Service, in its cluster, that this was claimed for. */
  wait: number | null;
  revision: number;
}
/**
 * A Service that lacks addresses of LB pools, as of its last event: `revision` is the *wait* of ADR 0004. Also one without a class that nobody
 * serves (`NotServed`): it comes to wait once its cluster serves such.
 */
export interface WaitingService extends ServiceRef {
  /** Families that it lacks, in its order. */
  families: readonly Family[];
  reason: string;
  revision: number;
}
/** An address of a shared LB pool that a Service of this cluster has. */
export interface AttachedAddress extends ServiceRef {
  pool: string;
  address: string;
  revision: number;
}

/** What is derived about LB pools, net: each key at most once per list. */
export interface LbChanges {
  members: { held: HeldLbAddress[]; left: Pick<HeldLbAddress, 'address' | 'cluster' | 'namespace' | 'name'>[] };
  waiting: { held: WaitingService[]; left: Pick<WaitingService, 'namespace' | 'name'>[] };
  attached: { held: AttachedAddress[]; left: Pick<AttachedAddress, 'pool' | 'address' | 'namespace' | 'name'>[] };
}

export interface ClaimChanges {
  addresses: NetChanges<HeldAddress, string>;
  ports: NetChanges<HeldPort, number>;
  /** By name; `made` may replace one that has ended by itself. */
  reservations: { made: DatedReservation[]; ended: string[] };
  /** `cleared`: everything that cooled down before, except what is in `started`, does so no more. */
  cooling: { started: CoolingAddress[]; cleared: boolean };
  lb: LbChanges;
}

/** Events of a batch in order, with the revision and the time of each. */
export interface DatedEvent {
  event: Event;
  revision: number;
  time: Date;
}

/**
 * What a run of events does to claims, netted in memory: a batch may release an address and give it to another Service,
 * and a statement that deletes and inserts one key in one go fails (guide, section 7). The claims table is always
 * derivable from the log by this.
 */
export const claimChanges = (events: Iterable<DatedEvent>): ClaimChanges => {
  const addresses = new Net<HeldAddress, string>();
  const ports = new Net<HeldPort, number>();
  const reservations = new Map<string, DatedReservation | null>();
  const cooling = new Map<string, CoolingAddress>();
  const lb = new LbNet();
  let cleared = false;
  for (const { event, revision, time } of events) {
    if (event.type === 'ip.allocated') {
      const { address, service: { namespace, name, uid } } = event.data;
      addresses.take(address, { namespace, name, uid, address, since: time, revision });
    } else if (event.type === 'ip.released') {
      const { address, coolsUntil, service, cluster } = event.data;
      addresses.release(address);
      if (coolsUntil !== undefined) cooling.set(address, { ...service, ...(cluster !== undefined && { cluster }), address, until: new Date(coolsUntil), revision });
    }
    else if (event.type === 'port.allocated')
      ports.take(event.data.port, { ...event.data.service, port: event.data.port, purpose: event.data.purpose, revision });
    else if (event.type === 'port.released') ports.release(event.data.port);
    else if (event.type === 'reservation.made') reservations.set(event.data.reservation.name, { ...event.data.reservation, createdAt: time, revision });
    else if (event.type === 'reservation.released') reservations.set(event.data.reservation.name, null);
    else if (event.type === 'cluster.removed') {
      cooling.clear();
      cleared = true;
    } else lb.take(event, revision);
  }
  return {
    addresses: addresses.changes(),
    ports: ports.changes(),
    reservations: {
      made: [...reservations.values()].filter((made) => made !== null),
      ended: [...reservations].flatMap(([name, made]) => (made === null ? [name] : [])),
    },
    cooling: { started: [...cooling.values()], cleared },
    lb: lb.changes(),
  };
};

/** The last event that touches a key decides. */
class LbNet {
  private readonly members = new Kept<LbChanges['members']['held'][number], LbChanges['members']['left'][number]>();
  private readonly waiting = new Kept<WaitingService, LbChanges['waiting']['left'][number]>();
  private readonly attached = new Kept<AttachedAddress, LbChanges['attached']['left'][number]>();

  take(event: Event, revision: number): void {
    switch (event.type) {
      case 'service.created':
      case 'service.updated':
        this.takeService(event, revision);
        break;
      case 'service.deleted':
        if (event.data.previous.type === 'LoadBalancer') this.waiting.drop(keyOf(event.data.service), nameOf(event.data.service));
        break;
      case 'lb-member.joined':
      case 'lb-member.left': {
        const { address, cluster = '', service, sharingGroup: sharingKey, ports, backend, wait = null } = event.data;
        const key = `${address} ${memberKey(cluster, service)}`;
        if (event.type === 'lb-member.joined') this.members.keep(key, { ...service, address, cluster, sharingKey, ports, backend, wait, revision });
        else this.members.drop(key, { address, cluster, namespace: service.namespace, name: service.name });
        break;
      }
      case 'lb-address.attached':
      case 'lb-address.detached': {
        const { address, lbPool: pool, service } = event.data;
        const key = `${pool} ${address} ${keyOf(service)}`;
        if (event.type === 'lb-address.attached') this.attached.keep(key, { ...service, pool, address, revision });
        else this.attached.drop(key, { pool, address, namespace: service.namespace, name: service.name });
        break;
      }
    }
  }

  /** A Service that was not of the type and is not has no row to lose: most batches touch no table of LB pools. */
  private takeService({ type, data }: Extract<Event, { type: 'service.created' | 'service.updated' }>, revision: number): void {
    const { service, object } = data;
    const wait = waitOf(object);
    if (wait !== undefined) this.waiting.keep(keyOf(service), { ...service, ...wait, revision });
    else if (type === 'service.updated' && data.previous.type === 'LoadBalancer') this.waiting.drop(keyOf(service), nameOf(service));
  }

  changes(): LbChanges {
    return { members: this.members.changes(), waiting: this.waiting.changes(), attached: this.attached.changes() };
  }
}

/** Keys that are held after a run of events, and keys that are not. */
class Kept<Held, Key> {
  private readonly seen = new Map<string, { held: Held } | { left: Key }>();

  keep(key: string, held: Held): void {
    this.seen.set(key, { held });
  }
  drop(key: string, left: Key): void {
    this.seen.set(key, { left });
  }
  changes(): { held: Held[]; left: Key[] } {
    const all = [...this.seen.values()];
    return { held: all.flatMap((one) => ('held' in one ? [one.held] : [])), left: all.flatMap((one) => ('left' in one ? [one.left] : [])) };
  }
}

const nameOf = ({ namespace, name }: ServiceRef): { namespace: string; name: string } => ({ namespace, name });
const keyOf = ({ namespace, name }: ServiceRef): string => memberKey(undefined, { namespace, name });

class Net<Held, Key> {
  /** Key -> was it held before the run, and who holds it after. */
  private readonly seen = new Map<Key, { heldBefore: boolean; holder: Held | undefined }>();

  take(key: Key, holder: Held): void {
    this.seen.set(key, { heldBefore: this.seen.get(key)?.heldBefore ?? false, holder });
  }
  release(key: Key): void {
    this.seen.set(key, { heldBefore: this.seen.get(key)?.heldBefore ?? true, holder: undefined });
  }
  changes(): NetChanges<Held, Key> {
    const changes: NetChanges<Held, Key> = { taken: [], moved: [], released: [] };
    for (const [key, { heldBefore, holder }] of this.seen) {
      if (holder === undefined) {
        if (heldBefore) changes.released.push(key);
      } else (heldBefore ? changes.moved : changes.taken).push(holder);
    }
    return changes;
  }
}
