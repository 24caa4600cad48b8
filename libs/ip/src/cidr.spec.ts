import fc from 'fast-check';
import { parseAddress } from './address.js';
import type { Address, Family } from './address.js';
import { cidrContains, cidrCovers, cidrsOverlap, formatCidr, parseCidr, parseCidrSloppy, usableRange } from './cidr.js';
import type { Cidr } from './cidr.js';

const runs = { numRuns: 2000 };

function cidr(text: string): Cidr {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new Error(`no CIDR: ${text}`);
  return parsed;
}

function address(text: string): Address {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw new Error(`no address: ${text}`);
  return parsed;
}

/** Networks of a few bits inside a few addresses, so that two of them often meet. */
const closeCidr = fc
  .record({ family: fc.constantFrom<Family>('IPv4', 'IPv6'), value: fc.nat(63), hostBits: fc.nat(6) })
  .map(({ family, value, hostBits }) => {
    const network = (value >> hostBits) << hostBits;
    return cidr(family === 'IPv4' ? `10.0.0.${network}/${32 - hostBits}` : `fd00::${network.toString(16)}/${128 - hostBits}`);
  });

describe('parseCidr', () => {
  it.each<[text: string, canonical: string, first: bigint, last: bigint, size: bigint]>([
    ['0.0.0.0/0', '0.0.0.0/0', 0n, 0xffff_ffffn, 1n << 32n],
    ['10.96.0.0/12', '10.96.0.0/12', 0x0a60_0000n, 0x0a6f_ffffn, 1n << 20n],
    ['10.0.0.4/30', '10.0.0.4/30', 0x0a00_0004n, 0x0a00_0007n, 4n],
    ['10.0.0.4/31', '10.0.0.4/31', 0x0a00_0004n, 0x0a00_0005n, 2n],
    ['10.0.0.5/32', '10.0.0.5/32', 0x0a00_0005n, 0x0a00_0005n, 1n],
    ['255.255.255.255/32', '255.255.255.255/32', 0xffff_ffffn, 0xffff_ffffn, 1n],
    ['::/0', '::/0', 0n, (1n << 128n) - 1n, 1n << 128n],
    ['FD00:0::/64', 'fd00::/64', 0xfd00n << 112n, (0xfd00n << 112n) + (1n << 64n) - 1n, 1n << 64n],
    ['fc::/112', 'fc::/112', 0xfcn << 112n, (0xfcn << 112n) + 0xffffn, 65536n],
    ['fd00::2/127', 'fd00::2/127', (0xfd00n << 112n) + 2n, (0xfd00n << 112n) + 3n, 2n],
    ['fd00::3/128', 'fd00::3/128', (0xfd00n << 112n) + 3n, (0xfd00n << 112n) + 3n, 1n],
    ['::10.0.0.0/104', '::a00:0/104', 0x0a00_0000n, 0x0aff_ffffn, 1n << 24n],
  ])('reads %s', (text, canonical, first, last, size) => {
    const parsed = cidr(text);
    const [networkText, prefixLength] = canonical.split('/');
    expect(parsed).toEqual({ family: address(networkText ?? '').family, first, prefixLength: Number(prefixLength), size, last });
    expect(formatCidr(parsed)).toBe(canonical);
  });

  it.each([
    '', '/', '/8', '10.0.0.0', '10.0.0.0/', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/+8', '10.0.0.0/ 8', '10.0.0.0/8 ', '10.0.0.0/8/8',
    '10.0.0.0/1e1', '10.0.0.0/0x8', '10.0.0.0/255.0.0.0', '10.0.0/8', '10.0.0.0/99999999999999999999', '::/129', '::/', '[::]/0', '::%eth0/64',
    '::/64%eth0', '::ffff:10.0.0.0/129', '1.2.3.4::/64', ' ::/0',
  ])('refuses %j, as the sloppy reader does', (text) => {
    expect(parseCidr(text)).toBeUndefined();
    expect(parseCidrSloppy(text)).toBeUndefined();
  });
});

