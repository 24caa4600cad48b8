import type { ServiceSpec } from '../service.js';
import type { FieldError } from '../field-error.js';
import { checkExternalIPs, clusterIPFieldErrors, externalNameErrors, immutabilityErrors } from './addresses.js';
import { externalName, sampleService, shown } from './sample-service.js';

const notAddress = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
/** No policy and no families, so that only what a row gives is in question. */
const spec = (changes: Partial<ServiceSpec>): ServiceSpec => ({ type: 'ClusterIP', ...changes });
const service = (changes: Partial<ServiceSpec>) => ({ ...sampleService(), spec: spec(changes) });
/** Both lists from one: the singular is the first address. */
const ips = (...clusterIPs: string[]): Partial<ServiceSpec> => ({ clusterIP: clusterIPs[0] === '' ? undefined : clusterIPs[0], clusterIPs });

describe('clusterIP, clusterIPs, ipFamilies and ipFamilyPolicy among themselves', () => {
  it.each<[what: string, given: Partial<ServiceSpec>, errors: string[]]>([
    ['nothing given', {}, []],
    ['an address', ips('10.0.0.1'), []],
    ['a pair', { ...ips('fd00::1', '10.0.0.1'), ipFamilies: ['IPv6', 'IPv4'], ipFamilyPolicy: 'RequireDualStack' }, []],
    ['headless with any families', { ...ips('None'), ipFamilies: ['IPv6'] }, []],
    ['another spelling of an IPv6 address', ips('FD00:0::1'), []],
    ['ExternalName is judged elsewhere', { ...externalName, ...ips('abc'), ipFamilyPolicy: 'X' }, []],

    ['singular only', { clusterIP: '10.0.0.1' }, ['spec.clusterIPs: Required value']],
    ['singular differs', { ...ips('10.0.0.1'), clusterIP: '10.0.0.2' }, ['spec.clusterIPs: Invalid value: ["10.0.0.1"]: first value must match `clusterIP`']],
    ['plural only', { clusterIPs: ['10.0.0.1'] }, ['spec.clusterIPs: Invalid value: ["10.0.0.1"]: must be empty when `clusterIP` is not specified']],
    [
      'an empty entry', ips(''),
      ['spec.clusterIPs: Invalid value: [""]: must be empty when `clusterIP` is not specified', `spec.clusterIPs[0]: Invalid value: "": ${notAddress}`],
    ],
    ['a family that does not exist', { ipFamilies: ['IPv5'] }, ['spec.ipFamilies[0]: Unsupported value: "IPv5": supported values: "IPv4", "IPv6"']],
    ['a family twice', { ipFamilies: ['IPv4', 'IPv6', 'IPv4'] }, ['spec.ipFamilies[2]: Duplicate value: "IPv4"']],
    [
      'an unknown family twice', { ipFamilies: ['<', '<'] },
      [
        'spec.ipFamilies[0]: Unsupported value: "\\u003c": supported values: "IPv4", "IPv6"',
        'spec.ipFamilies[1]: Unsupported value: "\\u003c": supported values: "IPv4", "IPv6"', 'spec.ipFamilies[1]: Duplicate value: "\\u003c"',
      ],
    ],
    ['policy', { ipFamilyPolicy: 'Both' }, ['spec.ipFamilyPolicy: Unsupported value: "Both": supported values: "PreferDualStack", "RequireDualStack", "SingleStack"']],
    ['an empty policy', { ipFamilyPolicy: '' }, ['spec.ipFamilyPolicy: Unsupported value: "": supported values: "PreferDualStack", "RequireDualStack", "SingleStack"']],
    ['None and more', ips('None', '10.0.0.1'), ['spec.clusterIPs: Invalid value: ["None","10.0.0.1"]: \'None\' must be the first and only value']],
    ['more and None', ips('10.0.0.1', 'None'), [`spec.clusterIPs[1]: Invalid value: "None": ${notAddress}`]],
    ['no address', ips('abc'), [`spec.clusterIPs[0]: Invalid value: "abc": ${notAddress}`]],
    ['leading zeros', ips('010.0.0.1'), ['spec.clusterIPs[0]: Invalid value: "010.0.0.1": must not have leading 0s']],
    ['IPv4 in IPv6', ips('::ffff:10.0.0.1'), ['spec.clusterIPs[0]: Invalid value: "::ffff:10.0.0.1": must not be an IPv4-mapped IPv6 address']],
    ['three', ips('10.0.0.1', 'fd00::1', '10.0.0.2'), ['spec.clusterIPs: Invalid value: ["10.0.0.1","fd00::1","10.0.0.2"]: may only hold up to 2 values']],
    [
      'three of one family', ips('10.0.0.1', '10.0.0.2', '10.0.0.3'),
      [
        'spec.clusterIPs: Invalid value: ["10.0.0.1","10.0.0.2","10.0.0.3"]: may only hold up to 2 values',
        'spec.clusterIPs: Invalid value: ["10.0.0.1","10.0.0.2","10.0.0.3"]: may specify no more than one IP for each IP family',
      ],
    ],
    ['one twice', ips('fd00::1', 'fd00:0::1'), ['spec.clusterIPs: Invalid value: ["fd00::1","fd00:0::1"]: may specify no more than one IP for each IP family']],
    ['IPv4 expected', { ...ips('fd00::1'), ipFamilies: ['IPv4'] }, ['spec.clusterIPs[0]: Invalid value: "fd00::1": expected an IPv4 value as indicated by `ipFamilies[0]`']],
    [
      'IPv6 expected, second place', { ...ips('fd00::1', '10.0.0.1'), ipFamilies: ['IPv6', 'IPv6'] },
      ['spec.ipFamilies[1]: Duplicate value: "IPv6"', 'spec.clusterIPs[1]: Invalid value: "10.0.0.1": expected an IPv6 value as indicated by `ipFamilies[1]`'],
    ],
    ['only places that both lists have', { ...ips('10.0.0.1'), ipFamilies: ['IPv4', 'IPv6'] }, []],
    ['an unknown family expects nothing', { ...ips('10.0.0.1'), ipFamilies: ['IPv5'] }, ['spec.ipFamilies[0]: Unsupported value: "IPv5": supported values: "IPv4", "IPv6"']],
    [
      'a bad text stops the comparisons, not the count', { ...ips('abc', '10.0.0.1', '10.0.0.2'), ipFamilies: ['IPv4', 'IPv6'] },
      [`spec.clusterIPs[0]: Invalid value: "abc": ${notAddress}`, 'spec.clusterIPs: Invalid value: ["abc","10.0.0.1","10.0.0.2"]: may only hold up to 2 values'],
    ],
    [
      'order: lists, families, policy, addresses', { clusterIPs: ['abc'], ipFamilies: ['X'], ipFamilyPolicy: 'Y' },
      [
        'spec.clusterIPs: Invalid value: ["abc"]: must be empty when `clusterIP` is not specified',
        'spec.ipFamilies[0]: Unsupported value: "X": supported values: "IPv4", "IPv6"',
        'spec.ipFamilyPolicy: Unsupported value: "Y": supported values: "PreferDualStack", "RequireDualStack", "SingleStack"',
        `spec.clusterIPs[0]: Invalid value: "abc": ${notAddress}`,
      ],
    ],
  ])('%s', (_, given, errors) => expect(shown(clusterIPFieldErrors(service(given), undefined))).toEqual(errors));

  it.each<[what: string, given: Partial<ServiceSpec>, stored: Partial<ServiceSpec>, errors: string[]]>([
    ['a stored text is not looked at again', ips('010.0.0.1'), ips('010.0.0.1'), []],
    ['but it still has its family', { ...ips('::ffff:10.0.0.1'), ipFamilies: ['IPv6'] }, ips('::ffff:10.0.0.1'), ['spec.clusterIPs[0]: Invalid value: "::ffff:10.0.0.1": expected an IPv6 value as indicated by `ipFamilies[0]`']],
    ['another spelling of it is', ips('010.0.0.01'), ips('010.0.0.1'), ['spec.clusterIPs[0]: Invalid value: "010.0.0.01": must not have leading 0s']],
    [
      'the trap: a second None passes where the stored Service is headless', { ...ips('10.0.0.1', 'None'), ipFamilies: ['IPv4', 'IPv4'] }, ips('None'),
      [
        'spec.ipFamilies[1]: Duplicate value: "IPv4"', 'spec.clusterIPs: Internal error: failed to check for dual stack with error:invalid IP[1]: None',
        'spec.clusterIPs: Invalid value: ["10.0.0.1","None"]: may specify no more than one IP for each IP family',
      ],
    ],
    [
      'the trap, IPv6 wanted', { ...ips('10.0.0.1', 'None'), ipFamilies: ['IPv4', 'IPv6'] }, ips('None'),
      [
        'spec.clusterIPs: Internal error: failed to check for dual stack with error:invalid IP[1]: None',
        'spec.clusterIPs: Invalid value: ["10.0.0.1","None"]: may specify no more than one IP for each IP family',
        'spec.clusterIPs[1]: Invalid value: "None": expected an IPv6 value as indicated by `ipFamilies[1]`',
      ],
    ],
  ])('on update: %s', (_, given, stored, errors) => expect(shown(clusterIPFieldErrors(service(given), service(stored)))).toEqual(errors));
});

