import { DerivedRebuild, PostgresEventStore, type DerivedPart } from '@ipledger/event-store';
import pg from 'pg';
import { openDatabases } from './databases.js';
import { DerivedFold } from './derived-changes.js';
import { Progress } from './progress.js';
import type { Usage } from './usage.js';

const pageRows = 500;

/** What is derived from the log in its own database; what a writer decides by, before the documents. */
export const decidedBy: readonly DerivedPart[] = ['claims', 'port_claims', 'lb_members', 'lb_waiting', 'lb_attached', 'reservations', 'cooling', 'definition'];
export const everything: readonly DerivedPart[] = [...decidedBy, 'documents'];

/** Compares derived tables of every cluster with a fold of the log, and puts right what differs. */
export const runRebuildDerived = async ({ options }: Usage, parts: readonly DerivedPart[]): Promise<string> => {
  const databases = await openDatabases(options);
  const store = new PostgresEventStore({ url: databases.logUrl, max: 2 });
  const client = new pg.Client({ connectionString: databases.logUrl, application_name: 'ipledger admin' });
  client.on('error', () => undefined); // the query under way rejects as well
  const listed = new Intl.ListFormat('en').format(parts);
  const progress = new Progress(`rebuilding ${listed}`, 'revisions');
  try {
    await client.connect();
    const rebuild = new DerivedRebuild(client, parts);
    const tips = await store.tips();
    const total = tips.reduce((sum, { revision }) => sum + revision, 0);
    const lines: string[] = [];
    let before = 0;
    for (const tip of tips) {
      const fold = new DerivedFold();
      let reached = 0;
      const readOn = async (): Promise<void> => {
        for (let rows = await store.readLog(tip.id, reached, pageRows); rows.length > 0; rows = await store.readLog(tip.id, reached, pageRows)) {
          await rebuild.apply(tip.id, fold.take(rows));
          reached = rows.at(-1)?.revision ?? reached;
          progress.at(before + reached, total);
        }
      };
      await rebuild.begin();
      await readOn();
      const differences = await rebuild.replace(tip.id, readOn);
      before += tip.revision;
      lines.push(...differences.map(({ table, missing, surplus, different, examples }) => `  ${table} of ${tip.name}: ${missing} missing, ${surplus} too many, ${different} different; such as ${examples.join(', ')}`));
    }
    progress.end();
    const read = `${tips.length} clusters, ${total.toLocaleString('en-US')} revisions read`;
    if (lines.length === 0) return `${read}: ${listed} were right`;
    return [`${read}; put right:`, ...lines, 'Restart the allocators: what they hold in memory was loaded from these tables.'].join('\n');
  } finally {
    await client.end();
    await store.close();
    await databases.close();
  }
};
