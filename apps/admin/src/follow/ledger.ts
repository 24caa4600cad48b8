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

/** Says what could not be done where the reason alone does not: a file that is not there, a server that nobody can reach. */
export const foreseen = async <T>(what: string, attempt: () => T | Promise<T>): Promise<T> => {
  try {
    return await attempt();
  } catch (error) {
    if (error instanceof LedgerProblem) throw error;
    throw new LedgerProblem(`${what}: ${reasonOf(error)}`);
  }
};

/** What fetch hides behind "fetch failed"; where several addresses were tried, what the first one said. */
const reasonOf = (error: unknown): string => {
  if (error instanceof AggregateError) return reasonOf(error.errors[0]);
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? reasonOf(error.cause) : error.message;
};

export interface Listed {
  metadata: { namespace: string; name: string; uid: string };
}

export const importLines = async (ledger: Ledger, lines: readonly string[], options: { existing: 'keep' | 'replace'; dryRun?: boolean }): Promise<ImportResult> => {
  const query = new URLSearchParams({ existing: options.existing, ...(options.dryRun === true && { dryRun: 'All' }) });
  return (await send(ledger, `/v1/clusters/${encodeURIComponent(ledger.cluster)}/services:import?${query.toString()}`, {
    method: 'POST', headers: { 'content-type': 'application/x-ndjson' }, body: lines.join('\n'),
  })) as ImportResult;
};

/** Every Service of the cluster, as the Kubernetes API shows it. */
export const listServices = async (ledger: Ledger): Promise<Listed[]> =>
  ((await send(ledger, `/clusters/${encodeURIComponent(ledger.cluster)}/api/v1/services`)) as { items: Listed[] }).items;

const send = ({ server, token }: Ledger, path: string, { headers = {}, ...request }: { method?: string; headers?: Record<string, string>; body?: string } = {}): Promise<unknown> =>
  foreseen(`no answer from the ipledger at ${server} (--ledger)`, async () => {
    const answer = await fetch(server + path, { ...request, headers: { ...headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) } });
    const text = await answer.text();
    if (!answer.ok) throw new LedgerProblem(`${answer.url} answered ${answer.status}: ${messageIn(text)}`);
    return JSON.parse(text) as unknown;
  });

/** Of a `Status`, a problem document, or of whatever else stands in front of ipledger. */
const messageIn = (text: string): string => {
  try {
    const { message, detail } = JSON.parse(text) as { message?: string; detail?: string };
    return message ?? detail ?? text.slice(0, 500);
  } catch {
    return text.slice(0, 500);
  }
};