describe('parseCidrSloppy says what a strict reader holds against the text', () => {
  type Flags = { hostBits?: true; leadingZeros?: true; mapped?: true };
  it.each<[text: string, network: string, written: string, flags: Flags]>([
    ['10.0.0.0/8', '10.0.0.0/8', '10.0.0.0', {}],
    ['10.0.0.1/24', '10.0.0.0/24', '10.0.0.1', { hostBits: true }],
    ['fd00::1/64', 'fd00::/64', 'fd00::1', { hostBits: true }],
    ['255.255.255.255/0', '0.0.0.0/0', '255.255.255.255', { hostBits: true }],
    ['010.0.0.0/8', '10.0.0.0/8', '10.0.0.0', { leadingZeros: true }],
    ['10.0.0.0/08', '10.0.0.0/8', '10.0.0.0', { leadingZeros: true }],
    ['0.0.0.0/00', '0.0.0.0/0', '0.0.0.0', { leadingZeros: true }],
    ['fd00::/064', 'fd00::/64', 'fd00::', { leadingZeros: true }],
    ['010.0.0.1/08', '10.0.0.0/8', '10.0.0.1', { hostBits: true, leadingZeros: true }],
    ['::ffff:10.0.0.0/104', '10.0.0.0/8', '10.0.0.0', { mapped: true }],
    ['::ffff:10.0.0.0/128', '10.0.0.0/32', '10.0.0.0', { mapped: true }],
    ['::ffff:10.0.0.1/96', '0.0.0.0/0', '10.0.0.1', { mapped: true, hostBits: true }],
    ['::ffff:10.0.0.1/95', '::fffe:0:0/95', '10.0.0.1', { mapped: true, hostBits: true }], // past the mapped addresses: IPv6
    ['::ffff:0.0.0.0/64', '::/64', '0.0.0.0', { mapped: true, hostBits: true }],
    ['::ffff:0.0.0.0/32', '::/32', '0.0.0.0', { mapped: true, hostBits: true }], // counted in 128 bits, so 32 is short
    ['::ffff:010.0.0.0/104', '10.0.0.0/8', '10.0.0.0', { mapped: true, leadingZeros: true }],
  ])('%s', (text, network, written, flags) => {
    const none = { hostBits: false, leadingZeros: false, mapped: false };
    expect(parseCidrSloppy(text)).toEqual({ cidr: cidr(network), address: address(written), ...none, ...flags });
    expect(parseCidr(text)).toEqual(Object.keys(flags).length === 0 ? cidr(network) : undefined);
  });
});

