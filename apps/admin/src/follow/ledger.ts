/** The side that follows: ipledger over HTTP. */
export interface Ledger {
  /** Where it listens, without a slash at the end. */
  server: string;
  cluster: string;
  /** Bearer token; undefined where nobody is asked who he is. */
  token: string | undefined;
}

export interface ImportResult {
  dryRun: boolean;
  lines: number;
  imported: number;
  updated: number;
  forgotten: number;
  unchanged: number;
  conflicts: number;
  first: { line: number; service: string | null; reasons: string[] }[];
}

/** Named in messages: where a refusal came from, and what it said. */
export class LedgerProblem extends Error {}

export interface Listed {
  metadata: { namespace: string; name: string; uid: string };
}

export const importLines = async (ledger: Ledger, lines: readonly string[], options: { existing: 'keep' | 'replace'; dryRun?: boolean }): Promise<ImportResult> => {
  const query = new URLSearchParams({ existing: options.existing, ...(options.dryRun === true && { dryRun: 'All' }) });
  const answer = await fetch(`${ledger.server}/v1/clusters/${ledger.cluster}/services:import?${query.toString()}`, {
    method: 'POST', headers: { ...headersOf(ledger), 'content-type': 'application/x-ndjson' }, body: lines.join('\n'),
  });
  return (await bodyOf(answer)) as ImportResult;
};

/** Every Service of the cluster, as the Kubernetes API shows it. */
export const listServices = async (ledger: Ledger): Promise<Listed[]> => {
  const answer = await fetch(`${ledger.server}/clusters/${ledger.cluster}/api/v1/services`, { headers: headersOf(ledger) });
  return ((await bodyOf(answer)) as { items: Listed[] }).items;
};

const headersOf = ({ token }: Ledger): Record<string, string> => (token === undefined ? {} : { authorization: `Bearer ${token}` });

const bodyOf = async (answer: Response): Promise<unknown> => {
  const text = await answer.text();
  if (!answer.ok) throw new LedgerProblem(`${answer.url} answered ${answer.status}: ${text.slice(0, 500)}`);
  return JSON.parse(text) as unknown;
};
