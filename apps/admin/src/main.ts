import { startProblemOf } from '@ipledger/runtime';
import { runMigrate } from './migrate.js';
import { decidedBy, everything, runRebuildDerived } from './rebuild-derived.js';
import { runRebuildViews } from './rebuild-views.js';
import { runRestoreEpoch } from './restore-epoch.js';
import { runToken } from './token.js';
import { runExport } from './export.js';
import { runFollow } from './follow.js';
import { LedgerProblem } from './follow/ledger.js';
import { runImport } from './import.js';
import { runReconcile } from './reconcile.js';
import { help, parseUsage, UsageProblem, type Usage } from './usage.js';
import { runVerify } from './verify.js';

/** What to tell, and the exit code when it is not 0. */
type Answer = string | { text: string; exitCode: number };

/** What can be done. Each answers with what to tell, and throws what went wrong. */
const verbs: Readonly<Record<string, (usage: Usage) => Promise<Answer>>> = {
  migrate: runMigrate,
  verify: (usage) => runVerify(usage),
  'rebuild views': runRebuildViews,
  'rebuild claims': (usage) => runRebuildDerived(usage, decidedBy),
  'rebuild tables': (usage) => runRebuildDerived(usage, everything),
  'rebuild documents': (usage) => runRebuildDerived(usage, ['documents']),
  'restore-epoch': runRestoreEpoch,
  token: runToken,
  import: runImport,
  export: runExport,
  reconcile: runReconcile,
  follow: runFollow,
};

const run = async (): Promise<Answer> => {
  const usage = parseUsage(process.argv.slice(2), process.env);
  if (usage === undefined) return help.trimEnd();
  const name = usage.verb.join(' ');
  const verb = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
  if (verb === undefined) throw new UsageProblem(`there is no verb "${name}"`);
  return verb(usage);
};

/** One sentence for what was foreseen; the stack of what was not. */
const told = (error: unknown): string => {
  if (error instanceof UsageProblem) return `${error.message}\nnpm run admin -- --help lists what there is`;
  if (error instanceof LedgerProblem) return error.message;
  return startProblemOf(error) ?? (error instanceof Error ? error.stack ?? error.message : String(error));
};

try {
  const answer = await run();
  process.stdout.write(`${typeof answer === 'string' ? answer : answer.text}\n`);
  process.exitCode = typeof answer === 'string' ? 0 : answer.exitCode;
} catch (error) {
  process.stderr.write(`${told(error)}\n`);
  process.exitCode = process.argv.includes('verify') ? 2 : 1; // 1 is for differences there
}
