import { formatAddress, parseAddress, type Address } from '@ipledger/ip';
import { compileDefinition } from '../cluster/definition.js';
import { bandOf, isUsable, makePool, poolOf, staticBandSize, staticPortBandSize, type AddressRange } from './pool.js';

const address = (text: string): Address => {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw new Error(`no address: ${text}`);
  return parsed;
};

/** KEP-3070; spec 5.1 and 5.2. `-` = no address. */
const bands: [cidr: string, usable: bigint, staticBand: string, dynamicBand: string, dynamicCount: bigint][] = [
  ['10.96.0.0/32', 0n, '-', '-', 0n],
  ['10.96.0.0/31', 0n, '-', '-', 0n],
  ['10.96.0.0/30', 2n, '-', '10.96.0.1 10.96.0.2', 2n],
  ['10.96.0.0/29', 6n, '-', '10.96.0.1 10.96.0.6', 6n],
  ['10.96.0.0/28', 14n, '-', '10.96.0.1 10.96.0.14', 14n], // 16 addresses are not split: the code says so, the KEP's text does not
  ['10.96.0.0/27', 30n, '10.96.0.1 10.96.0.16', '10.96.0.17 10.96.0.30', 14n], // 32 / 16 = 2, lifted to 16
  ['10.96.0.0/26', 62n, '10.96.0.1 10.96.0.16', '10.96.0.17 10.96.0.62', 46n],
  ['10.96.0.0/25', 126n, '10.96.0.1 10.96.0.16', '10.96.0.17 10.96.0.126', 110n],
  ['10.96.0.0/24', 254n, '10.96.0.1 10.96.0.16', '10.96.0.17 10.96.0.254', 238n],
  ['10.96.0.0/23', 510n, '10.96.0.1 10.96.0.32', '10.96.0.33 10.96.1.254', 478n], // the first row above the floor of 16
  ['10.96.0.0/22', 1022n, '10.96.0.1 10.96.0.64', '10.96.0.65 10.96.3.254', 958n],
  ['10.96.0.0/21', 2046n, '10.96.0.1 10.96.0.128', '10.96.0.129 10.96.7.254', 1918n],
  ['10.96.0.0/20', 4094n, '10.96.0.1 10.96.1.0', '10.96.1.1 10.96.15.254', 3838n], // the first row at the cap of 256
  ['10.96.0.0/16', 65534n, '10.96.0.1 10.96.1.0', '10.96.1.1 10.96.255.254', 65278n],
  ['10.96.0.0/12', 1048574n, '10.96.0.1 10.96.1.0', '10.96.1.1 10.111.255.254', 1048318n],
  ['128.0.0.0/1', (1n << 31n) - 2n, '-', '128.0.0.1 255.255.255.254', (1n << 31n) - 2n], // its size counts as 0 upstream
  ['64.0.0.0/2', (1n << 30n) - 2n, '64.0.0.1 64.0.1.0', '64.0.1.1 127.255.255.254', (1n << 30n) - 258n],
  ['fd00::/128', 0n, '-', '-', 0n],
  ['fd00::/127', 1n, '-', 'fd00::1 fd00::1', 1n],
  ['fd00::/124', 15n, '-', 'fd00::1 fd00::f', 15n], // the last IPv6 address is usable
  ['fd00::/123', 31n, 'fd00::1 fd00::10', 'fd00::11 fd00::1f', 15n],
  ['fd00::/120', 255n, 'fd00::1 fd00::10', 'fd00::11 fd00::ff', 239n],
  ['fd00::/116', 4095n, 'fd00::1 fd00::100', 'fd00::101 fd00::fff', 3839n],
  ['fd00::/112', 65535n, 'fd00::1 fd00::100', 'fd00::101 fd00::ffff', 65279n],
  ['fd00::/108', 1048575n, 'fd00::1 fd00::100', 'fd00::101 fd00::f:ffff', 1048319n], // upstream's bitmap stops at 65535
  ['fd00::/64', (1n << 64n) - 1n, 'fd00::1 fd00::100', 'fd00::101 fd00::ffff:ffff:ffff:ffff', (1n << 64n) - 257n], // exact (difference 4)
];

