import { formatCidr } from '@ipledger/ip';
import fc from 'fast-check';
import { checkCidrs, cidrProblem, clusterNameProblem, familiesOf, portRangeProblem } from './definition.js';

const notCidr = 'is not a CIDR; write an address, a slash and a prefix length, such as 10.96.0.0/16 or fd00:10:96::/112';
const zeros = 'has leading zeros, which are ambiguous; write the numbers without them';
const hostBits = 'has bits set beyond the prefix length; write the first address of the range';
const noneUsable = 'has no usable address; an IPv4 range needs /30 or shorter, an IPv6 range /127 or shorter';
const special = (name: string, range: string): string => `overlaps the ${name} range ${range}, whose addresses no Service can have`;

/** Design D14. */
describe('a CIDR', () => {
  it.each(['10.0.0.0/30', '10.0.0.0/8', '172.16.0.0/12', 'fd00::/64', 'fd00::/127', 'FD00:0::/120', '192.0.2.0/24', '2001:db8::/108'])('%s can be a pool', (text) =>
    expect(cidrProblem(text)).toBeUndefined());

  it.each<[text: string, why: string]>([
    ['', notCidr], ['10.0.0.0', notCidr], ['10.0.0.0/33', notCidr], ['fd00::/129', notCidr], ['10.0.0/24', notCidr], ['10.0.0.0/24 ', notCidr], ['10.0.0.0/-1', notCidr],
    ['010.0.0.0/24', zeros], ['10.0.0.0/024', zeros],
    ['::ffff:10.0.0.0/120', 'is an IPv4-mapped IPv6 range; write it as IPv4'],
    ['10.0.0.1/24', hostBits], ['fd00::1/120', hostBits],
    ['fd00::/63', 'is larger than a /64, the largest IPv6 range there can be'], // upstream accepts the object, and its allocator then refuses to start (5.1)
    ['10.0.0.0/31', noneUsable], ['10.0.0.0/32', noneUsable], ['fd00::/128', noneUsable],
    ['127.0.0.0/24', special('loopback', '127.0.0.0/8')],
    ['127.0.0.0/7', hostBits], ['126.0.0.0/7', special('loopback', '127.0.0.0/8')], // around it counts as well
    ['169.254.0.0/24', special('link-local', '169.254.0.0/16')],
    ['239.0.0.0/8', special('multicast', '224.0.0.0/4')],
    ['0.0.0.0/8', special('unspecified', '0.0.0.0/32')],
    ['0.0.0.0/0', special('unspecified', '0.0.0.0/32')],
    ['::/120', special('unspecified', '::/128')],
    ['fe80::/64', special('link-local', 'fe80::/10')],
    ['ff02::/64', special('multicast', 'ff00::/8')],
  ])('%j cannot be a pool', (text, why) => expect(cidrProblem(text)).toBe(why));
});

describe('a list of CIDRs', () => {
  const canonical = (texts: string[]): string[] => {
    const checked = checkCidrs(texts);
    return 'cidrs' in checked ? checked.cidrs.map(formatCidr) : checked.problems.map(({ field, value, why }) => `${field}: ${JSON.stringify(value)}: ${why}`);
  };
  const many = (count: number): string[] => Array.from({ length: count }, (_, i) => `10.0.${i}.0/24`);
  const amount = '1 to 16 CIDRs are needed, such as ["10.96.0.0/16", "fd00:10:96::/112"]';

  it('keeps its order and becomes canonical', () => expect(canonical(['FD00:0::/120', '10.0.0.0/24', 'fd01::/120'])).toEqual(['fd00::/120', '10.0.0.0/24', 'fd01::/120']));
  it.each<[what: string, texts: string[], problems: string[]]>([
    ['empty', [], [`serviceCIDRs: 0: ${amount}`]],
    ['one too many', many(17), [`serviceCIDRs: 17: ${amount}`]],
    ['twice the same', ['10.0.0.0/24', '10.0.0.0/24'], ['serviceCIDRs[1]: "10.0.0.0/24": overlaps 10.0.0.0/24; the CIDRs of one cluster must not overlap']],
    ['the second inside the first', ['10.0.0.0/16', 'fd00::/120', '10.0.1.0/24'], ['serviceCIDRs[2]: "10.0.1.0/24": overlaps 10.0.0.0/16; the CIDRs of one cluster must not overlap']],
    ['the second around the first', ['fd00::/120', 'fd00::/112'], ['serviceCIDRs[1]: "fd00::/112": overlaps fd00::/120; the CIDRs of one cluster must not overlap']],
    ['every problem at once, each at its place', ['x', '10.0.0.0/24', '10.0.0.1/24', '10.0.0.0/25'], [
      `serviceCIDRs[0]: "x": ${notCidr}`, `serviceCIDRs[2]: "10.0.0.1/24": ${hostBits}`, 'serviceCIDRs[3]: "10.0.0.0/25": overlaps 10.0.0.0/24; the CIDRs of one cluster must not overlap',
    ]],
  ])('%s', (_, texts, problems) => expect(canonical(texts)).toEqual(problems));
  it('may have sixteen', () => expect(canonical(many(16))).toEqual(many(16)));

  it('never passes with two that share an address', () => {
    const cidr = fc.record({ block: fc.nat(15), bits: fc.nat(4) }).map(({ block, bits }) => `10.0.${(block >> bits) << bits}.0/${24 - bits}`);
    fc.assert(fc.property(fc.array(cidr, { minLength: 1, maxLength: 6 }), (texts) => {
      const blocks = texts.flatMap((text) => {
        const [, block = '', prefix = ''] = /^10\.0\.(\d+)\.0\/(\d+)$/.exec(text) ?? [];
        return Array.from({ length: 2 ** (24 - Number(prefix)) }, (_, i) => Number(block) + i);
      });
      expect('cidrs' in checkCidrs(texts)).toBe(new Set(blocks).size === blocks.length);
    }), { numRuns: 1000 });
  });
});

it.each<[families: ('IPv4' | 'IPv6')[], seen: string[]]>([[['IPv4'], ['IPv4']], [['IPv6', 'IPv4', 'IPv6'], ['IPv6', 'IPv4']], [['IPv4', 'IPv4', 'IPv6'], ['IPv4', 'IPv6']]])(
  'families of %j are %j: first configured, first', (list, seen) => expect(familiesOf(list.map((family) => ({ family })))).toEqual(seen));

describe('a node port range', () => {
  it.each(['30000-32767', '1-65535', '443-443'])('%s is one', (text) => expect(portRangeProblem(text)).toBeUndefined());
  it.each(['', '30000', '30000-', '0-100', '1-65536', '200-100', '30000-32767 ', 'a-b', '-1-5', '30000:32767'])('%j is none', (text) =>
    expect(portRangeProblem(text)).toBe('is not a port range; write FIRST-LAST with 1 <= FIRST <= LAST <= 65535, such as 30000-32767'));
});

describe('a cluster name', () => {
  it.each(['a', '1', 'blue', '1-a', 'a'.repeat(63)])('%s is one', (name) => expect(clusterNameProblem(name)).toBeUndefined());
  it.each(['', 'A', 'a.b', '-a', 'a-', 'a_b', 'a'.repeat(64), 'é', 'a\n'])('%j is none', (name) =>
    expect(clusterNameProblem(name)).toBe('is not an RFC 1123 label; use 1 to 63 lower-case letters, digits and -, starting and ending with a letter or digit'));
});
