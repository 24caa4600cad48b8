import { StoreError } from '@ipledger/event-store';
import { EmbeddedPostgresError } from '@ipledger/runtime';
import { runMigrate } from './migrate.js';
import { runRebuildDerived } from './rebuild-derived.js';
import { runRebuildViews } from './rebuild-views.js';
import { runRestoreEpoch } from './restore-epoch.js';
import { runToken } from './token.js';
import { LedgerProblem } from './follow/ledger.js';
import { runExport, runFollow, runImport } from './transfer.js';
import { help, parseUsage, UsageProblem, type Usage } from './usage.js';

/** What can be done. Each answers with what to tell, and throws what went wrong. */
const verbs: Readonly<Record<string, (usage: Usage) => Promise<string>>> = {
  migrate: runMigrate,
  'rebuild views': runRebuildViews,
  'rebuild claims': (usage) => runRebuildDerived(usage, ['claims', 'port_claims']),
  'rebuild documents': (usage) => runRebuildDerived(usage, ['documents']),
  'restore-epoch': runRestoreEpoch,
  token: runToken,
  import: runImport,
  export: runExport,
  follow: runFollow,
};

const run = async (): Promise<string> => {
  const usage = parseUsage(process.argv.slice(2), process.env);
  if (usage === undefined) return help.trimEnd();
  const name = usage.verb.join(' ');
  const verb = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
  if (verb === undefined) throw new UsageProblem(`there is no verb "${name}"`);
  return verb(usage);
};

try {
  process.stdout.write(`${await run()}\n`);
} catch (error) {
  const foreseen = error instanceof UsageProblem || error instanceof LedgerProblem || error instanceof StoreError || error instanceof EmbeddedPostgresError;
  process.stderr.write(`${foreseen ? error.message : error instanceof Error ? error.stack ?? error.message : String(error)}\n${error instanceof UsageProblem ? `\n${help}` : ''}`);
  process.exitCode = 1;
}
