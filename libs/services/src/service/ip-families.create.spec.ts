import type { RegisterCluster } from '../commands.js';
import { causesOf, cellsOf, familiesIn, shortFamilies, takenIn } from '../testing/cells.js';
import { create, families, headless, ips, replace, service, v4, v4v6, v6, v6v4 } from '../testing/commands.js';
import { given } from '../testing/scenario.js';

/** Policies by their letters in the tables; `-` = not given. */
const policies = { '-': undefined, S: 'SingleStack', P: 'PreferDualStack', R: 'RequireDualStack' } as const;
type Letter = keyof typeof policies;

const addressesIn = (column: string): string[] => familiesIn(column).map((family) => (family === 'IPv4' ? '10.0.0.7' : 'fd00::7'));

/**
 * Spec 1.7; alloc.go initIPFamilyFields. Rows: ipFamilies of the request. Columns: clusterIPs. A cell has the families in stored
 * order with `d` (any address) or `s` (the requested one), or the causes of the refusal in order.
 */
const headful: [what: string, cluster: RegisterCluster, letters: Letter[], table: string][] = [
  ['v4', v4, ['-', 'S'], `
    ipFamilies / clusterIPs | none      | [4]     | [6]       | [4,6]           | [6,4]
    none                    | 4d        | 4s      | IP-NC[0]  | P-IP+IP-NC[1]   | P-IP+IP-NC[0]
    4                       | 4d        | 4s      | MISM[0]   | P-IP+IP-NC[1]   | MISM[0]
    6                       | FAM-NC[0] | MISM[0] | FAM-NC[0] | MISM[0]         | P-IP
    4,6                     | P-FAM     | P-FAM   | MISM[0]   | P-IP+P-FAM      | MISM[0]+MISM[1]
    6,4                     | P-FAM     | MISM[0] | P-FAM     | MISM[0]+MISM[1] | P-IP+P-FAM`],
  ['v4', v4, ['P'], `
    ipFamilies / clusterIPs | none      | [4]       | [6]       | [4,6]           | [6,4]
    none                    | 4d        | 4s        | IP-NC[0]  | IP-NC[1]        | IP-NC[0]
    4                       | 4d        | 4s        | MISM[0]   | IP-NC[1]        | MISM[0]
    6                       | FAM-NC[0] | MISM[0]   | FAM-NC[0] | MISM[0]         | FAM-NC[0]
    4,6                     | FAM-NC[1] | FAM-NC[1] | MISM[0]   | FAM-NC[1]       | MISM[0]+MISM[1]
    6,4                     | FAM-NC[0] | MISM[0]   | FAM-NC[0] | MISM[0]+MISM[1] | FAM-NC[0]`],
  ['v4', v4, ['R'], `
    ipFamilies / clusterIPs | none             | [4]              | [6]              | [4,6]            | [6,4]
    none                    | NODUAL           | NODUAL           | IP-NC[0]         | IP-NC[1]         | IP-NC[0]
    4                       | NODUAL           | NODUAL           | MISM[0]          | IP-NC[1]         | MISM[0]
    6                       | NODUAL+FAM-NC[0] | MISM[0]          | NODUAL+FAM-NC[0] | MISM[0]          | NODUAL+FAM-NC[0]
    4,6                     | NODUAL+FAM-NC[1] | NODUAL+FAM-NC[1] | MISM[0]          | NODUAL+FAM-NC[1] | MISM[0]+MISM[1]
    6,4                     | NODUAL+FAM-NC[0] | MISM[0]          | NODUAL+FAM-NC[0] | MISM[0]+MISM[1]  | NODUAL+FAM-NC[0]`],
  ['v6', v6, ['-', 'S'], `
    ipFamilies / clusterIPs | none      | [4]       | [6]     | [4,6]           | [6,4]
    none                    | 6d        | IP-NC[0]  | 6s      | P-IP+IP-NC[0]   | P-IP+IP-NC[1]
    4                       | FAM-NC[0] | FAM-NC[0] | MISM[0] | P-IP            | MISM[0]
    6                       | 6d        | MISM[0]   | 6s      | MISM[0]         | P-IP+IP-NC[1]
    4,6                     | P-FAM     | P-FAM     | MISM[0] | P-IP+P-FAM      | MISM[0]+MISM[1]
    6,4                     | P-FAM     | MISM[0]   | P-FAM   | MISM[0]+MISM[1] | P-IP+P-FAM`],
  ['v6', v6, ['P'], `
    ipFamilies / clusterIPs | none      | [4]       | [6]       | [4,6]           | [6,4]
    none                    | 6d        | IP-NC[0]  | 6s        | IP-NC[0]        | IP-NC[1]
    4                       | FAM-NC[0] | FAM-NC[0] | MISM[0]   | FAM-NC[0]       | MISM[0]
    6                       | 6d        | MISM[0]   | 6s        | MISM[0]         | IP-NC[1]
    4,6                     | FAM-NC[0] | FAM-NC[0] | MISM[0]   | FAM-NC[0]       | MISM[0]+MISM[1]
    6,4                     | FAM-NC[1] | MISM[0]   | FAM-NC[1] | MISM[0]+MISM[1] | FAM-NC[1]`],
  ['v6', v6, ['R'], `
    ipFamilies / clusterIPs | none             | [4]              | [6]              | [4,6]            | [6,4]
    none                    | NODUAL           | IP-NC[0]         | NODUAL           | IP-NC[0]         | IP-NC[1]
    4                       | NODUAL+FAM-NC[0] | NODUAL+FAM-NC[0] | MISM[0]          | NODUAL+FAM-NC[0] | MISM[0]
    6                       | NODUAL           | MISM[0]          | NODUAL           | MISM[0]          | IP-NC[1]
    4,6                     | NODUAL+FAM-NC[0] | NODUAL+FAM-NC[0] | MISM[0]          | NODUAL+FAM-NC[0] | MISM[0]+MISM[1]
    6,4                     | NODUAL+FAM-NC[1] | MISM[0]          | NODUAL+FAM-NC[1] | MISM[0]+MISM[1]  | NODUAL+FAM-NC[1]`],
  ['v4,v6', v4v6, ['-', 'S'], `
    ipFamilies / clusterIPs | none  | [4]     | [6]     | [4,6]           | [6,4]
    none                    | 4d    | 4s      | 6s      | P-IP            | P-IP
    4                       | 4d    | 4s      | MISM[0] | P-IP            | MISM[0]
    6                       | 6d    | MISM[0] | 6s      | MISM[0]         | P-IP
    4,6                     | P-FAM | P-FAM   | MISM[0] | P-IP+P-FAM      | MISM[0]+MISM[1]
    6,4                     | P-FAM | MISM[0] | P-FAM   | MISM[0]+MISM[1] | P-IP+P-FAM`],
  ['v4,v6', v4v6, ['P', 'R'], `
    ipFamilies / clusterIPs | none  | [4]     | [6]     | [4,6]           | [6,4]
    none                    | 4d 6d | 4s 6d   | 6s 4d   | 4s 6s           | 6s 4s
    4                       | 4d 6d | 4s 6d   | MISM[0] | 4s 6s           | MISM[0]
    6                       | 6d 4d | MISM[0] | 6s 4d   | MISM[0]         | 6s 4s
    4,6                     | 4d 6d | 4s 6d   | MISM[0] | 4s 6s           | MISM[0]+MISM[1]
    6,4                     | 6d 4d | MISM[0] | 6s 4d   | MISM[0]+MISM[1] | 6s 4s`],
  // Only the first cell differs from v4,v6: what is not said goes to the primary family.
  ['v6,v4', v6v4, ['-', 'S'], `
    ipFamilies / clusterIPs | none  | [4]     | [6]     | [4,6]           | [6,4]
    none                    | 6d    | 4s      | 6s      | P-IP            | P-IP
    4                       | 4d    | 4s      | MISM[0] | P-IP            | MISM[0]
    6                       | 6d    | MISM[0] | 6s      | MISM[0]         | P-IP
    4,6                     | P-FAM | P-FAM   | MISM[0] | P-IP+P-FAM      | MISM[0]+MISM[1]
    6,4                     | P-FAM | MISM[0] | P-FAM   | MISM[0]+MISM[1] | P-IP+P-FAM`],
  ['v6,v4', v6v4, ['P', 'R'], `
    ipFamilies / clusterIPs | none  | [4]     | [6]     | [4,6]           | [6,4]
    none                    | 6d 4d | 4s 6d   | 6s 4d   | 4s 6s           | 6s 4s
    4                       | 4d 6d | 4s 6d   | MISM[0] | 4s 6s           | MISM[0]
    6                       | 6d 4d | MISM[0] | 6s 4d   | MISM[0]         | 6s 4s
    4,6                     | 4d 6d | 4s 6d   | MISM[0] | 4s 6s           | MISM[0]+MISM[1]
    6,4                     | 6d 4d | MISM[0] | 6s 4d   | MISM[0]+MISM[1] | 6s 4s`],
];

