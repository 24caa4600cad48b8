import { createPool, PostgresEventStore } from '@ipledger/event-store';
import { pruneSets, rebuildViews, rollBackSet } from '@ipledger/views';
import { openDatabases } from './databases.js';
import { Progress } from './progress.js';
import { UsageProblem, type Usage } from './usage.js';

/** Builds the views anew beside the live ones and swaps; or goes back to the set before, or drops what is not live. */
export const runRebuildViews = async ({ options }: Usage): Promise<string> => {
  if (options.rollback && options.prune) throw new UsageProblem('--rollback needs the set that --prune drops; give one of them');
  const databases = await openDatabases(options);
  try {
    return await (options.rollback || options.prune ? withPool(databases.viewsUrl, options.rollback) : rebuild(databases.logUrl, databases.viewsUrl));
  } finally {
    await databases.close();
  }
};

const withPool = async (viewsUrl: string, rollback: boolean): Promise<string> => {
  const pool = createPool({ url: viewsUrl, max: 1, applicationName: 'ipledger admin' });
  try {
    if (rollback) return `live is ${await rollBackSet(pool)} again; projectors bring it forward from the log`;
    const dropped = await pruneSets(pool);
    return dropped.length === 0 ? 'there is no set but the live one' : `dropped ${dropped.join(', ')}`;
  } finally {
    await pool.end();
  }
};

const rebuild = async (logUrl: string, viewsUrl: string): Promise<string> => {
  const store = new PostgresEventStore({ url: logUrl, max: 2 });
  const progress = new Progress('rebuilding the views', 'revisions');
  try {
    const report = await rebuildViews({ viewsUrl, store, onProgress: ({ done, total }) => progress.at(done, total) });
    progress.end();
    if (report === undefined) return 'nothing was rebuilt';
    const differences = report.differences?.map(({ table, cluster, onlyInFirst, onlyInSecond, example }) => `  ${table} of ${cluster}: ${onlyInFirst} rows were wrong, ${onlyInSecond} are right now, such as ${example}`);
    return [
      `live is ${report.schema}, built from ${report.revisions.toLocaleString('en-US')} revisions in ${report.seconds.toFixed(1)} s${report.previous === null ? '' : `; ${report.previous} is kept for --rollback`}`,
      differences === undefined ? 'not compared: there was no set of this format' : differences.length === 0 ? 'the same as before, row by row' : `other than before:\n${differences.join('\n')}`,
      ...(report.notCompared.length > 0 ? [`not compared, since the set before could not be brought to the same revision: ${report.notCompared.join(', ')}`] : []),
      ...Object.entries(report.stopped).map(([cluster, reason]) => `cluster ${cluster} has stopped: ${reason}`),
    ].join('\n');
  } finally {
    await store.close();
  }
};