it.each<[what: string, given: Partial<ServiceSpec>, errors: string[]]>([
  ['nothing', {}, []],
  ['empty lists', { clusterIPs: [], ipFamilies: [] }, []],
  ['an address, even None', ips('None'), ['spec.clusterIPs: Forbidden: may not be set for ExternalName services']],
  ['families', { ipFamilies: ['IPv4'] }, ['spec.ipFamilies: Forbidden: may not be set for ExternalName services']],
  ['policy', { ipFamilyPolicy: 'SingleStack' }, ['spec.ipFamilyPolicy: Forbidden: may not be set for ExternalName services']],
])('ExternalName has no addresses: %s', (_, given, errors) => expect(shown(externalNameErrors(spec({ ...externalName, ...given })))).toEqual(errors));

describe('what may not change', () => {
  const four = '10.0.0.1';
  const six = 'fd00::1';
  const single = { ...ips(four), ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' };
  const dual = { ...ips(four, six), ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'RequireDualStack' };
  const headless = { ...ips('None'), ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' };
  const once = 'may not change once set';
  it.each<[what: string, next: Partial<ServiceSpec>, stored: Partial<ServiceSpec>, errors: string[]]>([
    ['nothing changed', dual, dual, []],
    ['a second address comes', dual, single, []],
    ['the second address goes', single, dual, []],
    ['both addresses', { ...dual, ...ips('10.0.0.9', 'fd00::9') }, dual, [0, 1].map((i) => `spec.clusterIPs[${i}]: Invalid value: ["10.0.0.9","fd00::9"]: ${once}`)],
    ['the second address', { ...dual, ...ips(four, 'fd00::9') }, dual, [`spec.clusterIPs[1]: Invalid value: ["10.0.0.1","fd00::9"]: ${once}`]],
    ['another spelling is another text', { ...dual, ...ips(four, 'fd00:0::1') }, dual, [`spec.clusterIPs[1]: Invalid value: ["10.0.0.1","fd00:0::1"]: ${once}`]],
    ['no address left', { ...single, clusterIPs: undefined }, single, ['spec.clusterIPs[0]: Invalid value: null: primary clusterIP can not be unset']],
    ['an empty list left', { ...single, clusterIPs: [] }, single, ['spec.clusterIPs[0]: Invalid value: []: primary clusterIP can not be unset']],
    ['fewer, and another', { ...single, ...ips('10.0.0.9') }, dual, [`spec.clusterIPs[0]: Invalid value: ["10.0.0.9"]: ${once}`]],
    ['more, and another', { ...dual, ...ips('10.0.0.9', six) }, single, [`spec.clusterIPs[0]: Invalid value: ["10.0.0.9","fd00::1"]: ${once}`]],
    [
      'a release without SingleStack', { ...single, ipFamilyPolicy: 'PreferDualStack' }, dual,
      [
        'spec.ipFamilyPolicy: Invalid value: "PreferDualStack": must be set to \'SingleStack\' when releasing the secondary clusterIP',
        'spec.ipFamilyPolicy: Invalid value: "PreferDualStack": must be set to \'SingleStack\' when releasing the secondary ipFamily',
      ],
    ],
    [
      'a release without any policy', { ...single, ipFamilies: dual.ipFamilies, ipFamilyPolicy: undefined }, dual,
      ['spec.ipFamilyPolicy: Invalid value: null: must be set to \'SingleStack\' when releasing the secondary clusterIP'],
    ],
    ['a Service that had no address gets some', dual, { ...ips(), ipFamilies: [] }, []],
    ['and it may be a single one that wants two', { ...single, ipFamilyPolicy: 'PreferDualStack' }, { ...ips(), ipFamilies: [] }, []],
    ['both addresses gone is no release of the second', { ...dual, clusterIPs: [] }, dual, ['spec.clusterIPs[0]: Invalid value: []: primary clusterIP can not be unset']],
    ['families: index 0, once', { ...dual, ipFamilies: ['IPv6', 'IPv4'] }, dual, [`spec.ipFamilies[0]: Invalid value: ["IPv6","IPv4"]: ${once}`]],
    ['fewer families, none of them', { ...single, ipFamilies: ['IPv6'] }, dual, [`spec.ipFamilies[0]: Invalid value: ["10.0.0.1"]: ${once}`]],
    ['more families, another first: shows the addresses', { ...dual, ipFamilies: ['IPv6', 'IPv4'] }, single, [`spec.ipFamilies[0]: Invalid value: ["10.0.0.1","fd00::1"]: ${once}`]],
    [
      'fewer families and no address', { ...single, clusterIPs: undefined, ipFamilies: [] }, single,
      ['spec.clusterIPs[0]: Invalid value: null: primary clusterIP can not be unset', 'spec.ipFamilies[0]: Invalid value: []: primary ipFamily can not be unset'],
    ],
    ['a headless Service changes its families as it likes', { ...headless, ipFamilies: ['IPv6', 'IPv4'] }, headless, []],
    ['headless to headful: families are not looked at', { ...single, ipFamilies: ['IPv6'] }, headless, [`spec.clusterIPs[0]: Invalid value: ["10.0.0.1"]: ${once}`]],
    ['headful to headless', { ...headless, ipFamilies: ['IPv6'] }, single, [`spec.clusterIPs[0]: Invalid value: ["None"]: ${once}`]],
    ['to ExternalName', externalName, dual, []],
    ['from ExternalName', dual, externalName, []],
  ])('%s', (_, next, stored, errors) => expect(shown(immutabilityErrors(spec(next), spec(stored)))).toEqual(errors));
});

describe('externalIPs', () => {
  const loopback = 'may not be in the loopback range (127.0.0.0/8, ::1/128)';
  const linkLocal = 'may not be in the link-local range (169.254.0.0/16, fe80::/10)';
  const multicast = 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)';
  const errorsOf = (texts: string[], stored: string[] = []): string[] => {
    const errors: FieldError[] = [];
    checkExternalIPs(texts, stored, errors);
    return shown(errors);
  };

  it.each<[text: string, problem: string | undefined]>([
    ['192.0.2.1', undefined], ['2001:DB8::1', undefined], ['255.255.255.255', undefined],
    ['126.255.255.255', undefined], ['128.0.0.0', undefined], ['169.253.255.255', undefined], ['224.0.1.0', undefined], ['fec0::', undefined], ['ff05::1', undefined],
    ['abc', notAddress], ['010.0.0.1', 'must not have leading 0s'], ['::ffff:192.0.2.1', 'must not be an IPv4-mapped IPv6 address'],
    ['0.0.0.0', 'may not be unspecified (0.0.0.0)'], ['0:0::', 'may not be unspecified (0:0::)'],
    ['127.0.0.1', loopback], ['127.255.255.255', loopback], ['::1', loopback],
    ['169.254.0.0', linkLocal], ['fe80::1', linkLocal], ['febf::1', linkLocal],
    ['224.0.0.255', multicast], ['ff02::1', multicast], ['ff12::1', multicast], // any flags, scope 2
  ])('%s', (text, problem) => expect(errorsOf(['192.0.2.9', text])).toEqual(problem === undefined ? [] : [`spec.externalIPs[1]: Invalid value: "${text}": ${problem}`]));

  it('spares a stored text the syntax, not the purpose', () => {
    expect(errorsOf(['010.0.0.1'], ['010.0.0.1'])).toEqual([]);
    expect(errorsOf(['127.000.0.1'], ['127.000.0.1'])).toEqual([`spec.externalIPs[0]: Invalid value: "127.000.0.1": ${loopback}`]);
  });
});
