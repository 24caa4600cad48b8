import type { Address, Cidr, Family } from '@ipledger/ip';
import { cidrContains, formatCidr, parseCidr, usableRange } from '@ipledger/ip';

export type Band = 'static' | 'dynamic';

/** One CIDR of one family in one cluster. `draining` = no new addresses are taken from it; held ones stay. */
export interface Pool {
  readonly cidr: Cidr;
  /** Canonical text of the CIDR; the name of the pool in events, views and metrics. */
  readonly name: string;
  readonly family: Family;
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
  const usable = usableRange(cidr);
  const statics = settings.staticBandAddresses === undefined ? staticBandSize(bandBase(cidr)) : BigInt(settings.staticBandAddresses);
  const split = usable.first + (statics < usable.count ? statics : usable.count);
  return {
    cidr,
    name: formatCidr(cidr),
    family: cidr.family,
    state,
    usable,
    staticBand: { first: usable.first, last: split - 1n, count: split - usable.first },
    dynamicBand: { first: split, last: usable.last, count: usable.count - (split - usable.first) },
    coolDownSeconds: settings.coolDownSeconds ?? 0,
  };
};

/** The pool whose CIDR contains the address, usable or not. CIDRs of one cluster never overlap (design D14). */
export const poolOf = (pools: readonly Pool[], address: Address): Pool | undefined =>
  pools.find((pool) => cidrContains(pool.cidr, address));

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
