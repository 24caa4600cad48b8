import { formatAddress, parseAddressSloppy } from './address.js';
import type { Address, Family } from './address.js';

/** A network without host bits. All bounds are inclusive. */
export interface Cidr {
  readonly family: Family;
  /** The network address. */
  readonly first: bigint;
  /** 0 to 32 for IPv4, 0 to 128 for IPv6. */
  readonly prefixLength: number;
  /** 2^hostbits: every address, usable or not. */
  readonly size: bigint;
  /** The broadcast address in IPv4, the last address in IPv6. */
  readonly last: bigint;
}

/** What a lenient reading found, and what a strict reader would hold against the text. */
export interface SloppyCidr {
  /** The network, host bits cleared. */
  readonly cidr: Cidr;
  /** The address in front of the slash. IPv4 whenever `mapped`, even where `cidr` is IPv6 (see parseCidrSloppy). */
  readonly address: Address;
  /** Bits are set beyond the prefix length, as in `10.0.0.1/24`. */
  readonly hostBits: boolean;
  /** In the address (see SloppyAddress) or in the prefix length, as in `/08`. */
  readonly leadingZeros: boolean;
  readonly mapped: boolean;
}

/**
 * Reads a network that can mean only one thing; IPv6 may be spelt in any way.
 * @returns undefined for host bits, leading zeros, an IPv4-mapped address, or anything that is no CIDR at all
 */
export function parseCidr(text: string): Cidr | undefined {
  const parsed = parseCidrSloppy(text);
  if (parsed === undefined || parsed.hostBits || parsed.leadingZeros || parsed.mapped) return undefined;
  return parsed.cidr;
}

/**
 * Reads whatever Kubernetes still accepts in fields older than its strict validation.
 * More than one flag can be set; upstream complains about leading zeros first, then mapped, then host bits.
 * The prefix length of an IPv4-mapped address counts 128 bits: `::ffff:10.0.0.0/104` is 10.0.0.0/8. Shorter than 96 it
 * reaches past the mapped addresses, and the network is an IPv6 one: `::ffff:10.0.0.0/64` is ::/64.
 * @see k8s.io/utils/net ParseCIDRSloppy; the flags answer what k8s.io/apimachinery `pkg/util/validation/ip.go` asks
 *   netip.ParsePrefix afterwards
 */
export function parseCidrSloppy(text: string): SloppyCidr | undefined {
  const slash = text.indexOf('/');
  const parsed = slash < 0 ? undefined : parseAddressSloppy(text.slice(0, slash));
  const lengthText = text.slice(slash + 1);
  if (parsed === undefined || !/^[0-9]+$/.test(lengthText)) return undefined;
  const { address, mapped } = parsed;
  const length = Number(lengthText);
  if (length > (mapped ? 128 : bitsOf(address.family))) return undefined;
  const cidr = mapped ? mappedNetwork(address.value, length) : network(address.family, address.value, length);
  return {
    cidr,
    address,
    hostBits: cidr.first !== (cidr.family === address.family ? address.value : mappedBase | address.value),
    leadingZeros: parsed.leadingZeros || (lengthText.length > 1 && lengthText.startsWith('0')),
    mapped,
  };
}

/** Canonical text: the network address as formatAddress writes it, `/` and the prefix length. */
export function formatCidr(cidr: Cidr): string {
  return `${formatAddress({ family: cidr.family, value: cidr.first })}/${cidr.prefixLength}`;
}

export function cidrContains(cidr: Cidr, address: Address): boolean {
  return cidr.family === address.family && cidr.first <= address.value && address.value <= cidr.last;
}

/** Whether the two share an address. Networks nest or are apart, so one then covers the other. */
export function cidrsOverlap(a: Cidr, b: Cidr): boolean {
  return cidrCovers(a, b) || cidrCovers(b, a);
}

/** Whether every address of `inner` is in `outer`; a network covers itself. */
export function cidrCovers(outer: Cidr, inner: Cidr): boolean {
  return outer.family === inner.family && outer.first <= inner.first && inner.last <= outer.last;
}

/**
 * The addresses Kubernetes hands out: in IPv4 all but network and broadcast address, in IPv6 all but the first
 * (the subnet-router anycast address, RFC 4291 2.6.1); the last IPv6 address is usable.
 * @returns both bounds inclusive; for an IPv4 /31 or /32 and an IPv6 /128 `count` is 0 and `first` is past `last`
 * @see k8s.io/kubernetes `pkg/registry/core/service/ipallocator/ipallocator.go`
 */
export function usableRange(cidr: Cidr): { first: bigint; last: bigint; count: bigint } {
  const first = cidr.first + 1n;
  const last = cidr.family === 'IPv4' ? cidr.last - 1n : cidr.last;
  return last < first ? { first, last: cidr.first, count: 0n } : { first, last, count: last - first + 1n };
}

/** ::ffff:0:0, the first IPv4-mapped address. */
const mappedBase = 0xffffn << 32n;

function bitsOf(family: Family): number {
  return family === 'IPv4' ? 32 : 128;
}

function network(family: Family, value: bigint, prefixLength: number): Cidr {
  const hostBits = BigInt(bitsOf(family) - prefixLength);
  const first = (value >> hostBits) << hostBits;
  const size = 1n << hostBits;
  return { family, first, prefixLength, size, last: first + size - 1n };
}

function mappedNetwork(ipv4: bigint, prefixLength: number): Cidr {
  return prefixLength < 96 ? network('IPv6', mappedBase | ipv4, prefixLength) : network('IPv4', ipv4, prefixLength - 96);
}
