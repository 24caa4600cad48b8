import { StoreError } from '@ipledger/event-store';
import pg from 'pg';
import { addressesView } from './addresses.view.js';
import { clustersView } from './clusters.view.js';
import { heldBackView } from './held-back.view.js';
import { lbAddressesView } from './lb-addresses.view.js';
import { lbWaitsView } from './lb-waits.view.js';
import { namespacesView } from './namespaces.view.js';
import { nodePortsView } from './node-ports.view.js';
import { poolUsageView } from './pool-usage.view.js';
import { servicesView } from './services.view.js';
import { usageHistoryView } from './usage-history.view.js';
import { makeFindings } from './verify-findings.js';
import type { View } from './view.js';

export const allViews: readonly View[] = [clustersView, poolUsageView, usageHistoryView, addressesView, nodePortsView, servicesView, namespacesView, heldBackView, lbAddressesView, lbWaitsView];

/** The shape of the tables. Whoever changes a table raises it: a set of another format is replaced by one that is built anew. */
export const viewsFormat = 3;
const formatComment = `views of ipledger, format ${viewsFormat}`;

/** A set of tables, all views in one schema `views_v<n>`: the one that is live, or one by name while it is built. */
export type SetChoice = { live: true } | { schema: string };
export const liveSet: SetChoice = { live: true };

export interface SetInfo {
  schema: string;
  format: number;
}

/** The views were made for another version of the program. */
export class FormatMismatch extends Error {
  readonly retriable = true;
  constructor(readonly found: number | null) {
    super(found === null ? 'the views do not exist yet' : `the views have format ${found}, but this program needs ${viewsFormat}`);
  }
}

// Advisory locks, in a space of numbers of our own. Swapping sets waits for every batch under way, and they for it.
const lockSpace = 0x1b1ed9e;
export const swapLock = `${lockSpace}, 1`;
export const rebuildLock = `${lockSpace}, 2`;
const clusterLockSpace = lockSpace + 1;

/**
 * Begins the transaction of a batch: inside, names without a schema are those of the set, and no other batch of the cluster
 * runs. Statements of one message have a snapshot each, so what follows sees what it waited for.
 * @throws FormatMismatch
 */
export const enterSet = async (client: pg.ClientBase, set: SetChoice, cluster: string): Promise<void> => {
  const schema = 'live' in set
    ? `SELECT pg_advisory_xact_lock_shared(${swapLock}); SELECT set_config('search_path', schema, true), format FROM views.live_set`
    : `SELECT set_config('search_path', ${pg.escapeLiteral(set.schema)}, true)`; // whoever names a set holds the lock, or builds it alone
  const results = (await client.query(`BEGIN; ${schema};
    SELECT pg_advisory_xact_lock(${clusterLockSpace}, hashtext(current_setting('search_path') || ${pg.escapeLiteral(cluster)}))`)) as unknown as pg.QueryResult[];
  const found = results[2]?.rows[0] as { format?: number } | undefined;
  if ('live' in set && found?.format !== viewsFormat) throw new FormatMismatch(found?.format ?? null);
};

/** The set that readers see; undefined before the first was made. */
export const findLiveSet = async (client: pg.ClientBase | pg.Pool): Promise<SetInfo | undefined> => {
  const { rows: [there] } = await client.query<{ there: boolean }>("SELECT to_regclass('views.live_set') IS NOT NULL AS there");
  if (there?.there !== true) return undefined;
  return (await client.query<SetInfo>('SELECT schema, format FROM views.live_set')).rows[0];
};

/** The set that was live before the last swap, as long as it is there. */
export const findPreviousSet = async (client: pg.ClientBase): Promise<string | undefined> =>
  (await findLiveSet(client)) === undefined ? undefined : (await client.query<{ previous: string | null }>('SELECT previous FROM views.live_set')).rows[0]?.previous ?? undefined;

/** Makes an empty set beside those that are there. @returns its schema */
export const makeSet = async (client: pg.ClientBase): Promise<string> => {
  await client.query('CREATE SCHEMA IF NOT EXISTS views');
  await client.query(`CREATE TABLE IF NOT EXISTS views.live_set (
    only_row boolean NOT NULL DEFAULT true CONSTRAINT live_set_pkey PRIMARY KEY CONSTRAINT live_set_only_row_check CHECK (only_row),
    schema text NOT NULL, format int NOT NULL, live_since timestamptz NOT NULL DEFAULT now(), previous text)`);
  await makeFindings(client);
  const schema = `views_v${Math.max(0, ...(await listSets(client))) + 1}`;
  await client.query(`CREATE SCHEMA ${schema}`);
  await client.query(`COMMENT ON SCHEMA ${schema} IS '${formatComment}'`);
  await client.query(`SET LOCAL search_path TO ${schema}`);
  for (const { tables } of allViews) await client.query(tables);
  return schema;
};

