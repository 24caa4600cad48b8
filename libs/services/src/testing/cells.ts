import type { Outcome } from './scenario.js';

/**
 * The short words of the decision tables (policy x families x addresses). A table is text: a header, then a line per row, cells
 * between `|`. A cell is what happens (`4s 6d`) or why it is refused (`P-IP+IP-NC[1]`, all causes in order).
 */
export interface Cell {
  row: string;
  column: string;
  cell: string;
}

export const cellsOf = (table: string): Cell[] => {
  const [header = [], ...rows] = table.trim().split('\n').map((line) => line.split('|').map((part) => part.trim()));
  return rows.flatMap(([row = '', ...cells]) => {
    if (cells.length !== header.length - 1) throw new Error(`row ${row} has ${cells.length} cells`);
    return cells.map((cell, i) => ({ row, column: header[i + 1] ?? '', cell }));
  });
};

/** `4,6` as the families it names; nothing for `none`. */
export const familiesIn = (text: string): ('IPv4' | 'IPv6')[] =>
  text === 'none' ? [] : text.replace(/[[\]]/g, '').split(',').map((digit) => (digit === '4' ? 'IPv4' : 'IPv6'));

/** What the request said, for the values that the messages show. `policy` is the one in force. */
export interface Requested {
  policy: string;
  ipFamilies: readonly string[];
  clusterIPs: readonly string[];
}

const isRefusal = (cell: string): boolean => /^[A-Z]/.test(cell) && !/^[SPR][:[]/.test(cell);

/**
 * The causes that a refusal's codes stand for, as `Outcome.thenInvalid` wants them; undefined when the cell is no refusal.
 * Spec 1.4, 1.6, 2.4 and 2.6 have the texts.
 */
export const causesOf = (cell: string, requested: Requested): string[] | undefined =>
  isRefusal(cell) ? cell.split('+').map((code) => causeOf(code, requested)) : undefined;

const causeOf = (code: string, { policy, ipFamilies, clusterIPs }: Requested): string => {
  const [, word = '', index = ''] = /^([A-Z-]+)(?:\[(\d)\])?$/.exec(code) ?? [];
  const i = Number(index);
  const policyCause = (why: string): string => `spec.ipFamilyPolicy: Invalid value: "${policy}": ${why}`;
  const ipCause = (value: string, why: string): string => `spec.clusterIPs[${i}]: Invalid value: ${value}: ${why}`;
  switch (word) {
    case 'P-IP':
      return policyCause("must be 'RequireDualStack' or 'PreferDualStack' when multiple cluster IPs are specified");
    case 'P-FAM':
      return policyCause("must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified");
    case 'REL-IP':
      return policyCause("must be 'SingleStack' to release the secondary cluster IP");
    case 'REL-FAM':
      return policyCause("must be 'SingleStack' to release the secondary IP family");
    case 'NODUAL':
      return policyCause('this cluster is not configured for dual-stack services');
    case 'IP-NC':
      return ipCause(JSON.stringify(clusterIPs), `${clusterIPs[i]?.includes(':') ? 'IPv6' : 'IPv4'} is not configured on this cluster`);
    case 'FAM-NC':
      return `spec.ipFamilies[${i}]: Invalid value: "${ipFamilies[i]}": not configured on this cluster`;
    case 'MISM':
      return ipCause(`"${clusterIPs[i]}"`, `expected an ${ipFamilies[i]} value as indicated by \`ipFamilies[${i}]\``);
    case 'IMM-IP':
      return ipCause(`["${clusterIPs[0]}"*]`, 'may not change once set');
    case 'IMM-FAM':
      return 'spec.ipFamilies[0]: Invalid value: [*]: may not change once set';
    default:
      throw new Error(`no such code: ${code}`);
  }
};

/** Families in stored order, each with `s` (the address asked for) or `d` (any): `4s 6d`. Only for a Service that is made. */
export const takenIn = (outcome: Outcome): string =>
  outcome.accepted().events
    .flatMap((event) => (event.type === 'ip.allocated' ? [`${event.data.family === 'IPv4' ? 4 : 6}${event.data.scope.charAt(0)}`] : []))
    .join(' ');

/** `4,6` */
export const shortFamilies = (ipFamilies: readonly string[] | undefined): string => (ipFamilies ?? []).map((family) => family.slice(-1)).join(',');