describe.each(headful)('a headful Service on %s', (_, cluster, letters, table) => {
  it.each(letters.flatMap((letter) => cellsOf(table).map((cell) => ({ letter, ...cell }))))('policy $letter, families $row, addresses $column: $cell', ({ letter, row, column, cell }) => {
    const ipFamilyPolicy = policies[letter];
    const [clusterIPs, ipFamilies] = [addressesIn(column), familiesIn(row)];
    const outcome = given(cluster).when(create(service('web', { ipFamilyPolicy, ...ips(...clusterIPs), ...families(...ipFamilies) })));
    const causes = causesOf(cell, { policy: ipFamilyPolicy ?? 'SingleStack', clusterIPs, ipFamilies });
    if (causes !== undefined) return outcome.thenInvalid(...causes);

    expect(takenIn(outcome)).toBe(cell);
    const { spec } = outcome.answer();
    const taken = outcome.accepted().events.flatMap((event) => (event.type === 'ip.allocated' ? [event.data.address] : []));
    expect(spec).toMatchObject({ ipFamilyPolicy: ipFamilyPolicy ?? 'SingleStack', clusterIPs: taken, clusterIP: taken[0] });
    expect(shortFamilies(spec.ipFamilies)).toBe(cell.replace(/[sd]/g, '').replace(' ', ','));
    expect(taken.slice(0, clusterIPs.length)).toEqual(clusterIPs);
  });
});

