import { importLines, listServices, type ImportResult, type Ledger } from './follow/ledger.js';
import { liveServices } from './live.js';
import { differences, type Difference, type Service } from './reconcile/difference.js';
import { ledgerOf } from './remote.js';
import { UsageProblem, type Usage } from './usage.js';

const linesPerImport = 1_000;
/** Differences that are printed; what is beyond is counted. */
const linesMax = 200;

/**
 * Compares a live cluster with the ledger, and with `apply` brings the ledger in line: Services that are missing are imported,
 * those that differ are replaced. What only the ledger has is never taken for deleted without `forget`: a dump may be old, or
 * of a part. Whatever does not fit (an address that another one holds, say) is listed and stays as it is.
 * Exits with 0 when the sides agree (then), 1 when they do not.
 */
export const runReconcile = async ({ remote }: Usage): Promise<{ text: string; exitCode: number }> => {
  if (remote.forget && !remote.apply) throw new UsageProblem('--forget goes with --apply');
  const ledger = await ledgerOf(remote);
  // The ledger first: what is made on both sides in between is then missing at worst, and never surplus.
  const here = (await listServices(ledger)) as Service[];
  const { where, services } = await liveServices(remote);
  const found = differences(services, here);
  const head = `${services.length} Services in ${where}, ${here.length} in ${ledger.cluster} of ${ledger.server}`;
  if (found.length === 0) return { text: `${head}: the same`, exitCode: 0 };
  const done = await bringInLine(ledger, found, remote);
  const left = remote.apply ? found.filter(({ key, kind }) => done.conflicts.has(key) || !isApplied(kind, remote.forget)).length : found.length;
  const lines = found.map((difference) => lineOf(difference, done.conflicts.get(difference.key)));
  const more = lines.length > linesMax ? [`  and ${lines.length - linesMax} more`] : [];
  const did = remote.apply ? `; ${done.imported} imported, ${done.updated} brought in line, ${done.forgotten} forgotten, ${left} left as they are` : '';
  const withForget = found.some(({ kind }) => kind === 'surplus' || kind === 'replaced') && !remote.forget;
  const hints = [...(remote.apply ? [] : ['nothing was changed; --apply brings the ledger in line']), ...(withForget ? ['what the live cluster has no longer is forgotten only with --apply --forget'] : [])];
  return { text: [`${head}: ${found.length} ${found.length === 1 ? 'difference' : 'differences'}${did}`, ...lines.slice(0, linesMax), ...more, ...hints].join('\n'), exitCode: left > 0 ? 1 : 0 };
};

type Done = Pick<ImportResult, 'imported' | 'updated' | 'forgotten'> & { conflicts: ReadonlyMap<string, readonly string[]> };

type Line = { key: string; text: string };

/** Without `apply` it is tried only, so that conflicts are told as well. */
const bringInLine = async (ledger: Ledger, found: readonly Difference[], { apply, forget }: Pick<Usage['remote'], 'apply' | 'forget'>): Promise<Done> => {
  const done = { imported: 0, updated: 0, forgotten: 0, conflicts: new Map<string, string[]>() };
  const send = async (lines: readonly Line[]): Promise<void> => {
    done.conflicts.clear();
    for (let from = 0; from < lines.length; from += linesPerImport) {
      const sent = lines.slice(from, from + linesPerImport);
      const result = await importLines(ledger, sent.map(({ text }) => text), { existing: 'replace', dryRun: !apply });
      for (const count of ['imported', 'updated', 'forgotten'] as const) done[count] += result[count];
      // By line: of one that cannot be read the answer names no Service.
      for (const { line, reasons } of result.first) done.conflicts.set(sent[line - 1]?.key ?? '', reasons);
    }
  };
  if (forget) await send(found.flatMap((difference) => (difference.kind === 'surplus' || difference.kind === 'replaced' ? [forgetLine(difference)] : [])));
  const lines = found.flatMap((difference): Line[] =>
    (difference.kind === 'missing' || difference.kind === 'differs' || (difference.kind === 'replaced' && forget) ? [{ key: difference.key, text: JSON.stringify({ apiVersion: 'v1', kind: 'Service', ...difference.live }) }] : []));
  await send(lines);
  // An address or port that moved between two Services is free only when the one that had it has been brought in line.
  if (apply && done.conflicts.size > 0) await send(lines);
  return done;
};

const isApplied = (kind: Difference['kind'], forget: boolean): boolean => kind === 'missing' || kind === 'differs' || (forget && kind !== 'unclear');

const forgetLine = ({ key, ledger: { metadata: { namespace, name, uid } } }: { key: string; ledger: Service }): Line => ({ key, text: JSON.stringify({ deleted: { namespace, name, uid } }) });

const lineOf = (difference: Difference, conflict: readonly string[] | undefined): string => {
  const does = conflict === undefined ? '' : `; conflict: ${conflict.join('; ')}`;
  switch (difference.kind) {
    case 'missing': return `  ${difference.key} is not in the ledger${does}`;
    case 'surplus': return `  ${difference.key} is in the ledger only${does}`;
    case 'replaced': return `  ${difference.key} is another Service there, with uid ${difference.live.metadata.uid}, not ${difference.ledger.metadata.uid}${does}`;
    case 'differs': return `  ${difference.key} differs: ${difference.paths.join(', ')}${does}`;
    case 'unclear': return `  ${difference.key}: ${difference.why}`;
  }
};
