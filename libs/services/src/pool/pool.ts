import type { Address, Cidr, Family } from '@ipledger/ip';
import { formatAddress, formatCidr, parseAddress, parseCidr, usableRange } from '@ipledger/ip';

export type Band = 'static' | 'dynamic';

/** One CIDR, or one range of an LB pool, of one family in one log. `draining` = no new addresses are taken from it; held ones stay. */
export interface Pool {
  readonly kind: 'cluster-ip' | 'load-balancer';
  /** Name of the LB pool that the range belongs to; null for a Service CIDR. */
  readonly lbPool: string | null;
  /** Canonical text of the CIDR or range; the name of the pool in events, views and metrics. */
  readonly name: string;
  readonly family: Family;
  /** null for a range that is no CIDR. */
  readonly prefixLength: number | null;
  /** Every address, usable or not. */
  readonly range: AddressRange;
  readonly state: 'open' | 'draining';
  readonly usable: AddressRange;
  /** The low end, which dynamic allocation leaves for static requests while it can. May be empty. */
  readonly staticBand: AddressRange;
  readonly dynamicBand: AddressRange;
  /** How long a released address is not handed out again; 0 = not at all, as upstream. */
  readonly coolDownSeconds: number;
}

/** What an operator may set for a pool. What is not set is as upstream. */
export interface PoolSettings {
  /** Addresses in the static band, from the lowest usable one on; more than there are means all. */
  readonly staticBandAddresses?: number;
  readonly coolDownSeconds?: number;
}

/** Inclusive; empty when `count` is 0 (then `first` > `last`). */
export interface AddressRange {
  readonly first: bigint;
  readonly last: bigint;
  readonly count: bigint;
}

/**
 * How many addresses at the low end of a CIDR dynamic allocation leaves for static requests while it can.
 * @param cidrSize addresses in the whole CIDR, first and last included; at least 1
 * @returns 0 (no split) when cidrSize <= 16, else min(max(16, cidrSize / 16), 256)
 * @see KEP-3070; its text says "below 16", the code says "16 or below": we follow the code, a /28 is the row that tells.
 *   pkg/registry/core/service/ipallocator/ipallocator.go calculateRangeOffset, Kubernetes v1.37.2
 */
export const staticBandSize = (cidrSize: bigint): bigint => {
  if (cidrSize <= 16n) return 0n;
  const sixteenth = cidrSize / 16n;
  return sixteenth < 16n ? 16n : sixteenth > 256n ? 256n : sixteenth;
};

/** Upstream counts the size of an IPv4 /0 or /1 as 0, so such a range has no static band. */
const bandBase = (cidr: Cidr): bigint => (cidr.family === 'IPv4' && cidr.prefixLength <= 1 ? 0n : cidr.size);

export const makePool = (text: string, state: Pool['state'], settings: PoolSettings = {}): Pool => {
  const cidr = parseCidr(text);
  if (cidr === undefined) throw new Error(`a cluster definition holds ${JSON.stringify(text)}, which is no CIDR`);
  const statics = settings.staticBandAddresses === undefined ? staticBandSize(bandBase(cidr)) : BigInt(settings.staticBandAddresses);
  const range = { first: cidr.first, last: cidr.last, count: cidr.size };
  return { kind: 'cluster-ip', lbPool: null, name: formatCidr(cidr), family: cidr.family, prefixLength: cidr.prefixLength, range, ...settled(usableRange(cidr), statics, state, settings) };
};

/** A range of an LB pool. All its addresses are usable, first and last too; without a setting it has no static band. */
export const makeLbRange = (lbPool: string, text: string, state: Pool['state'], settings: PoolSettings): Pool => {
  const parsed = parseRange(text);
  if (parsed === undefined) throw new Error(`LB pool ${lbPool} holds ${JSON.stringify(text)}, which is no range`);
  const { family, ...range } = parsed;
  const name = formatRange(text, parsed);
  const prefixLength = name.includes('/') ? Number(name.slice(name.indexOf('/') + 1)) : null;
  return { kind: 'load-balancer', lbPool, name, family, prefixLength, range, ...settled(range, BigInt(settings.staticBandAddresses ?? 0), state, settings) };
};

const settled = (usable: AddressRange, statics: bigint, state: Pool['state'], { coolDownSeconds = 0 }: PoolSettings) => {
  const split = usable.first + (statics < usable.count ? statics : usable.count);
  return {
    state, usable, coolDownSeconds,
    staticBand: { first: usable.first, last: split - 1n, count: split - usable.first },
    dynamicBand: { first: split, last: usable.last, count: usable.count - (split - usable.first) },
  };
};

export interface FamilyRange extends AddressRange {
  readonly family: Family;
}

/** A CIDR, `FIRST-LAST` with both ends included, or one address. @returns undefined for anything that does not mean just one thing */
export const parseRange = (text: string): FamilyRange | undefined => {
  if (text.includes('/')) {
    const cidr = parseCidr(text);
    return cidr && { family: cidr.family, first: cidr.first, last: cidr.last, count: cidr.size };
  }
  const [from = '', to = from, ...more] = text.split('-');
  const [first, last] = [parseAddress(from), parseAddress(to)];
  if (first === undefined || last === undefined || more.length > 0 || first.family !== last.family || first.value > last.value) return undefined;
  return { family: first.family, first: first.value, last: last.value, count: last.value - first.value + 1n };
};

/** Canonical text of what `parseRange` read: a CIDR stays a CIDR, one address becomes one, a range stays a range. */
export const formatRange = (text: string, { family, first, last }: FamilyRange): string => {
  const [from, to] = [first, last].map((value) => formatAddress({ family, value }));
  if (!text.includes('/')) return text.includes('-') ? `${from}-${to}` : `${from}/${family === 'IPv4' ? 32 : 128}`;
  return `${from}/${text.slice(text.indexOf('/') + 1)}`;
};

/** The pool whose range contains the address, usable or not. Ranges of one log never overlap (design D14). */
export const poolOf = (pools: readonly Pool[], { family, value }: Address): Pool | undefined =>
  pools.find((pool) => pool.family === family && value >= pool.range.first && value <= pool.range.last);

export const isUsable = (pool: Pool, value: bigint): boolean => value >= pool.usable.first && value <= pool.usable.last;

/** Which band of its pool a usable address lies in; null for the network and broadcast address. */
export const bandOf = (pool: Pool, value: bigint): Band | null =>
  !isUsable(pool, value) ? null : value <= pool.staticBand.last ? 'static' : 'dynamic';

/**
 * The static band of a node port range: the same idea with other numbers. 30000-32767 has 86 static ports.
 * @param rangeSize ports in the range; at least 1
 * @see pkg/registry/core/service/portallocator/allocator.go calculateRangeOffset, Kubernetes v1.37.2
 */
export const staticPortBandSize = (rangeSize: number): number =>
  rangeSize <= 16 ? 0 : Math.min(Math.max(16, Math.floor(rangeSize / 32)), 128);