/** Numbers of the sets that are there, live or not. */
export const listSets = async (client: pg.ClientBase): Promise<number[]> => {
  const { rows } = await client.query<{ nspname: string }>("SELECT nspname FROM pg_namespace WHERE nspname ~ '^views_v[0-9]+$'");
  return rows.map(({ nspname }) => Number(nspname.slice('views_v'.length))).sort((a, b) => a - b);
};

/** Drops every set that is chosen, with all its rows. Stable names that still point there would go too: never choose the live one. */
export const dropSets = async (client: pg.ClientBase, isChosen: (schema: string) => boolean): Promise<string[]> => {
  const chosen = (await listSets(client)).map((number) => `views_v${number}`).filter(isChosen);
  for (const schema of chosen) await client.query(`DROP SCHEMA ${schema} CASCADE`);
  return chosen;
};

/** Puts a set behind the stable names. The columns of a view only grow, so that what others built on it stays valid. */
export const putLive = async (client: pg.ClientBase, schema: string): Promise<void> => {
  for (const { stable } of allViews)
    for (const [name, query] of Object.entries(stable)) await client.query(`CREATE OR REPLACE VIEW views.${name} AS ${query.replaceAll('{set}', schema)}`);
  await client.query(`INSERT INTO views.live_set AS l (schema, format) VALUES ($1, $2)
    ON CONFLICT (only_row) DO UPDATE SET schema = excluded.schema, format = excluded.format, live_since = now(), previous = l.schema`, [schema, viewsFormat]);
};

/**
 * Makes the first set where there is none. Any number of processes may do so at once.
 * @returns the live set: its format may be another than `viewsFormat`, then it must be built anew
 */
export const ensureSet = async (client: pg.ClientBase): Promise<SetInfo> => {
  const found = await findLiveSet(client);
  if (found !== undefined) {
    await makeFindings(client); // sets of older versions have none beside them
    return found;
  }
  await client.query('BEGIN');
  try {
    await client.query(`SELECT pg_advisory_xact_lock(${swapLock})`);
    const made = await findLiveSet(client);
    if (made === undefined) await putLive(client, await makeSet(client));
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
  return (await findLiveSet(client))!;
};

/** Makes the views where there are none. @returns the set that is live */
export const makeViews = async (pool: pg.Pool): Promise<SetInfo> => withClient(pool, ensureSet);

/** Puts the set before the last rebuild back behind the stable names. Its projectors bring it forward from the log. */
export const rollBackSet = async (pool: pg.Pool): Promise<string> => withClient(pool, async (client) => {
  await client.query(`SELECT pg_advisory_lock(${rebuildLock}), pg_advisory_lock(${swapLock})`);
  try {
    const { rows: [live] } = await client.query<{ previous: string }>(
      "SELECT l.previous FROM views.live_set l JOIN pg_namespace n ON n.nspname = l.previous WHERE obj_description(n.oid, 'pg_namespace') = $1", [formatComment]);
    if (live === undefined) throw new NoPreviousSet();
    await client.query('BEGIN');
    await putLive(client, live.previous);
    await client.query('COMMIT');
    return live.previous;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  } finally {
    await client.query('SELECT pg_advisory_unlock_all()').catch(() => undefined);
  }
});

/** There is no set to go back to: nothing was rebuilt, or the set before was dropped, or it is of another version. */
export class NoPreviousSet extends StoreError {
  readonly retriable = false;
  constructor() {
    super('there is no set of views to go back to that this version can use');
  }
}

/** Drops every set but the live one. @returns their schemas */
export const pruneSets = async (pool: pg.Pool): Promise<string[]> => withClient(pool, async (client) => {
  await client.query(`SELECT pg_advisory_lock(${rebuildLock})`); // one that is being built is none of ours to drop
  try {
    const live = await findLiveSet(client);
    return live === undefined ? [] : await dropSets(client, (schema) => schema !== live.schema);
  } finally {
    await client.query('SELECT pg_advisory_unlock_all()').catch(() => undefined);
  }
});

const withClient = async <T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> => {
  const client = await pool.connect();
  try {
    return await work(client);
  } finally {
    client.release();
  }
};

/** What must be the same in two sets of the same log: table -> condition of the rows that count. Checkpoints say when, not what. */
export const comparedTables: Readonly<Record<string, string>> = Object.assign({}, ...allViews.map(({ compared }) => compared)) as Record<string, string>;
