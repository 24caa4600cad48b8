import { isIPv4, isIPv6 } from 'node:net';

const addressLike = /^(?=.*[:.])[0-9a-fA-F:.]+$/;
const mapped = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/;
const seen = new Map<string, string | undefined>();

/**
 * The canonical text of an address (RFC 5952), also for spellings that Kubernetes accepts: leading zeros in IPv4,
 * IPv4-mapped IPv6. Undefined when it is no address. Deliberately not `@ipledger/ip`, which is under test here.
 */
export const canonical = (value: unknown): string | undefined => {
  if (typeof value !== 'string' || !addressLike.test(value)) return undefined;
  if (!seen.has(value)) seen.set(value, value.includes(':') ? canonicalIPv6(value) : canonicalIPv4(value));
  return seen.get(value);
};

const canonicalIPv4 = (text: string): string | undefined => {
  const parts = text.split('.');
  const plain = parts.every((part) => /^\d+$/.test(part)) ? parts.map(Number).join('.') : text;
  return isIPv4(plain) ? plain : undefined;
};

const canonicalIPv6 = (text: string): string | undefined => {
  if (!isIPv6(text)) return undefined;
  const host = new URL(`http://[${text}]/`).hostname.slice(1, -1);
  const [, high, low] = mapped.exec(host) ?? [];
  if (high === undefined || low === undefined) return host;
  const bits = [parseInt(high, 16), parseInt(low, 16)];
  return bits.flatMap((half) => [half >> 8, half & 0xff]).join('.');
};