describe('usableRange', () => {
  it.each<[text: string, count: bigint, first?: string, last?: string]>([
    ['10.96.0.0/32', 0n],
    ['10.96.0.0/31', 0n],
    ['0.0.0.0/32', 0n], // no address below the network to fall back to
    ['255.255.255.255/32', 0n],
    ['10.96.0.0/30', 2n, '10.96.0.1', '10.96.0.2'],
    ['10.96.0.0/29', 6n, '10.96.0.1', '10.96.0.6'],
    ['10.96.0.0/28', 14n, '10.96.0.1', '10.96.0.14'],
    ['10.96.0.0/27', 30n, '10.96.0.1', '10.96.0.30'],
    ['10.96.0.0/26', 62n, '10.96.0.1', '10.96.0.62'],
    ['10.96.0.0/25', 126n, '10.96.0.1', '10.96.0.126'],
    ['10.96.0.0/24', 254n, '10.96.0.1', '10.96.0.254'],
    ['10.96.0.0/23', 510n, '10.96.0.1', '10.96.1.254'],
    ['10.96.0.0/22', 1022n, '10.96.0.1', '10.96.3.254'],
    ['10.96.0.0/21', 2046n, '10.96.0.1', '10.96.7.254'],
    ['10.96.0.0/20', 4094n, '10.96.0.1', '10.96.15.254'],
    ['10.96.0.0/16', 65534n, '10.96.0.1', '10.96.255.254'],
    ['10.96.0.0/12', 1048574n, '10.96.0.1', '10.111.255.254'],
    ['0.0.0.0/0', (1n << 32n) - 2n, '0.0.0.1', '255.255.255.254'],
    ['fd00::/128', 0n],
    ['fd00::/127', 1n, 'fd00::1', 'fd00::1'],
    ['fd00::/124', 15n, 'fd00::1', 'fd00::f'],
    ['fd00::/123', 31n, 'fd00::1', 'fd00::1f'],
    ['fd00::/120', 255n, 'fd00::1', 'fd00::ff'],
    ['fd00::/116', 4095n, 'fd00::1', 'fd00::fff'],
    ['fd00::/112', 65535n, 'fd00::1', 'fd00::ffff'],
    ['fd00::/108', 1048575n, 'fd00::1', 'fd00::f:ffff'],
    ['fd00::/64', (1n << 64n) - 1n, 'fd00::1', 'fd00::ffff:ffff:ffff:ffff'],
    ['::/0', (1n << 128n) - 1n, '::1', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ])('%s has %s', (text, count, first, last) => {
    const usable = usableRange(cidr(text));
    expect(usable.count).toBe(count);
    if (first !== undefined && last !== undefined) {
      expect(usable).toEqual({ first: address(first).value, last: address(last).value, count });
    } else {
      expect(usable.first).toBeGreaterThan(usable.last);
      expect(usable.last).toBeGreaterThanOrEqual(0n);
    }
  });
});

describe('how networks lie to each other', () => {
  it.each<[outer: string, inner: string]>([
    ['10.0.0.0/8', '10.96.0.0/12'],
    ['10.0.0.0/24', '10.0.0.0/24'],
    ['0.0.0.0/0', '255.255.255.255/32'],
    ['::/0', 'fd00::/64'],
  ])('%s covers %s', (outer, inner) => {
    expect(cidrCovers(cidr(outer), cidr(inner))).toBe(true);
    expect(cidrCovers(cidr(inner), cidr(outer))).toBe(outer === inner);
    expect(cidrsOverlap(cidr(outer), cidr(inner))).toBe(true);
    expect(cidrsOverlap(cidr(inner), cidr(outer))).toBe(true);
  });

  it.each<[a: string, b: string]>([
    ['10.0.0.0/25', '10.0.0.128/25'],
    ['0.0.0.0/0', '::/0'], // the same numbers in another family are other addresses
  ])('%s and %s are apart', (a, b) => {
    expect(cidrsOverlap(cidr(a), cidr(b))).toBe(false);
    expect(cidrCovers(cidr(a), cidr(b))).toBe(false);
    expect(cidrContains(cidr(a), { family: cidr(b).family, value: cidr(b).first })).toBe(false);
  });

  it('agrees with a comparison address by address', () =>
    fc.assert(
      fc.property(closeCidr, closeCidr, (a, b) => {
        const inB: boolean[] = [];
        for (let value = a.first; value <= a.last; value++) inB.push(cidrContains(b, { family: a.family, value }));
        expect(inB).toHaveLength(Number(a.size));
        expect(cidrsOverlap(a, b)).toBe(inB.includes(true));
        expect(cidrCovers(b, a)).toBe(!inB.includes(false));
      }),
      runs,
    ));
});

describe('laws', () => {
  it('reading what was written gives the same network, and size, bounds and usable range agree', () =>
    fc.assert(
      fc.property(fc.bigInt(0n, (1n << 128n) - 1n), fc.nat(128), fc.boolean(), (bits, length, isIPv4) => {
        const prefixLength = isIPv4 ? length % 33 : length;
        const text = isIPv4
          ? [24n, 16n, 8n, 0n].map((shift) => (bits >> shift) & 255n).join('.')
          : (bits.toString(16).padStart(32, '0').match(/.{4}/g) ?? []).join(':');
        const parsed = parseCidrSloppy(`${text}/${prefixLength}`);
        fc.pre(parsed !== undefined && !parsed.mapped);
        const network = parsed.cidr;
        expect(parseCidr(formatCidr(network))).toEqual(network);
        expect(network.last - network.first + 1n).toBe(network.size);
        expect(network.size).toBe(1n << BigInt((isIPv4 ? 32 : 128) - prefixLength));
        expect(network.first % network.size).toBe(0n);
        expect(cidrContains(network, parsed.address)).toBe(true);
        expect(parsed.hostBits).toBe(parsed.address.value !== network.first);
        const kept = isIPv4 ? 2n : 1n;
        expect(usableRange(network).count).toBe(network.size > kept ? network.size - kept : 0n);
      }),
      runs,
    ));
});
