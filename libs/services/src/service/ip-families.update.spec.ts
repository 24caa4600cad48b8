import { causesOf, cellsOf, familiesIn, shortFamilies } from '../testing/cells.js';
import { addCidr, create, declare, externalName, families, headless, ips, patch, range4, range6, replace, service, v4, v4v6 } from '../testing/commands.js';
import { given, shownEvent, type Outcome, type Scenario } from '../testing/scenario.js';

const [A, B, A2, B2] = ['10.0.0.7', 'fd00::7', '10.0.0.8', 'fd00::8'] as const;
const policies = { '-': undefined, S: 'SingleStack', P: 'PreferDualStack', R: 'RequireDualStack' } as const;
type Letter = keyof typeof policies;

type World = ((stored: Letter) => Scenario) & { about: string };
const world = (about: string, make: (stored: Letter) => Scenario): World => Object.assign(make, { about });
const web = (letter: Letter, ...addresses: string[]) => service('web', { ipFamilyPolicy: policies[letter], ...ips(...addresses) });

const alone = world('[A] on v4,v6', (stored) => given(v4v6, web(stored, A)));
const v4Only = world('[A] on v4', (stored) => given(v4, web(stored, A)));
const gained = world('[A] made on v4, which then became v4,v6', (stored) => given(v4, web(stored, A), addCidr(range6)));
const both = world('[A,B] on v4,v6', (stored) => given(v4v6, web(stored, A, B)));
const shrunk = world('[A,B] on v4,v6, which was then shrunk to v4', (stored) => given(v4v6, web(stored, A, B), declare([range4], { keepInUse: true })));

const columns: Record<string, readonly string[]> = { none: [], '[A]': [A], '[A,B]': [A, B], "[A']": [A2], '[B]': [B] };

/** What happens to addresses: `keep`, `+dyn6`, `+B` or `-B`. */
const actionOf = (outcome: Outcome): string =>
  outcome.accepted().events.map(shownEvent).filter((text) => text.startsWith('ip.')).join(', ')
    .replace(/^$/, 'keep').replace(/^ip.allocated fd00::\w+ dynamic$/, '+dyn6').replace(`ip.allocated ${B} static`, '+B').replace(`ip.released ${B} downgraded`, '-B');

/**
 * Spec 2.7: a PUT of a Service with other families (rows) and addresses (columns). Pairs are stored and new policy, `-` = not given.
 * A cell is the families and what happens to the addresses, or the causes of the refusal in order.
 */
