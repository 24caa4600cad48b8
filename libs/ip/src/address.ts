export type Family = 'IPv4' | 'IPv6';

/** One address. `value` is the address as an unsigned number: below 2^32 for IPv4, below 2^128 for IPv6. */
export interface Address {
  readonly family: Family;
  readonly value: bigint;
}

/** What a lenient reading found, and what a strict reader would hold against the text. */
export interface SloppyAddress {
  readonly address: Address;
  /** An octet such as `010`, or an IPv6 group of more than four digits, which can only be leading zeros too. */
  readonly leadingZeros: boolean;
  /** The text is an IPv4-mapped IPv6 address in any spelling (`::ffff:1.2.3.4`, `::ffff:102:304`); `address` is the IPv4 one. */
  readonly mapped: boolean;
}

/** The 96 bits above the IPv4 address in an IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2). */
const mappedPrefix = 0xffffn;
const ipv6Groups = 8;

/**
 * Reads an address that can mean only one thing.
 * Any spelling of IPv6 is taken (upper case, uncompressed, an IPv4 tail as in `::10.0.0.1`).
 * @returns undefined for everything else: leading zeros, IPv4-mapped IPv6, a zone, brackets, a port, a prefix length
 */
export function parseAddress(text: string): Address | undefined {
  const parsed = parseAddressSloppy(text);
  return parsed === undefined || parsed.leadingZeros || parsed.mapped ? undefined : parsed.address;
}

/**
 * Reads whatever Kubernetes still accepts in fields older than its strict validation.
 * Leading zeros are dropped and the rest read as decimal, as Go did before 1.17; libc would read octal.
 * Both flags can be set at once; upstream then complains about the leading zeros only.
 * @returns undefined if not even the lenient reader makes an address of it
 * @see k8s.io/utils/net ParseIPSloppy (`internal/third_party/forked/golang/net/ip.go`); the flags answer what
 *   k8s.io/apimachinery `pkg/util/validation/ip.go` asks netip.ParseAddr afterwards
 */
export function parseAddressSloppy(text: string): SloppyAddress | undefined {
  if (!text.includes(':')) {
    const parsed = parseIPv4(text);
    return parsed && { address: { family: 'IPv4', value: BigInt(parsed.value) }, leadingZeros: parsed.leadingZeros, mapped: false };
  }
  const parsed = parseIPv6(text);
  if (parsed === undefined) return undefined;
  const mapped = parsed.value >> 32n === mappedPrefix;
  const address: Address = mapped
    ? { family: 'IPv4', value: parsed.value & 0xffff_ffffn }
    : { family: 'IPv6', value: parsed.value };
  return { address, leadingZeros: parsed.leadingZeros, mapped };
}

/**
 * The one canonical text: dotted quad, or RFC 5952 (lower case, the longest run of two or more zero groups as `::`, the
 * first of equals). A value in ::ffff:0:0/96 keeps its dotted tail, as netip.Addr prints it; the parsers here never make one.
 */
export function formatAddress(address: Address): string {
  if (address.family === 'IPv4') return formatIPv4(Number(address.value));
  if (address.value >> 32n === mappedPrefix) return `::ffff:${formatIPv4(Number(address.value & 0xffff_ffffn))}`;
  return formatIPv6(address.value);
}

/** The order of addresses in every list: IPv4 before IPv6, then by value. Negative, zero or positive, as `sort` wants it. */
export function compareAddresses(a: Address, b: Address): number {
  if (a.family !== b.family) return a.family === 'IPv4' ? -1 : 1;
  if (a.value === b.value) return 0;
  return a.value < b.value ? -1 : 1;
}

export function otherFamily(family: Family): Family {
  return family === 'IPv4' ? 'IPv6' : 'IPv4';
}

/** By character code, since every claim of every command passes here. */
function parseIPv4(text: string): { value: number; leadingZeros: boolean } | undefined {
  let value = 0;
  let octet = 0;
  let digits = 0;
  let dots = 0;
  let leadingZeros = false;
  for (let i = 0; i <= text.length; i++) {
    const code = i === text.length ? dot : text.charCodeAt(i);
    if (code === dot) {
      if (digits === 0 || octet > 255) return undefined;
      leadingZeros ||= digits > 1 && text.charCodeAt(i - digits) === zero;
      value = value * 256 + octet;
      [octet, digits] = [0, 0];
      dots++;
    } else {
      if (code < zero || code > zero + 9) return undefined;
      octet = Math.min(octet * 10 + code - zero, 256);
      digits++;
    }
  }
  return dots === 4 ? { value, leadingZeros } : undefined;
}

