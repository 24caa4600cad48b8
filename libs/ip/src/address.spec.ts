import fc from 'fast-check';
import { compareAddresses, formatAddress, otherFamily, parseAddress, parseAddressSloppy } from './address.js';
import type { Address, Family } from './address.js';

const runs = { numRuns: 2000 };
const mappedPrefix = 0xffffn;

/** Full-range values, and values with many zero groups, which is where `::` is decided. */
const ipv6Value = fc.oneof(
  fc.bigInt(0n, (1n << 128n) - 1n),
  fc
    .array(fc.oneof(fc.constant(0n), fc.bigInt(0n, 0xffffn)), { minLength: 8, maxLength: 8 })
    .map((groups) => groups.reduce((value, group) => (value << 16n) | group, 0n)),
);
const ipv6 = ipv6Value
  .filter((value) => value >> 32n !== mappedPrefix)
  .map((value): Address => ({ family: 'IPv6', value }));
const ipv4 = fc.bigInt(0n, 0xffff_ffffn).map((value): Address => ({ family: 'IPv4', value }));

describe('parseAddress takes any spelling with one meaning', () => {
  it.each<[text: string, family: Family, value: bigint, canonical: string]>([
    ['0.0.0.0', 'IPv4', 0n, '0.0.0.0'],
    ['10.96.0.1', 'IPv4', 0x0a60_0001n, '10.96.0.1'],
    ['255.255.255.255', 'IPv4', 0xffff_ffffn, '255.255.255.255'],
    ['::', 'IPv6', 0n, '::'],
    ['::1', 'IPv6', 1n, '::1'],
    ['fc::', 'IPv6', 0xfcn << 112n, 'fc::'],
    ['ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'IPv6', (1n << 128n) - 1n, 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['::10.0.0.1', 'IPv6', 0x0a00_0001n, '::a00:1'], // IPv4-compatible, not IPv4-mapped: it stays IPv6
    ['64:ff9b::192.0.2.1', 'IPv6', (0x64_ff9bn << 96n) | 0xc000_0201n, '64:ff9b::c000:201'],
    ['1:2:3:4:5:6:7.8.9.10', 'IPv6', 0x0001_0002_0003_0004_0005_0006_0708_090an, '1:2:3:4:5:6:708:90a'],
    ['1:2:3:4:5:6:7::', 'IPv6', 0x0001_0002_0003_0004_0005_0006_0007_0000n, '1:2:3:4:5:6:7:0'], // `::` for one group is read
    ['::2:3:4:5:6:7:8', 'IPv6', 0x0002_0003_0004_0005_0006_0007_0008n, '0:2:3:4:5:6:7:8'],
    ['::ffff:0:1.2.3.4', 'IPv6', 0xffff_0000_0102_0304n, '::ffff:0:102:304'], // one group off the mapped prefix
    ['::1:ffff:1.2.3.4', 'IPv6', 0x1_ffff_0102_0304n, '::1:ffff:102:304'],
    ['0000:00AB::', 'IPv6', 0xabn << 96n, '0:ab::'], // up to four digits, zeros in front are no fault in IPv6
  ])('%s', (text, family, value, canonical) => {
    expect(parseAddress(text)).toEqual({ family, value });
    expect(formatAddress({ family, value })).toBe(canonical);
    expect(parseAddressSloppy(text)).toEqual({ address: { family, value }, leadingZeros: false, mapped: false });
  });
});

describe('what only the sloppy reader takes, and why the strict one does not', () => {
  it.each<[text: string, canonical: string, flags: { leadingZeros: boolean; mapped: boolean }]>([
    ['010.000.08.001', '10.0.8.1', { leadingZeros: true, mapped: false }], // decimal, not octal
    ['0000000000000010.0.0.1', '10.0.0.1', { leadingZeros: true, mapped: false }],
    ['00.0.0.0', '0.0.0.0', { leadingZeros: true, mapped: false }],
    ['::010.0.0.1', '::a00:1', { leadingZeros: true, mapped: false }],
    ['fd00::00001', 'fd00::1', { leadingZeros: true, mapped: false }], // five digits: Go's fork reads it, netip does not
    ['::ffff:1.2.3.4', '1.2.3.4', { leadingZeros: false, mapped: true }],
    ['::ffff:102:304', '1.2.3.4', { leadingZeros: false, mapped: true }],
    ['0:0:0:0:0:FFFF:0:0', '0.0.0.0', { leadingZeros: false, mapped: true }],
    ['::ffff:01.2.3.4', '1.2.3.4', { leadingZeros: true, mapped: true }],
  ])('%s is %s', (text, canonical, flags) => {
    const address = parseAddress(canonical);
    expect(address).toBeDefined();
    expect(parseAddressSloppy(text)).toEqual({ address, ...flags });
    expect(parseAddress(text)).toBeUndefined();
  });
});

describe('no reader takes', () => {
  it.each([
    '', ' ', '.', ':', 'localhost', '1', '10.0.0', '10.0.0.', '.10.0.0.1', '10..0.1', '10.0.0.1.2', '10.0.0.256', '10.0.0.-1', '10.0.0.+1',
    '10.0.0.1e0', '0x0a.0.0.1', '10.0.0.1 ', ' 10.0.0.1', '10.0.0.1\n', '10.0.0.1/32', '10.0.0.1:80', '99999999999999999999.0.0.1',
    '١.١.١.١', // digits of another script
    ':::', '::::', '1:::2', '1::2::3', ':1', '1:', ':1::', '1::2:', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7:8:',
    '1:2:3:4:5:6:7:8::', '::1:2:3:4:5:6:7:8', '1:2:3:4::5:6:7:8', // `::` must stand for at least one group
    '::10000', '::fffff', '::g', '::0x1', '::-1', '::%eth0', 'fe80::1%eth0', 'fe80::1%', '[::1]', '::1/128', '::1 ',
    '1.2.3.4::', '::1.2.3.4:5', '::1.2.3', '::1.2.3.256', '1.2.3.4:5::', '1:2:3:4:5:6:7:1.2.3.4', '::1:2:3:4:5:6:1.2.3.4', '1:2:3:4:5:1.2.3.4',
    '::ffff:1.2.3.4%eth0', ':1.2.3.4', '::ffff:1.2.3.',
  ])('%j', (text) => {
    expect(parseAddressSloppy(text)).toBeUndefined();
    expect(parseAddress(text)).toBeUndefined();
  });
});

describe('formatAddress writes RFC 5952', () => {
  it.each<[text: string, canonical: string, rule: string]>([
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1', '4.2.3: of equal runs the first'],
    ['2001:0db8:0:0:1:0:0:1', '2001:db8::1:0:0:1', '4.1: no leading zeros'],
    ['2001:db8::1:0:0:1', '2001:db8::1:0:0:1', '2.2'],
    ['2001:DB8:0:0:1::1', '2001:db8::1:0:0:1', '4.3: lower case'],
    ['2001:db8:aaaa:bbbb:cccc:dddd::1', '2001:db8:aaaa:bbbb:cccc:dddd:0:1', '4.2.2: not for one group'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1', '4.2.2'],
    ['2001:db8:0:0:0:0:2:1', '2001:db8::2:1', '4.2.1: as short as possible'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1', '4.2.3: the longest run'],
    ['1:0:0:0:0:0:0:0', '1::', 'a run at the end'],
    ['0:0:1:0:0:0:0:0', '0:0:1::', 'the longer run at the end'],
    ['0:0:0:1:0:0:0:1', '::1:0:0:0:1', 'the first of two runs of three'],
    ['0:1:0:1:0:1:0:1', '0:1:0:1:0:1:0:1', 'no run of two'],
  ])('%s as %s (%s)', (text, canonical) => {
    const address = parseAddress(text);
    expect(address && formatAddress(address)).toBe(canonical);
  });

  it('keeps the dotted tail of an IPv4-mapped value, as netip prints it', () => {
    expect(formatAddress({ family: 'IPv6', value: (mappedPrefix << 32n) | 0x0102_0304n })).toBe('::ffff:1.2.3.4');
    expect(formatAddress({ family: 'IPv6', value: (mappedPrefix << 32n) | 0xffff_ffffn })).toBe('::ffff:255.255.255.255');
  });
});

describe('laws', () => {
  it('reading what was written gives the same address', () =>
    fc.assert(
      fc.property(fc.oneof(ipv4, ipv6), (address) => {
        expect(parseAddress(formatAddress(address))).toEqual(address);
      }),
      runs,
    ));

  it('every spelling of an IPv6 address is the same address', () =>
    fc.assert(
      fc.property(ipv6, fc.nat(7), fc.nat(7), fc.boolean(), fc.boolean(), (address, start, length, upper, dotted) => {
        const digits = address.value.toString(16).padStart(32, '0');
        const groups = digits.match(/.{4}/g) ?? [];
        if (dotted) groups.splice(6, 2, [24, 26, 28, 30].map((at) => parseInt(digits.slice(at, at + 2), 16)).join('.'));
        const zeros = groups.slice(start, start + length + 1);
        const written = zeros.length > 0 && zeros.every((group) => group === '0000')
          ? `${groups.slice(0, start).join(':')}::${groups.slice(start + length + 1).join(':')}`
          : groups.join(':');
        expect(parseAddress(upper ? written.toUpperCase() : written)).toEqual(address);
      }),
      runs,
    ));

  it('leading zeros in an octet change the flag and nothing else', () =>
    fc.assert(
      fc.property(ipv4, fc.array(fc.nat(3), { minLength: 4, maxLength: 4 }), (address, zeros) => {
        const octets = formatAddress(address).split('.');
        const text = octets.map((octet, i) => '0'.repeat(zeros[i] ?? 0) + octet).join('.');
        expect(parseAddressSloppy(text)).toEqual({ address, leadingZeros: zeros.some((count) => count > 0), mapped: false });
      }),
      runs,
    ));

  it('the order is by family, then by value, and agrees with itself', () =>
    fc.assert(
      fc.property(fc.oneof(ipv4, ipv6), fc.oneof(ipv4, ipv6), (a, b) => {
        const order = a.family === b.family ? Number(a.value > b.value) - Number(a.value < b.value) : a.family === 'IPv4' ? -1 : 1;
        expect(compareAddresses(a, b)).toBe(order);
        expect(compareAddresses(a, a)).toBe(0);
      }),
      runs,
    ));
});

it('otherFamily names the other one', () => {
  expect(otherFamily('IPv4')).toBe('IPv6');
  expect(otherFamily('IPv6')).toBe('IPv4');
});
