import { parseArgs } from 'node:util';
import type { TokenEntry } from '@ipledger/access';

export interface Usage {
  /** `rebuild views`, say. */
  verb: readonly string[];
  options: {
    databaseUrl?: string; viewsDatabaseUrl?: string; dataDir: string; rollback: boolean; prune: boolean; repairViews: boolean;
    /** Names; undefined = all. */
    clusters?: readonly string[];
    /** What `verify` compares; undefined = everything. */
    parts?: readonly string[];
    token: Partial<TokenEntry>;
  };
  /** Where Kafka is said to be. */
  env: Readonly<Record<string, string | undefined>>;
  /** For the verbs that speak to a running ipledger. */
  remote: {
    /** URL of ipledger. */
    ledger: string; cluster?: string; tokenFile?: string; dryRun: boolean; apply: boolean; forget: boolean;
    /** Where the running cluster is read: a file or folder, or an API server. */
    from?: string; server?: string; kubeconfig?: string; context?: string;
  };
}

export const help = `npm run admin -- VERB [options]

  migrate              bring the schema of the log up to date, and make the views where there are none
  verify               compare everything that is derived from the log with a fresh fold of it: claims, port claims, documents,
                       reservations, cool-downs, load balancer addresses, views, and with KAFKA_BROKERS (and the rest of KAFKA_*) both topics.
                       Exits with 0 when nothing differs, 1 when something does, 2 when something could not be compared
    --repair-views       put the views that were built to compare in the place of those that differ
    --cluster NAME       only this one; again and again
    --part PART          only tables, views or topics; again and again
  rebuild views        build all views anew from the log beside those that are live, compare, swap
    --rollback           put the set before back in its place
    --prune              drop the sets that are not live
  rebuild tables       compare all tables that are derived from the log with it, and put right what differs
  rebuild claims       only what is decided by: claims, port claims, reservations, cool-downs, definitions of clusters
  rebuild documents    only the current documents of Services
  restore-epoch        begin a new life of the log: once, after its database was restored from a backup
  token                make a token, and the entry of the access file that lets it in
    --name NAME          under which the log knows whoever uses it
    --role ROLE          reader, allocator or admin
    --cluster NAME, --namespace NAME   where; again and again, a name or a beginning and *; without them everywhere
    --expires TIME       such as 2027-01-31T00:00:00Z; without it never

  import               take over the Services of a running cluster, as they are
    --dry-run            only say what would be, and every conflict
  reconcile            compare a running cluster with the ledger, both ways; exits with 1 when they differ (still)
    --apply              import what is missing, bring in line what differs; conflicts are listed and left
    --forget             with --apply: forget what the running cluster has no longer, too
  export               write all Services of a cluster, as import takes them
  follow               keep a cluster in step with a real API server, until interrupted
  import and reconcile read the running cluster from one of
    --from FILE          what kubectl get svc -A -o json wrote; or a Service on each line; or a folder of such files
    --server URL         its API server, or a kubectl proxy before it; follow takes it as well
    --kubeconfig FILE, --context NAME   of its API server; follow finds them as kubectl does
  these four speak to a running ipledger:
    --ledger URL, --cluster NAME, --token-file FILE   http://127.0.0.1:8080 without --ledger

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
    remote: remoteIn(values),
    verb: positionals,
    env,
    options: {
      ...(databaseUrl !== undefined && { databaseUrl }), ...(viewsDatabaseUrl !== undefined && { viewsDatabaseUrl }),
      dataDir: values['data-dir'] ?? (env['DATA_DIR'] || './data'), rollback: values.rollback === true, prune: values.prune === true,
      repairViews: values['repair-views'] === true, ...(values.cluster && { clusters: values.cluster }), ...(values.part && { parts: values.part }), token: tokenIn(values),
    },
  };
};

const remoteIn = (values: ReturnType<typeof parsed>['values']): Usage['remote'] => {
  const { ledger = 'http://127.0.0.1:8080', server, cluster, from, kubeconfig, context } = values;
  const [only] = cluster ?? [];
  const tokenFile = values['token-file'];
  return {
    ledger, dryRun: values['dry-run'] === true, apply: values.apply === true, forget: values.forget === true, ...(server !== undefined && { server }), ...(only !== undefined && { cluster: only }), ...(tokenFile !== undefined && { tokenFile }),
    ...(from !== undefined && { from }), ...(kubeconfig !== undefined && { kubeconfig }), ...(context !== undefined && { context }),
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
        rollback: { type: 'boolean' }, prune: { type: 'boolean' }, 'repair-views': { type: 'boolean' }, name: { type: 'string' }, role: { type: 'string' }, expires: { type: 'string' },
        ledger: { type: 'string' }, server: { type: 'string' }, apply: { type: 'boolean' }, forget: { type: 'boolean' }, 'token-file': { type: 'string' }, from: { type: 'string' }, 'dry-run': { type: 'boolean' }, kubeconfig: { type: 'string' }, context: { type: 'string' },
        cluster: { type: 'string', multiple: true }, namespace: { type: 'string', multiple: true }, part: { type: 'string', multiple: true }, help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageProblem((error as Error).message);
  }
};
