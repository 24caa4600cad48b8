import { formatAddress, parseAddress, RangeSet, type Address, type AddressSet, type Family } from '@ipledger/ip';
import { Expiries } from './expiries.js';
import type { Reservation } from '../events.js';
import type { Taken } from './choose.js';
import type { AddressRange } from './pool.js';

/** A reservation as decisions see it. `untilMs` is Infinity when it is for ever; both ends belong to it. */
export interface ReservedRange {
  readonly record: Reservation;
  readonly first: bigint;
  readonly last: bigint;
  readonly untilMs: number;
}

export const reservedRange = (record: Reservation): ReservedRange => ({
  record,
  first: valueOf(record.first),
  last: valueOf(record.last),
  untilMs: record.until === null ? Infinity : Date.parse(record.until),
});

const valueOf = (text: string): bigint => {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`a reservation holds the address ${JSON.stringify(text)}, which is none`);
  return address.value;
};

/** A released address that is not handed out before `untilMs`. `holder` is the key of the Service that had it. */
export interface Cooling {
  readonly untilMs: number;
  readonly holder: string;
}

type Ending = { untilMs: number; reservation: string } | { untilMs: number; address: Address };

const perFamily = <T>(make: (family: Family) => T): Record<Family, T> => ({ IPv4: make('IPv4'), IPv6: make('IPv6') });

/**
 * What is not handed out although nobody holds it: reservations, and addresses that cool down. Exists only while there is any
 * of it. Choosing does not scan it: what is taken, cooling or reserved by itself is one set, which finds the next absent value
 * in a few look-ups; ranges are stepped over, and their number has a bound (`rangesMax`).
 */
export class HeldBack {
  /** By name. */
  readonly reservations = new Map<string, ReservedRange>();
  private readonly cooling = perFamily(() => new Map<bigint, Cooling>());
  /** More than one of an address only until the time of those that have ended is told: they may come in any order. */
  private readonly singles = perFamily(() => new Map<bigint, readonly ReservedRange[]>());
  private ranges = perFamily((): readonly ReservedRange[] => []);
  private rangeSets = perFamily(() => RangeSet.empty);
  private values: Record<Family, AddressSet>;
  private readonly endings = new Expiries<Ending>();
  /** Holder -> addresses of LB pools that cool down after it; a key is the address's text. */
  private readonly lbByHolder = new Map<string, Map<string, Address>>();

  /**
   * @param taken what is claimed; `refresh` must be told of every change
   * @param cools whether the pool of an address has a cool-down now; `rebuild` must be called when that changes
   * @param isLb whether an address is of an LB pool: those are found by who had them
   */
  constructor(
    private readonly taken: Record<Family, AddressSet>, private readonly cools: (address: Address) => boolean, private readonly isLb: (address: Address) => boolean = () => false,
  ) {
    this.values = perFamily((family) => taken[family].copy());
  }

  get isEmpty(): boolean {
    return this.reservations.size === 0 && this.cooling.IPv4.size === 0 && this.cooling.IPv6.size === 0;
  }

  /** For choosing: everything that cannot be had. */
  unavailable(family: Family): Taken {
    const ranges = this.rangeSets[family];
    if (ranges.count === 0n) return this.values[family];
    return { nextAbsent: (from) => nextOutside(this.values[family], ranges, from) };
  }

  reserve(reservation: ReservedRange): void {
    const { name } = reservation.record;
    this.unreserve(name);
    this.reservations.set(name, reservation);
    if (reservation.untilMs !== Infinity) this.endings.add({ untilMs: reservation.untilMs, reservation: name });
    this.show(reservation);
  }

  unreserve(name: string): void {
    const reservation = this.reservations.get(name);
    if (reservation === undefined) return;
    this.reservations.delete(name);
    this.show(reservation);
  }

  cool(address: Address, cooling: Cooling): void {
    this.forget(address);
    this.cooling[address.family].set(address.value, cooling);
    if (this.isLb(address)) this.remember(cooling.holder, address);
    this.endings.add({ untilMs: cooling.untilMs, address });
    this.refresh(address);
  }

  advanceTo(nowMs: number): void {
    for (let ended = this.endings.popEnded(nowMs); ended !== undefined; ended = this.endings.popEnded(nowMs)) {
      if ('reservation' in ended) {
        if (this.reservations.get(ended.reservation)?.untilMs === ended.untilMs) this.unreserve(ended.reservation);
      } else if (this.cooling[ended.address.family].get(ended.address.value)?.untilMs === ended.untilMs) {
        this.forget(ended.address);
        this.cooling[ended.address.family].delete(ended.address.value);
        this.refresh(ended.address);
      }
    }
  }