describe('the bands of a pool', () => {
  it.each(bands)('%s', (cidr, usable, staticBand, dynamicBand, dynamicCount) => {
    const pool = makePool(cidr, 'open');
    const shown = ({ first, last, count }: AddressRange): string => {
      if (count === 0n) return first > last ? '-' : 'an empty range whose bounds are not';
      expect(last - first + 1n).toBe(count);
      return [first, last].map((value) => formatAddress({ family: pool.family, value })).join(' ');
    };
    expect([shown(pool.staticBand), shown(pool.dynamicBand)]).toEqual([staticBand, dynamicBand]);
    expect([pool.usable.count, pool.dynamicBand.count]).toEqual([usable, dynamicCount]);
    expect(pool.staticBand.count + pool.dynamicBand.count).toBe(usable);
  });

  it('names a pool by the canonical text of its CIDR', () => expect(makePool('FD00:0::/120', 'open').name).toBe('fd00::/120'));
  it('refuses to make a pool of what is no CIDR', () => expect(() => makePool('10.0.0.1/24', 'open')).toThrow('"10.0.0.1/24"'));
});

describe('the size of the static band', () => {
  it.each<[size: bigint, offset: bigint]>([
    [1n, 0n], [16n, 0n], [17n, 16n], [32n, 16n], [271n, 16n], [272n, 17n], [4095n, 255n], [4096n, 256n], [1n << 64n, 256n],
  ])('of %s addresses is %s', (size, offset) => expect(staticBandSize(size)).toBe(offset));
});

describe('the place of an address', () => {
  const pools = [makePool('10.0.0.0/27', 'open'), makePool('fd00::/123', 'draining'), makePool('10.0.0.64/28', 'open')];

  it.each<[text: string, pool: string | undefined, band: string | null, usable: boolean]>([
    ['10.0.0.0', '10.0.0.0/27', null, false], // network address
    ['10.0.0.1', '10.0.0.0/27', 'static', true],
    ['10.0.0.16', '10.0.0.0/27', 'static', true],
    ['10.0.0.17', '10.0.0.0/27', 'dynamic', true],
    ['10.0.0.30', '10.0.0.0/27', 'dynamic', true],
    ['10.0.0.31', '10.0.0.0/27', null, false], // broadcast address
    ['10.0.0.65', '10.0.0.64/28', 'dynamic', true],
    ['fd00::', 'fd00::/123', null, false], // subnet-router anycast
    ['fd00::1f', 'fd00::/123', 'dynamic', true],
  ])('%s', (text, name, band, usable) => {
    const pool = poolOf(pools, address(text));
    expect(pool?.name).toBe(name);
    expect(pool && bandOf(pool, address(text).value)).toBe(band);
    expect(pool && isUsable(pool, address(text).value)).toBe(usable);
  });

  it.each(['10.0.0.32', '9.255.255.255', 'fd00::20', '::a00:1'])('%s is in no pool', (text) => expect(poolOf(pools, address(text))).toBeUndefined());
});

/** Spec 6.1; portallocator calculateRangeOffset. */
describe('the bands of a node port range', () => {
  it.each<[size: number, offset: number]>([[1, 0], [16, 0], [17, 16], [32, 16], [512, 16], [543, 16], [544, 17], [2768, 86], [4095, 127], [4096, 128], [65535, 128]])(
    'of %i ports has %i static ones', (size, offset) => expect(staticPortBandSize(size)).toBe(offset));

  it.each<[range: string, staticBand: string, dynamicBand: string]>([
    ['30000-32767', '30000-30085 (86)', '30086-32767 (2682)'],
    ['30000-30015', '30000-29999 (0)', '30000-30015 (16)'],
    ['30000-30031', '30000-30015 (16)', '30016-30031 (16)'],
    ['443-443', '443-442 (0)', '443-443 (1)'],
  ])('%s', (range, ...expected) => {
    const { staticBand, dynamicBand } = compileDefinition({ name: 'blue', serviceCIDRs: [], draining: [], nodePortRange: range, createdAt: '' }).nodePorts;
    expect([staticBand, dynamicBand].map(({ first, last, count }) => `${first}-${last} (${count})`)).toEqual(expected);
  });
});