const dot = 46;
const zero = 48;

function parseIPv6(text: string): { value: bigint; leadingZeros: boolean } | undefined {
  const unfolded = withHexTail(text);
  const read = unfolded && readGroups(unfolded.text);
  if (!unfolded || !read) return undefined;
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = read.groups;
  const high = (BigInt(a * 0x10000 + b) << 32n) | BigInt(c * 0x10000 + d);
  const low = (BigInt(e * 0x10000 + f) << 32n) | BigInt(g * 0x10000 + h);
  return { value: (high << 64n) | low, leadingZeros: unfolded.leadingZeros || read.leadingZeros };
}

/** The eight groups, `::` written out. It may come once and must stand for at least one group, as in Go. */
function readGroups(text: string): { groups: number[]; leadingZeros: boolean } | undefined {
  const groups: number[] = [];
  let leadingZeros = false;
  let ellipsis = text.startsWith('::') ? 0 : -1;
  for (let i = ellipsis === 0 ? 2 : 0; i < text.length; ) {
    const start = i;
    let group = 0;
    for (let digit = hexDigit(text.charCodeAt(i)); digit >= 0; digit = hexDigit(text.charCodeAt(++i))) {
      group = group * 16 + digit;
      if (group > 0xffff) return undefined;
    }
    if (i === start || groups.push(group) > ipv6Groups) return undefined;
    leadingZeros ||= i - start > 4;
    if (i === text.length) break;
    if (text.charCodeAt(i++) !== colon || i === text.length) return undefined;
    if (text.charCodeAt(i) !== colon) continue;
    if (ellipsis >= 0) return undefined;
    ellipsis = groups.length;
    i++;
  }
  if (ellipsis < 0) return groups.length === ipv6Groups ? { groups, leadingZeros } : undefined;
  if (groups.length >= ipv6Groups) return undefined;
  groups.splice(ellipsis, 0, ...Array<number>(ipv6Groups - groups.length).fill(0));
  return { groups, leadingZeros };
}

const colon = 58;

/** -1 for what is no hexadecimal digit, the end of a text included. */
function hexDigit(code: number): number {
  if (code >= zero && code <= zero + 9) return code - zero;
  const letter = (code | 32) - 97;
  return letter >= 0 && letter < 6 ? letter + 10 : -1;
}

/** Rewrites a dotted IPv4 tail as the two groups it stands for, so that only one notation is left to read. */
function withHexTail(text: string): { text: string; leadingZeros: boolean } | undefined {
  const tailStart = text.lastIndexOf(':') + 1;
  if (!text.includes('.', tailStart)) return { text, leadingZeros: false };
  const tail = parseIPv4(text.slice(tailStart));
  if (tail === undefined) return undefined;
  const [high, low] = [Math.floor(tail.value / 0x10000), tail.value % 0x10000];
  return { text: `${text.slice(0, tailStart)}${high.toString(16)}:${low.toString(16)}`, leadingZeros: tail.leadingZeros };
}

function formatIPv4(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}

const wordMask = 0xffff_ffffn;

function formatIPv6(value: bigint): string {
  const [high, low] = [BigInt.asUintN(64, value >> 64n), BigInt.asUintN(64, value)];
  const words = [Number(high >> 32n), Number(high & wordMask), Number(low >> 32n), Number(low & wordMask)];
  const groupAt = (index: number): number => ((words[index >> 1] ?? 0) >>> (index % 2 === 0 ? 16 : 0)) & 0xffff;
  const run = longestZeroRun(groupAt);
  let text = '';
  for (let index = 0; index < ipv6Groups; index++) {
    if (index === run.start) {
      text += '::';
      index += run.length - 1;
    } else text += index === 0 || text.endsWith(':') ? groupAt(index).toString(16) : `:${groupAt(index).toString(16)}`;
  }
  return text;
}

/** The first of the longest runs of zeros; one that is shorter than two groups has no start. */
function longestZeroRun(groupAt: (index: number) => number): { start: number; length: number } {
  let longest = { start: -1, length: 1 };
  let length = 0;
  for (let index = 0; index < ipv6Groups; index++) {
    length = groupAt(index) === 0 ? length + 1 : 0;
    if (length > longest.length) longest = { start: index - length + 1, length };
  }
  return longest;
}
