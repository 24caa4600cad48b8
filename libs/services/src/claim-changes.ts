import type { Event, Reservation, ServiceRef } from './events.js';
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
}

export interface ClaimChanges {
  addresses: NetChanges<HeldAddress, string>;
  ports: NetChanges<HeldPort, number>;
  /** By name; `made` may replace one that has ended by itself. */
  reservations: { made: DatedReservation[]; ended: string[] };
  /** `cleared`: everything that cooled down before, except what is in `started`, does so no more. */
  cooling: { started: CoolingAddress[]; cleared: boolean };
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
  let cleared = false;
  for (const { event, revision, time } of events) {
    if (event.type === 'ip.allocated') {
      const { address, service: { namespace, name, uid } } = event.data;
      addresses.take(address, { namespace, name, uid, address, since: time, revision });
    } else if (event.type === 'ip.released') {
      const { address, coolsUntil, service } = event.data;
      addresses.release(address);
      if (coolsUntil !== undefined) cooling.set(address, { ...service, address, until: new Date(coolsUntil), revision });
    }
    else if (event.type === 'port.allocated')
      ports.take(event.data.port, { ...event.data.service, port: event.data.port, purpose: event.data.purpose, revision });
    else if (event.type === 'port.released') ports.release(event.data.port);
    else if (event.type === 'reservation.made') reservations.set(event.data.reservation.name, { ...event.data.reservation, createdAt: time, revision });
    else if (event.type === 'reservation.released') reservations.set(event.data.reservation.name, null);
    else if (event.type === 'cluster.removed') {
      cooling.clear();
      cleared = true;
    }
  }
  return {
    addresses: addresses.changes(),
    ports: ports.changes(),
    reservations: {
      made: [...reservations.values()].filter((made) => made !== null),
      ended: [...reservations].flatMap(([name, made]) => (made === null ? [name] : [])),
    },
    cooling: { started: [...cooling.values()], cleared },
  };
};

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