const matrices: [name: string, world: World, pairs: string, table: string][] = [
  ['U1', alone, 'S/- S/S', `
    families | none    | [A]     | [A,B]           | [A']      | [B]
    none                            | 4 keep  | 4 keep  | P-IP            | IMM-IP[0] | IMM-IP[0]+IMM-FAM[0]
    4                               | 4 keep  | 4 keep  | P-IP            | IMM-IP[0] | MISM[0]
    4,6                             | P-FAM   | P-FAM   | P-IP+P-FAM      | P-FAM     | MISM[0]
    6,4                             | MISM[0] | MISM[0] | MISM[0]+MISM[1] | MISM[0]   | P-FAM
    6                               | MISM[0] | MISM[0] | MISM[0]         | MISM[0]   | IMM-IP[0]+IMM-FAM[0]`],
  ['U2', alone, 'S/P S/R', `
    families | none      | [A]       | [A,B]           | [A']      | [B]
    none                            | 4,6 +dyn6 | 4,6 +dyn6 | 4,6 +B          | IMM-IP[0] | IMM-IP[0]+IMM-FAM[0]
    4                               | 4,6 +dyn6 | 4,6 +dyn6 | 4,6 +B          | IMM-IP[0] | MISM[0]
    4,6                             | 4,6 +dyn6 | 4,6 +dyn6 | 4,6 +B          | IMM-IP[0] | MISM[0]
    6,4                             | MISM[0]   | MISM[0]   | MISM[0]+MISM[1] | MISM[0]   | IMM-IP[0]+IMM-FAM[0]
    6                               | MISM[0]   | MISM[0]   | MISM[0]         | MISM[0]   | IMM-IP[0]+IMM-FAM[0]`],
  ['U3', gained, 'P/- P/R', `
    families | none      | [A]       | [A,B]           | [A']      | [B]
    none                            | 4,6 +dyn6 | 4,6 +dyn6 | 4,6 +B          | IMM-IP[0] | IMM-IP[0]+IMM-FAM[0]
    4                               | 4,6 +dyn6 | 4,6 +dyn6 | 4,6 +B          | IMM-IP[0] | MISM[0]
    4,6                             | 4,6 +dyn6 | 4,6 +dyn6 | 4,6 +B          | IMM-IP[0] | MISM[0]
    6,4                             | MISM[0]   | MISM[0]   | MISM[0]+MISM[1] | MISM[0]   | IMM-IP[0]+IMM-FAM[0]
    6                               | MISM[0]   | MISM[0]   | MISM[0]         | MISM[0]   | IMM-IP[0]+IMM-FAM[0]`],
  ['U4', gained, 'P/P', `
    families | none      | [A]       | [A,B]           | [A']      | [B]
    none                            | 4,6 +dyn6 | 4,6 +dyn6 | 4,6 +B          | IMM-IP[0] | IMM-IP[0]+IMM-FAM[0]
    4                               | 4 keep    | 4 keep    | 4,6 +B          | IMM-IP[0] | MISM[0]
    4,6                             | 4,6 +dyn6 | 4,6 +dyn6 | 4,6 +B          | IMM-IP[0] | MISM[0]
    6,4                             | MISM[0]   | MISM[0]   | MISM[0]+MISM[1] | MISM[0]   | IMM-IP[0]+IMM-FAM[0]
    6                               | MISM[0]   | MISM[0]   | MISM[0]         | MISM[0]   | IMM-IP[0]+IMM-FAM[0]`],
  ['U5', both, 'P/- P/P P/R R/- R/P R/R', `
    families | none            | [A]            | [A,B]           | [A']           | [B]
    none                            | 4,6 keep        | REL-IP         | 4,6 keep        | REL-IP         | REL-IP
    4                               | REL-FAM         | REL-IP+REL-FAM | REL-FAM         | REL-IP+REL-FAM | MISM[0]
    4,6                             | 4,6 keep        | REL-IP         | 4,6 keep        | REL-IP         | MISM[0]
    6,4                             | MISM[0]+MISM[1] | MISM[0]        | MISM[0]+MISM[1] | MISM[0]        | REL-IP
    6                               | MISM[0]         | MISM[0]        | MISM[0]         | MISM[0]        | REL-IP+REL-FAM`],
  ['U6', both, 'P/S R/S', `
    families | none            | [A]     | [A,B]           | [A']      | [B]
    none                            | 4 -B            | 4 -B    | 4 -B            | IMM-IP[0] | IMM-IP[0]+IMM-FAM[0]
    4                               | 4 -B            | 4 -B    | 4 -B            | IMM-IP[0] | MISM[0]
    4,6                             | 4 -B            | 4 -B    | 4 -B            | IMM-IP[0] | MISM[0]
    6,4                             | MISM[0]+MISM[1] | MISM[0] | MISM[0]+MISM[1] | MISM[0]   | P-FAM
    6                               | MISM[0]         | MISM[0] | MISM[0]         | MISM[0]   | IMM-IP[0]+IMM-FAM[0]`],
  ['U7', v4Only, 'S/- S/S', `
    families | none    | [A]     | [A,B]           | [A']      | [B]
    none                            | 4 keep  | 4 keep  | P-IP+IP-NC[1]   | IMM-IP[0] | IP-NC[0]
    4                               | 4 keep  | 4 keep  | P-IP+IP-NC[1]   | IMM-IP[0] | MISM[0]
    4,6                             | P-FAM   | P-FAM   | P-IP+P-FAM      | P-FAM     | MISM[0]
    6,4                             | MISM[0] | MISM[0] | MISM[0]+MISM[1] | MISM[0]   | P-FAM
    6                               | MISM[0] | MISM[0] | MISM[0]         | MISM[0]   | FAM-NC[0]`],
  ['U8', v4Only, 'S/P', `
    families | none      | [A]       | [A,B]           | [A']      | [B]
    none                            | 4 keep    | 4 keep    | IP-NC[1]        | IMM-IP[0] | IP-NC[0]
    4                               | 4 keep    | 4 keep    | IP-NC[1]        | IMM-IP[0] | MISM[0]
    4,6                             | FAM-NC[1] | FAM-NC[1] | FAM-NC[1]       | FAM-NC[1] | MISM[0]
    6,4                             | MISM[0]   | MISM[0]   | MISM[0]+MISM[1] | MISM[0]   | FAM-NC[0]
    6                               | MISM[0]   | MISM[0]   | MISM[0]         | MISM[0]   | FAM-NC[0]`],
  ['U9', v4Only, 'S/R', `
    families | none             | [A]              | [A,B]            | [A']             | [B]
    none                            | NODUAL           | NODUAL           | IP-NC[1]         | NODUAL           | IP-NC[0]
    4                               | NODUAL           | NODUAL           | IP-NC[1]         | NODUAL           | MISM[0]
    4,6                             | NODUAL+FAM-NC[1] | NODUAL+FAM-NC[1] | NODUAL+FAM-NC[1] | NODUAL+FAM-NC[1] | MISM[0]
    6,4                             | MISM[0]          | MISM[0]          | MISM[0]+MISM[1]  | MISM[0]          | NODUAL+FAM-NC[0]
    6                               | MISM[0]          | MISM[0]          | MISM[0]          | MISM[0]          | NODUAL+FAM-NC[0]`],
  ['U10', shrunk, 'P/P', `
    families | none             | [A]            | [A,B]            | [A']           | [B]
    none                            | IP-NC[1]         | REL-IP         | IP-NC[1]         | REL-IP         | REL-IP+IP-NC[0]
    4                               | REL-FAM+IP-NC[1] | REL-IP+REL-FAM | REL-FAM+IP-NC[1] | REL-IP+REL-FAM | MISM[0]
    4,6                             | 4,6 keep         | REL-IP         | 4,6 keep         | REL-IP         | MISM[0]
    6,4                             | MISM[0]+MISM[1]  | MISM[0]        | MISM[0]+MISM[1]  | MISM[0]        | REL-IP
    6                               | MISM[0]          | MISM[0]        | MISM[0]          | MISM[0]        | REL-IP+REL-FAM`],
  ['U11', shrunk, 'R/- R/R', `
    families | none             | [A]            | [A,B]            | [A']           | [B]
    none                            | IP-NC[1]         | REL-IP         | IP-NC[1]         | REL-IP         | REL-IP+IP-NC[0]
    4                               | REL-FAM+IP-NC[1] | REL-IP+REL-FAM | REL-FAM+IP-NC[1] | REL-IP+REL-FAM | MISM[0]
    4,6                             | NODUAL+FAM-NC[1] | REL-IP         | NODUAL+FAM-NC[1] | REL-IP         | MISM[0]
    6,4                             | MISM[0]+MISM[1]  | MISM[0]        | MISM[0]+MISM[1]  | MISM[0]        | REL-IP
    6                               | MISM[0]          | MISM[0]        | MISM[0]          | MISM[0]        | REL-IP+REL-FAM`],
  ['U12', shrunk, 'P/S R/S', `
    families | none            | [A]     | [A,B]           | [A']      | [B]
    none                            | 4 -B            | 4 -B    | 4 -B            | IMM-IP[0] | IP-NC[0]
    4                               | 4 -B            | 4 -B    | 4 -B            | IMM-IP[0] | MISM[0]
    4,6                             | 4 -B            | 4 -B    | 4 -B            | IMM-IP[0] | MISM[0]
    6,4                             | MISM[0]+MISM[1] | MISM[0] | MISM[0]+MISM[1] | MISM[0]   | P-FAM
    6                               | MISM[0]         | MISM[0] | MISM[0]         | MISM[0]   | FAM-NC[0]`],
  ['U13', shrunk, 'P/- R/P', `
    families | none             | [A]            | [A,B]            | [A']           | [B]
    none                            | IP-NC[1]         | REL-IP         | IP-NC[1]         | REL-IP         | REL-IP+IP-NC[0]
    4                               | REL-FAM+IP-NC[1] | REL-IP+REL-FAM | REL-FAM+IP-NC[1] | REL-IP+REL-FAM | MISM[0]
    4,6                             | FAM-NC[1]        | REL-IP         | FAM-NC[1]        | REL-IP         | MISM[0]
    6,4                             | MISM[0]+MISM[1]  | MISM[0]        | MISM[0]+MISM[1]  | MISM[0]        | REL-IP
    6                               | MISM[0]          | MISM[0]        | MISM[0]          | MISM[0]        | REL-IP+REL-FAM`],
];

