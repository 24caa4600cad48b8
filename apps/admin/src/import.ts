import { importLines } from './follow/ledger.js';
import { liveServices } from './live.js';
import { Progress } from './progress.js';
import { ledgerOf } from './remote.js';
import type { Usage } from './usage.js';

/** In one request; every conflict of so many is named. */
const linesPerImport = 1_000;

/** Takes over the Services of a running cluster as they are. Sent again, what is here just so is passed over; what differs is a conflict. */
export const runImport = async ({ remote }: Usage): Promise<{ text: string; exitCode: number }> => {
  const ledger = await ledgerOf(remote);
  const { where, services } = await liveServices(remote);
  const progress = new Progress(remote.dryRun ? 'trying' : 'importing', 'Services');
  const total = { imported: 0, unchanged: 0, conflicts: [] as string[] };
  for (let from = 0; from < services.length; from += linesPerImport) {
    const { first, imported, unchanged } = await importLines(ledger, services.slice(from, from + linesPerImport).map((item) => JSON.stringify(item)), { existing: 'keep', dryRun: remote.dryRun });
    total.imported += imported;
    total.unchanged += unchanged;
    total.conflicts.push(...first.map(({ service, line, reasons }) => `${service ?? `item ${from + line}`}: ${reasons.join('; ')}`));
    progress.at(Math.min(from + linesPerImport, services.length), services.length);
  }
  progress.end();
  const did = remote.dryRun ? 'would be imported' : 'imported';
  const text = [`${services.length} Services in ${where}: ${total.imported} ${did}, ${total.unchanged} were here just so, ${total.conflicts.length} in conflict`, ...total.conflicts].join('\n');
  return { text, exitCode: total.conflicts.length > 0 ? 1 : 0 };
};