/** Spec 1.8. Nothing is allocated; a cell is the families, behind the policy's letter when the policy was not given. */
const headlessCases: [what: string, selector: Record<string, string> | undefined, clusters: RegisterCluster[], letters: Letter[], families: string][] = [
  // with a selector: the same rules as headful, minus the addresses
  ['v4', { app: 'web' }, [v4], ['-', 'S'], 'S: 4 | S: 4 | FAM-NC[0] | P-FAM | P-FAM'],
  ['v4', { app: 'web' }, [v4], ['P'], '4 | 4 | FAM-NC[0] | FAM-NC[1] | FAM-NC[0]'],
  ['v4', { app: 'web' }, [v4], ['R'], 'NODUAL | NODUAL | NODUAL+FAM-NC[0] | NODUAL+FAM-NC[1] | NODUAL+FAM-NC[0]'],
  ['v6', { app: 'web' }, [v6], ['-', 'S'], 'S: 6 | FAM-NC[0] | S: 6 | P-FAM | P-FAM'],
  ['v6', { app: 'web' }, [v6], ['P'], '6 | FAM-NC[0] | 6 | FAM-NC[0] | FAM-NC[1]'],
  ['v6', { app: 'web' }, [v6], ['R'], 'NODUAL | NODUAL+FAM-NC[0] | NODUAL | NODUAL+FAM-NC[0] | NODUAL+FAM-NC[1]'],
  ['v4,v6', { app: 'web' }, [v4v6], ['-', 'S'], 'S: 4 | S: 4 | S: 6 | P-FAM | P-FAM'],
  ['v4,v6', { app: 'web' }, [v4v6], ['P', 'R'], '4,6 | 4,6 | 6,4 | 4,6 | 6,4'],
  ['v6,v4', { app: 'web' }, [v6v4], ['-', 'S'], 'S: 6 | S: 4 | S: 6 | P-FAM | P-FAM'],
  ['v6,v4', { app: 'web' }, [v6v4], ['P', 'R'], '6,4 | 4,6 | 6,4 | 4,6 | 6,4'],
  // without one: only the primary family matters, not what the cluster has
  ['primary v4', undefined, [v4, v4v6], ['-'], 'R: 4,6 | R: 4,6 | R: 6,4 | R: 4,6 | R: 6,4'],
  ['primary v4', undefined, [v4, v4v6], ['S'], '4 | 4 | 6 | P-FAM | P-FAM'],
  ['primary v4', undefined, [v4, v4v6], ['P', 'R'], '4,6 | 4,6 | 6,4 | 4,6 | 6,4'],
  ['primary v6', undefined, [v6, v6v4], ['-'], 'R: 6,4 | R: 4,6 | R: 6,4 | R: 4,6 | R: 6,4'],
  ['primary v6', undefined, [v6, v6v4], ['S'], '6 | 4 | 6 | P-FAM | P-FAM'],
  ['primary v6', undefined, [v6, v6v4], ['P', 'R'], '6,4 | 4,6 | 6,4 | 4,6 | 6,4'],
];