describe.each(matrices)('%s', (_, make, pairs, table) => {
  const rows = pairs.split(' ').flatMap((pair) => cellsOf(table).map((cell) => ({ about: make.about, pair, ...cell })));

  it.each(rows)('$about, policy $pair, families $row, addresses $column: $cell', ({ pair, row, column, cell }) => {
    const [stored = '-', next = '-'] = pair.split('/') as Letter[];
    const [clusterIPs, ipFamilies] = [columns[column] ?? [], familiesIn(row)];
    const scenario = make(stored);
    const outcome = scenario.when(replace(service('web', { ipFamilyPolicy: policies[next], ...ips(...clusterIPs), ...families(...ipFamilies) })));
    const policy = policies[next] ?? policies[stored] ?? '';
    // What the messages show: addresses that the PUT leaves out are those of the stored Service.
    const shown = { policy, ipFamilies, clusterIPs: clusterIPs.length > 0 ? clusterIPs : (scenario.stored('web').spec.clusterIPs ?? []) };
    const causes = causesOf(cell, shown);
    if (causes !== undefined) return outcome.thenInvalid(...causes);

    const { spec } = outcome.answer();
    expect(`${shortFamilies(spec.ipFamilies)} ${actionOf(outcome)}`).toBe(cell);
    expect(spec).toMatchObject({ ipFamilyPolicy: policy, clusterIP: A });
    expect(spec.clusterIPs?.map((text) => (text.includes(':') ? 'IPv6' : 'IPv4'))).toEqual(spec.ipFamilies);
  });
});