  endCooling(): void {
    for (const family of ['IPv4', 'IPv6'] as const) this.cooling[family].clear();
    this.lbByHolder.clear();
    this.rebuild();
  }

  reservationOf({ family, value }: Address): ReservedRange | undefined {
    return this.singles[family].get(value)?.[0] ?? this.ranges[family].find(({ first, last }) => first <= value && value <= last);
  }

  coolingOf(address: Address): Cooling | undefined {
    const cooling = this.cooling[address.family].get(address.value);
    return cooling === undefined || this.taken[address.family].has(address.value) || !this.cools(address) ? undefined : cooling;
  }

  coolingAfter(holder: string): readonly Address[] {
    return [...(this.lbByHolder.get(holder)?.values() ?? [])].filter((address) => this.coolingOf(address)?.holder === holder);
  }

  private remember(holder: string, address: Address): void {
    const known = this.lbByHolder.get(holder);
    if (known === undefined) this.lbByHolder.set(holder, new Map([[formatAddress(address), address]]));
    else known.set(formatAddress(address), address);
  }
  private forget(address: Address): void {
    const holder = this.cooling[address.family].get(address.value)?.holder;
    const known = holder === undefined ? undefined : this.lbByHolder.get(holder);
    if (holder === undefined || known?.delete(formatAddress(address)) !== true) return;
    if (known.size === 0) this.lbByHolder.delete(holder);
  }

  /** After an address was taken or freed. */
  refresh(address: Address): void {
    const { family, value } = address;
    const held = this.taken[family].has(value) || this.singles[family].has(value) || this.coolingOf(address) !== undefined;
    if (held) this.values[family].add(value);
    else this.values[family].delete(value);
  }

  rebuild(): void {
    this.values = perFamily((family) => this.taken[family].copy());
    for (const family of ['IPv4', 'IPv6'] as const)
      for (const value of [...this.cooling[family].keys(), ...this.singles[family].keys()]) this.refresh({ family, value });
  }

  /** How many addresses of a band are free but for these; each counts once, as reserved when it is both. */
  within(family: Family, band: AddressRange): { reserved: bigint; coolingDown: bigint } {
    if (band.count === 0n) return { reserved: 0n, coolingDown: 0n };
    const [taken, values] = [this.taken[family], this.values[family]];
    const beyondTaken = ({ first, last }: { first: bigint; last: bigint }): number => values.countWithin(first, last) - taken.countWithin(first, last);
    let singles = 0;
    for (const value of this.singles[family].keys()) if (value >= band.first && value <= band.last && !taken.has(value)) singles++;
    let reserved = BigInt(singles);
    let coolingDown = beyondTaken(band) - singles;
    for (const range of this.ranges[family]) {
      const part = { first: max(range.first, band.first), last: min(range.last, band.last) };
      if (part.first > part.last) continue;
      reserved += part.last - part.first + 1n - BigInt(taken.countWithin(part.first, part.last));
      coolingDown -= beyondTaken(part);
    }
    return { reserved, coolingDown: BigInt(coolingDown) };
  }

  /** Brings the look-ups in line with whether a reservation is there. */
  private show({ record: { name, family }, first, last }: ReservedRange): void {
    const present = this.reservations.get(name);
    if (first === last) {
      const others = (this.singles[family].get(first) ?? []).filter(({ record }) => record.name !== name);
      const all = present === undefined ? others : [...others, present];
      if (all.length === 0) this.singles[family].delete(first);
      else this.singles[family].set(first, all);
      this.refresh({ family, value: first });
      return;
    }
    const others = this.ranges[family].filter(({ record }) => record.name !== name);
    this.ranges = { ...this.ranges, [family]: present === undefined ? others : [...others, present] };
    this.rangeSets = { ...this.rangeSets, [family]: RangeSet.of(this.ranges[family]) };
  }
}

const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);
const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);

/** Each turn steps over one range at least, so there are no more turns than ranges. */
const nextOutside = (values: AddressSet, ranges: RangeSet, from: bigint): bigint => {
  for (let at = from; ; ) {
    const free = values.nextAbsent(at);
    at = ranges.nextAbsent(free);
    if (at === free) return at;
  }
};