describe.each(headlessCases)('a headless Service on %s, selector %j', (_, selector, clusters, letters, line) => {
  const table = ` | none | [4] | [6] | [4,6] | [6,4]\nfamilies | ${line}`;
  const rows = clusters.flatMap((cluster) => letters.flatMap((letter) => cellsOf(table).map((cell) => ({ cluster, letter, ranges: cluster.serviceCIDRs, ...cell }))));

  it.each(rows)('ranges $ranges, policy $letter, families $column: $cell', ({ cluster, letter, column, cell }) => {
    const ipFamilyPolicy = policies[letter];
    const ipFamilies = familiesIn(column);
    const outcome = given(cluster).when(create(service('web', { ...headless, selector, ipFamilyPolicy, ...families(...ipFamilies) })));
    const causes = causesOf(cell, { policy: ipFamilyPolicy ?? 'SingleStack', clusterIPs: ['None'], ipFamilies });
    if (causes !== undefined) return outcome.thenInvalid(...causes);

    outcome.then('service.created shop/web');
    const { spec } = outcome.answer();
    const [, chosen, shown] = /^(?:([SR]): )?([46,]+)$/.exec(cell) ?? [];
    expect(shortFamilies(spec.ipFamilies)).toBe(shown);
    expect(spec).toMatchObject({ clusterIP: 'None', clusterIPs: ['None'], ipFamilyPolicy: ipFamilyPolicy ?? policies[chosen as Letter] });
  });
});

/** Spec 1.5. */
describe('the policy that is not given', () => {
  it.each<[what: string, spec: object, policy: string]>([
    ['headful', {}, 'SingleStack'],
    ['headful without selector gets no special treatment', { selector: undefined }, 'SingleStack'],
    ['headless', headless, 'SingleStack'],
    ['headless without selector', { ...headless, selector: undefined }, 'RequireDualStack'],
    ['headless with an empty selector', { ...headless, selector: {} }, 'RequireDualStack'],
  ])('%s', (_, spec, policy) => expect(given(v4v6).when(create(service('web', spec))).answer().spec.ipFamilyPolicy).toBe(policy));

  it('of an update is that of the stored Service', () => {
    for (const ipFamilyPolicy of ['SingleStack', 'PreferDualStack', 'RequireDualStack'])
      expect(given(v4v6, service('web', { ipFamilyPolicy })).when(replace(service('web'))).answer().spec.ipFamilyPolicy).toBe(ipFamilyPolicy);
  });
});

/** Stage A looks at the fields among themselves (its table: validation/addresses.spec.ts), and hides the stages after it. */
describe('the stages hide each other', () => {
  it.each<[what: string, spec: object, causes: string[]]>([
    ['A before B', { ...ips('10.0.0.7', 'fd00::7'), ipFamilies: ['IPv6', 'IPv4'] }, [
      'spec.clusterIPs[0]: Invalid value: "10.0.0.7": expected an IPv6 value as indicated by `ipFamilies[0]`',
      'spec.clusterIPs[1]: Invalid value: "fd00::7": expected an IPv4 value as indicated by `ipFamilies[1]`',
    ]],
    ['B before C', { ipFamilies: ['IPv6', 'IPv4'] }, ['spec.ipFamilyPolicy: Invalid value: "SingleStack": must be \'RequireDualStack\' or \'PreferDualStack\' when multiple IP families are specified']],
    ['C before the full validation', { ipFamilies: ['IPv6'], ports: [{ port: 0, targetPort: 0 }] }, ['spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster']],
    ['one IP per family, before anything in these tables', { ...ips('10.0.0.7', '10.0.0.8'), ipFamilyPolicy: 'PreferDualStack' }, ['spec.clusterIPs: Invalid value: ["10.0.0.7","10.0.0.8"]: may specify no more than one IP for each IP family']],
    ['a family twice', { ipFamilies: ['IPv4', 'IPv4'] }, ['spec.ipFamilies[1]: Duplicate value: "IPv4"']],
    ['plural without singular', { clusterIPs: ['10.0.0.7'] }, ['spec.clusterIPs: Invalid value: ["10.0.0.7"]: must be empty when `clusterIP` is not specified']],
  ])('%s', (_, spec, causes) => given(v4).when(create(service('web', spec))).thenInvalid(...causes));
});