/** Remarks on the matrices (spec 2.7). */
describe('a Service on a cluster whose ranges changed', () => {
  it('frozen: a Require Service on a cluster that lost a family refuses even a label', () => {
    const frozen = shrunk('R');
    frozen.when(patch('web', { metadata: { labels: { a: 'b' } } })).thenInvalid(
      'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
      'spec.ipFamilies[1]: Invalid value: "IPv6": not configured on this cluster',
    );
    frozen.when(patch('web', { metadata: { labels: { a: 'b' } } }, { subresource: 'status' })).then('service.updated shop/web');
    frozen.when(patch('web', { spec: { ipFamilyPolicy: 'SingleStack' } })).then(`ip.released ${B} downgraded`, 'service.updated shop/web');
  });
  it('guarded: a Prefer Service is left alone by an update that carries everything', () => {
    for (const make of [gained, shrunk]) make('P').when(patch('web', { metadata: { labels: { a: 'b' } } })).then('service.updated shop/web');
  });
  it('a change of type breaks the guard', () =>
    gained('P').when(patch('web', { spec: { type: 'NodePort' } })).then('ip.allocated fd00::* dynamic', 'port.allocated * dynamic', 'service.updated shop/web'));
});

/** Spec 2.8. A cell is `=` (accepted, addresses, families and policy stay), what the Service becomes, or the refusal. */
const patches: [changes: string, spec: object, cells: string][] = [
  ['another field', { externalTrafficPolicy: null, sessionAffinity: 'ClientIP' }, '= | = | = | ='],
  ['policy S', { ipFamilyPolicy: 'SingleStack' }, '= | S[A] | S[A] -B | S[A] -B'],
  ['policy P', { ipFamilyPolicy: 'PreferDualStack' }, 'P[A,+dyn6] | = | = | P[A,B]'],
  ['policy R', { ipFamilyPolicy: 'RequireDualStack' }, 'R[A,+dyn6] | R[A,+dyn6] | R[A,B] | ='],
  ['policy null', { ipFamilyPolicy: null }, '= | P[A,+dyn6] | = | ='],
  ['families [4,6]', { ipFamilies: ['IPv4', 'IPv6'] }, 'P-FAM | P[A,+dyn6] | = | ='],
  ['families [4]', { ipFamilies: ['IPv4'] }, '= | = | REL-FAM | REL-FAM'],
  ['families [6,4]', { ipFamilies: ['IPv6', 'IPv4'] }, 'MISM[0] | MISM[0] | MISM[0]+MISM[1] | MISM[0]+MISM[1]'],
  ['families null', { ipFamilies: null }, '= | P[A,+dyn6] | = | ='],
  ["clusterIP A' alone", { clusterIP: A2 }, 'IMM-IP[0] | IMM-IP[0] | REL-IP | REL-IP'],
  ['clusterIP ""', { clusterIP: '' }, '= | = | = | ='],
  ['clusterIP null', { clusterIP: null }, '= | = | = | ='],
  ['clusterIPs null', { clusterIPs: null }, '= | = | = | ='],
  ['both null', { clusterIP: null, clusterIPs: null }, '= | = | = | ='],
  ['clusterIP None alone', { clusterIP: 'None' }, 'IMM-IP[0] | IMM-IP[0]+NONE-FIRST | REL-IP | REL-IP'],
  ['clusterIPs [A]', { clusterIPs: [A] }, '= | = | REL-IP | REL-IP'],
  ['clusterIPs [A,B]', { clusterIPs: [A, B] }, 'P-IP | P[A,B] +B | = | ='],
  ["clusterIPs [A,B']", { clusterIPs: [A, B2] }, "P-IP | P[A,B'] +B' | IMM-IP[1] | IMM-IP[1]"],
  ["clusterIPs [A']", { clusterIPs: [A2] }, 'FIRST | FIRST | FIRST | FIRST'],
  ['policy S and clusterIPs [A]', { ipFamilyPolicy: 'SingleStack', clusterIPs: [A] }, '= | S[A] | S[A] -B | S[A] -B'],
  ['policy S and families [4]', { ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4'] }, '= | S[A] | S[A] -B | S[A] -B'],
  ['policy S, clusterIPs [A] and families [4]', { ipFamilyPolicy: 'SingleStack', clusterIPs: [A], ipFamilies: ['IPv4'] }, '= | S[A] | S[A] -B | S[A] -B'],
  ['policy S and families [6]', { ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv6'] }, 'MISM[0] | MISM[0] | MISM[0] | MISM[0]'],
  ["policy P and clusterIPs [A,B']", { ipFamilyPolicy: 'PreferDualStack', clusterIPs: [A, B2] }, "P[A,B'] +B' | P[A,B'] +B' | IMM-IP[1] | IMM-IP[1]"],
  ['type NodePort', { type: 'NodePort' }, '= | P[A,+dyn6] | = | ='],
];
const storedShapes: [shape: string, letter: Letter, make: World][] = [['S[A]', 'S', alone], ['P[A]', 'P', gained], ['P[A,B]', 'P', both], ['R[A,B]', 'R', both]];

describe.each(storedShapes)('a PATCH of %s', (shape, letter, make) => {
  const rows = patches.map(([changes, spec, cells]) => ({ changes, spec, cell: cells.split(' | ')[storedShapes.findIndex(([name]) => name === shape)] ?? '' }));

  it.each(rows)('$changes: $cell', ({ spec, cell }) => {
    const scenario = make(letter);
    const was = scenario.stored('web').spec;
    const outcome = scenario.when(patch('web', { spec }));
    const asked = spec as { ipFamilyPolicy?: string; ipFamilies?: string[]; clusterIP?: string; clusterIPs?: string[] };
    const clusterIPs = asked.clusterIPs ?? (asked.clusterIP === undefined ? (was.clusterIPs ?? []) : [asked.clusterIP]);
    const requested = { policy: asked.ipFamilyPolicy ?? was.ipFamilyPolicy ?? '', ipFamilies: asked.ipFamilies ?? was.ipFamilies ?? [], clusterIPs };
    if (cell === 'FIRST') return outcome.thenInvalid(`spec.clusterIPs: Invalid value: ["${A2}"]: first value must match \`clusterIP\``);
    if (cell === 'IMM-IP[0]+NONE-FIRST')
      return outcome.thenInvalid('spec.clusterIPs[0]: Invalid value: ["None","fd00::*"]: may not change once set', 'spec.clusterIPs: Invalid value: ["None","fd00::*"]: \'None\' must be the first and only value');
    const causes = causesOf(cell, requested);
    if (causes !== undefined) return outcome.thenInvalid(...causes);
    expect(shapeOf(outcome)).toBe(cell === '=' ? shape : cell);
  });
});

/** `P[A,+dyn6]`, `S[A] -B`: the Service after, and what happened to addresses where the list does not say it. */
const shapeOf = (outcome: Outcome): string => {
  const { ipFamilyPolicy = '', clusterIPs = [] } = outcome.answer().spec;
  const events = outcome.accepted().events;
  const changes = events.flatMap((event) => (event.type === 'ip.allocated' ? [`+${event.data.scope === 'dynamic' ? 'dyn6' : named(event.data.address)}`] : event.type === 'ip.released' ? [`-${named(event.data.address)}`] : []));
  const list = clusterIPs.map((text) => (changes[0] === '+dyn6' && text.includes(':') ? '+dyn6' : named(text)));
  return [`${ipFamilyPolicy.charAt(0)}[${list.join(',')}]`, ...changes.filter((change) => change !== '+dyn6')].join(' ');
};
const named = (text: string): string => ({ [A]: 'A', [B]: 'B', [A2]: "A'", [B2]: "B'" })[text] ?? text;

/** Spec 2.10. Headless Services change their families freely, because nothing is allocated for them. */
describe('an update of a headless Service', () => {
  const bare = { ...headless, selector: undefined };
  const unconfigured = ['spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services', 'spec.ipFamilies[1]: Invalid value: "IPv6": not configured on this cluster'];
  const multiple = 'spec.ipFamilyPolicy: Invalid value: "SingleStack": must be \'RequireDualStack\' or \'PreferDualStack\' when multiple IP families are specified';

  it.each<[what: string, scenario: Scenario, change: ReturnType<typeof patch>, becomes: string]>([
    ['S[4], families [6]: the primary family switches', given(v4v6, service('web', headless)), patch('web', { spec: { ipFamilies: ['IPv6'] } }), 'S 6'],
    ['S[4], policy P', given(v4v6, service('web', headless)), patch('web', { spec: { ipFamilyPolicy: 'PreferDualStack' } }), 'P 4,6'],
    ['S[4], policy R', given(v4v6, service('web', headless)), patch('web', { spec: { ipFamilyPolicy: 'RequireDualStack' } }), 'R 4,6'],
    ['S[6], PUT without families: silently the primary family', given(v4v6, service('web', { ...headless, ...families('IPv6') })), replace(service('web')), 'S 4'],
    ['R[6,4], PUT without families: silently the primary family first', given(v4v6, service('web', { ...headless, ipFamilyPolicy: 'RequireDualStack', ...families('IPv6', 'IPv4') })), replace(service('web')), 'R 4,6'],
    ['R[4,6], policy S', given(v4v6, service('web', { ...headless, ipFamilyPolicy: 'RequireDualStack' })), patch('web', { spec: { ipFamilyPolicy: 'SingleStack' } }), 'S 4'],
    ['R[4,6] without selector on v4, a selector and policy S', given(v4, service('web', bare)), patch('web', { spec: { ipFamilyPolicy: 'SingleStack', selector: { a: 'b' } } }), 'S 4'],
    ['S[4], the selector goes: the policy is set already', given(v4v6, service('web', headless)), patch('web', { spec: { selector: null } }), 'S 4'],
    ['R[4,6], the selector goes', given(v4v6, service('web', { ...headless, ipFamilyPolicy: 'RequireDualStack' })), patch('web', { spec: { selector: null } }), 'R 4,6'],
  ])('%s', (_, scenario, change, becomes) => {
    const outcome = scenario.when(change);
    outcome.then('service.updated shop/web');
    const { spec } = outcome.answer();
    expect(`${spec.ipFamilyPolicy?.charAt(0)} ${shortFamilies(spec.ipFamilies)}`).toBe(becomes);
    expect(spec).toMatchObject({ clusterIP: 'None', clusterIPs: ['None'] });
  });

  it.each<[what: string, scenario: Scenario, change: ReturnType<typeof patch>, causes: string[]]>([
    ['S[4], families [4,6] without policy', given(v4v6, service('web', headless)), patch('web', { spec: { ipFamilies: ['IPv4', 'IPv6'] } }), [multiple]],
    ['R[4,6], families [6]', given(v4v6, service('web', { ...headless, ipFamilyPolicy: 'RequireDualStack' })), patch('web', { spec: { ipFamilies: ['IPv6'] } }), ['spec.ipFamilyPolicy: Invalid value: "RequireDualStack": must be \'SingleStack\' to release the secondary IP family']],
    ['R[4,6] without selector on v4, a selector', given(v4, service('web', bare)), patch('web', { spec: { selector: { a: 'b' } } }), unconfigured],
    ['S[6] without selector on v4, a selector', given(v4, service('web', { ...bare, ipFamilyPolicy: 'SingleStack', ...families('IPv6') })), patch('web', { spec: { selector: { a: 'b' } } }), ['spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster']],
    ['an address', given(v4v6, service('web', headless)), patch('web', { spec: { clusterIP: A } }), [`spec.clusterIPs[0]: Invalid value: ["${A}"]: may not change once set`]],
    ['an address of the other family', given(v4v6, service('web', headless)), patch('web', { spec: { clusterIP: B } }), [`spec.clusterIPs[0]: Invalid value: "${B}": expected an IPv4 value as indicated by \`ipFamilies[0]\``]],
    ['a headful one made headless', given(v4v6, web('S', A)), patch('web', { spec: { clusterIP: 'None' } }), ['spec.clusterIPs[0]: Invalid value: ["None"]: may not change once set']],
    // Upstream closes the connection here (difference 8).
    ['Prefer without selector on one family, made headless', given(v4, service('web', { selector: undefined, ipFamilyPolicy: 'PreferDualStack', ...ips(A) })), patch('web', { spec: { clusterIP: 'None', clusterIPs: ['None'] } }), ['spec.clusterIPs[0]: Invalid value: ["None"]: may not change once set']],
  ])('%s is refused', (_, scenario, change, causes) => scenario.when(change).thenInvalid(...causes));
});

it('a selector has nothing to do with the addresses of a headful Service', () => {
  given(v4v6, web('S', A)).when(patch('web', { spec: { selector: null } })).then('service.updated shop/web');
  given(v4v6, service('web', { ...externalName })).when(create(service('db', { selector: undefined }))).then('ip.allocated 10.0.0.* dynamic', 'service.created shop/db');
});
