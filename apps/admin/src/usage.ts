import { parseArgs } from 'node:util';
import type { TokenEntry } from '@ipledger/access';

export interface Usage {
  /** `rebuild views`, say. */
  verb: readonly string[];
  options: { databaseUrl?: string; viewsDatabaseUrl?: string; dataDir: string; rollback: boolean; prune: boolean; token: Partial<TokenEntry> };
}

export const help = `npm run admin -- VERB [options]

  migrate              bring the schema of the log up to date, and make the views where there are none
  rebuild views        build all views anew from the log beside those that are live, compare, swap
    --rollback           put the set before back in its place
    --prune              drop the sets that are not live
  rebuild claims       compare claims and port claims with the log, and put right what differs
  rebuild documents    the same for the current documents of Services
  restore-epoch        begin a new life of the log: once, after its database was restored from a backup
  token                make a token, and the entry of the access file that lets it in
    --name NAME          under which the log knows whoever uses it
    --role ROLE          reader, allocator or admin
    --cluster NAME, --namespace NAME   where; again and again, a name or a beginning and *; without them everywhere
    --expires TIME       such as 2027-01-31T00:00:00Z; without it never

  --database-url URL        Postgres that holds the log (DATABASE_URL); otherwise the embedded one
  --views-database-url URL  Postgres that holds the views (VIEWS_DATABASE_URL); otherwise the same
  --data-dir FOLDER         of the embedded Postgres (DATA_DIR, ./data)
`;

/** Thrown for what was typed, in one sentence. */
export class UsageProblem extends Error {}

/** @returns undefined when help is asked for */
export const parseUsage = (argv: readonly string[], env: Readonly<Record<string, string | undefined>>): Usage | undefined => {
  const { values, positionals } = parsed(argv);
  if (values.help === true || positionals.length === 0) return undefined;
  const databaseUrl = values['database-url'] ?? (env['DATABASE_URL'] || undefined);
  const viewsDatabaseUrl = values['views-database-url'] ?? (env['VIEWS_DATABASE_URL'] || undefined);
  return {
    verb: positionals,
    options: {
      ...(databaseUrl !== undefined && { databaseUrl }), ...(viewsDatabaseUrl !== undefined && { viewsDatabaseUrl }),
      dataDir: values['data-dir'] ?? (env['DATA_DIR'] || './data'), rollback: values.rollback === true, prune: values.prune === true, token: tokenIn(values),
    },
  };
};

const tokenIn = ({ name, role, expires, cluster: clusters, namespace: namespaces }: ReturnType<typeof parsed>['values']): Partial<TokenEntry> =>
  ({ ...(name && { name }), ...(role && { role }), ...(clusters && { clusters }), ...(namespaces && { namespaces }), ...(expires && { expires }) });

const parsed = (argv: readonly string[]) => {
  try {
    return parseArgs({
      args: [...argv], allowPositionals: true,
      options: {
        'database-url': { type: 'string' }, 'views-database-url': { type: 'string' }, 'data-dir': { type: 'string' },
        rollback: { type: 'boolean' }, prune: { type: 'boolean' }, name: { type: 'string' }, role: { type: 'string' }, expires: { type: 'string' },
        cluster: { type: 'string', multiple: true }, namespace: { type: 'string', multiple: true }, help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageProblem((error as Error).message);
  }
};
