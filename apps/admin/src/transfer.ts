import { readFile } from 'node:fs/promises';
import { KubeConfig } from '@kubernetes/client-node';
import { follow } from './follow/follow.js';
import { importLines, LedgerProblem, listServices, type Ledger } from './follow/ledger.js';
import { UsageProblem, type Usage } from './usage.js';

const linesPerImport = 1_000;

/** Takes over the Services of a file: `kubectl get svc -A -o json`, one Service, or one on each line. */
export const runImport = async ({ remote }: Usage): Promise<string> => {
  if (remote.from === undefined) throw new UsageProblem('import needs --from FILE, what `kubectl get svc -A -o json` wrote');
  const ledger = await ledgerOf(remote);
  const services = servicesIn(await readFile(remote.from, 'utf8'));
  const total = { imported: 0, unchanged: 0, conflicts: [] as string[] };
  for (let from = 0; from < services.length; from += linesPerImport) {
    const { first, imported, unchanged } = await importLines(ledger, services.slice(from, from + linesPerImport).map((item) => JSON.stringify(item)), { existing: 'keep', dryRun: remote.dryRun });
    total.imported += imported;
    total.unchanged += unchanged;
    total.conflicts.push(...first.map(({ service, line, reasons }) => `${service ?? `item ${from + line}`}: ${reasons.join('; ')}`));
    process.stderr.write(`${Math.min(from + linesPerImport, services.length)} of ${services.length}\n`);
  }
  const did = remote.dryRun ? 'would be imported' : 'imported';
  return [`${total.imported} ${did}, ${total.unchanged} were here just so, ${total.conflicts.length} in conflict`, ...total.conflicts].join('\n');
};

/** All Services of a cluster, as `kubectl get svc -A -o json` shows them: what `import` takes. */
export const runExport = async ({ remote }: Usage): Promise<string> => {
  const items = (await listServices(await ledgerOf(remote))).map((item) => ({ apiVersion: 'v1', kind: 'Service', ...item }));
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items }, null, 1);
};

/** Keeps a cluster in step with a real API server, until it is interrupted. */
export const runFollow = async ({ remote }: Usage): Promise<string> => {
  const ledger = await ledgerOf(remote);
  const config = new KubeConfig();
  if (remote.kubeconfig === undefined) config.loadFromDefault();
  else config.loadFromFile(remote.kubeconfig);
  if (remote.context !== undefined) config.setCurrentContext(remote.context);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  await follow({ config, ledger, signal: stop.signal, say: (message) => process.stderr.write(`${new Date().toISOString()} ${message}\n`) });
  return 'stopped';
};

const ledgerOf = async ({ server, cluster, tokenFile }: Usage['remote']): Promise<Ledger> => {
  if (cluster === undefined) throw new UsageProblem('which cluster? --cluster NAME');
  const token = tokenFile === undefined ? undefined : (await readFile(tokenFile, 'utf8')).trim();
  return { server: server.replace(/\/$/, ''), cluster, token };
};

const servicesIn = (text: string): unknown[] => {
  try {
    const value = JSON.parse(text) as { items?: unknown };
    return Array.isArray(value.items) ? value.items.map((item: unknown) => ({ apiVersion: 'v1', kind: 'Service', ...(item as object) })) : [value];
  } catch {
    return text.split('\n').filter((line) => line.trim() !== '').map((line, i): unknown => {
      try {
        return JSON.parse(line);
      } catch (error) {
        throw new LedgerProblem(`line ${i + 1} of the file is not JSON: ${(error as Error).message}`);
      }
    });
  }
};
