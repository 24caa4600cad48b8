import { createPool, type ClusterTip, type EventStore } from '@ipledger/event-store';
import { recordedCommand, type RecordedCommand } from '@ipledger/messaging';
import type pg from 'pg';
import { applyOrStop, type SetPosition } from './apply.js';
import { compareSets, type SetDifference } from './compare.js';
import { dropSets, findLiveSet, findPreviousSet, makeSet, putLive, rebuildLock, swapLock, viewsFormat, type SetInfo } from './sets.js';

export interface RebuildOptions {
  viewsUrl: string;
  store: Pick<EventStore, 'tips' | 'readLog'>;
  /** Asked once the rebuild is this process's turn: whether it is still wanted, since another may have done it meanwhile. */
  isWanted?(live: SetInfo | undefined): Promise<boolean>;
  onProgress?(progress: RebuildProgress): void;
  /** When the new set takes the place of the live one; otherwise it is dropped once the two are compared. Always, unless told. */
  swap?: 'always' | 'when different' | 'never';
  /** Builds and compares these clusters only; not with a set that may be swapped in, which must hold all. */
  clusters?: ReadonlySet<string>;
}

/** In revisions, over all clusters. */
export interface RebuildProgress {
  done: number;
  total: number;
  seconds: number;
}

export interface RebuildReport {
  schema: string;
  /** null when there was no set to replace. */
  previous: string | null;
  revisions: number;
  seconds: number;
  /** What the live set had otherwise; null when it could not be compared, having another format. */
  differences: SetDifference[] | null;
  /** Clusters that the new set reflects only up to an event that cannot be applied, with the reason. */
  stopped: Record<string, string>;
  /** Clusters that were not compared, since the live set could not be brought to the same revision. */
  notCompared: string[];
  /** Whether the new set is live now. */
  swapped: boolean;
}

const pageCommands = 1_000;
const statementMsMax = 6 * 3_600_000;

/**
 * Builds all views anew from the log beside those that are live, compares the two at the same revision and swaps them in one
 * transaction, or drops what was built where only the comparison is wanted. Readers always see one whole set, and projectors go on meanwhile. The old set stays until the next rebuild.
 * @returns undefined when it was no longer wanted, or there is nothing to compare with and nothing is to be swapped
 */
export const rebuildViews = async (options: RebuildOptions): Promise<RebuildReport | undefined> => {
  // Its own connections, without the bounds of those that serve: building takes as long as it takes.
  const pool = createPool({ url: options.viewsUrl, max: 2, applicationName: 'ipledger rebuild', statementTimeoutMs: statementMsMax, asynchronousCommit: true });
  const owner = await pool.connect();
  try {
    await owner.query(`SET lock_timeout = 0; SELECT pg_advisory_lock(${rebuildLock})`);
    const live = await findLiveSet(owner);
    if (options.isWanted !== undefined && !(await options.isWanted(live))) return undefined;
    if (options.swap === 'never' && live?.format !== viewsFormat) return undefined;
    return await buildAndSwap(pool, owner, live, options);
  } finally {
    owner.release(true); // ends the session, and with it its locks
    await pool.end();
  }
};

const buildAndSwap = async (pool: pg.Pool, owner: pg.PoolClient, live: SetInfo | undefined, options: RebuildOptions): Promise<RebuildReport> => {
  const { onProgress, swap = 'always' } = options;
  const startedMs = performance.now();
  const store = only(options.clusters, options.store);
  // Only a new set makes the one before the live one superfluous; what a killed run left behind always is.
  const kept = [live?.schema, ...(swap === 'always' ? [] : [await findPreviousSet(owner)])];
  await dropSets(owner, (schema) => !kept.includes(schema));
  const schema = await inTransaction(owner, () => makeSet(owner));
  try {
    const builder = new SetBuilder(pool, store, schema, (done, total) => onProgress?.({ done, total, seconds: (performance.now() - startedMs) / 1000 }));
    await builder.catchUp(await store.tips());
    // From here on no batch is applied to the live set: what came meanwhile is little.
    await owner.query(`SELECT pg_advisory_lock(${swapLock})`);
    await builder.catchUp(await store.tips());
    const comparable = live !== undefined && live.format === viewsFormat;
    const compared = comparable ? await compareWithLive(pool, owner, live.schema, schema, builder, store, options.clusters) : { differences: null, notCompared: [] };
    const swapped = swap === 'always' || (swap === 'when different' && compared.differences?.length !== 0);
    if (swapped) await inTransaction(owner, () => putLive(owner, schema));
    else await dropSets(owner, (name) => name === schema);
    return { schema, previous: live?.schema ?? null, revisions: builder.done, stopped: Object.fromEntries(builder.stopped), seconds: (performance.now() - startedMs) / 1000, swapped, ...compared };
  } catch (error) {
    await dropSets(owner, (name) => name === schema).catch(() => undefined); // else the next run drops it
    throw error;
  }
};

const only = (clusters: ReadonlySet<string> | undefined, store: RebuildOptions['store']): RebuildOptions['store'] => (clusters === undefined ? store : {
  tips: async () => (await store.tips()).filter(({ name }) => clusters.has(name)),
  readLog: (clusterId, after, limit) => store.readLog(clusterId, after, limit),
});

/** The live set may lag: it is brought to where the new one is, as its projector would have done. */
const compareWithLive = async (
  pool: pg.Pool, owner: pg.PoolClient, live: string, made: string, builder: SetBuilder, store: RebuildOptions['store'], clusters: ReadonlySet<string> | undefined,
): Promise<{ differences: SetDifference[]; notCompared: string[] }> => {
  const notCompared: string[] = [];
  for (const { id, name, epoch } of await store.tips()) {
    const target = builder.positions.get(name)?.revision ?? 0;
    for (let behind = true; behind; ) {
      const { rows: [at] } = await owner.query<SetPosition>(`SELECT epoch, revision::float8 AS revision FROM ${live}.checkpoints WHERE cluster = $1`, [name]);
      const revision = at?.revision ?? 0;
      const commands = (await store.readLog(id, revision, pageCommands)).map((row) => recordedCommand(name, row)).filter((command) => command.revision <= target);
      behind = revision < target && commands.length > 0 && (at?.epoch ?? epoch) === epoch
        && (await withClient(pool, (client) => applyOrStop(client, { schema: live }, { cluster: name, epoch, commands }))).kind === 'applied';
      if (!behind && (revision !== target || (at?.epoch ?? epoch) !== epoch)) notCompared.push(name);
    }
  }
  const { rows: known } = await owner.query<{ cluster: string }>(`SELECT cluster FROM ${live}.checkpoints`);
  const notWanted = clusters === undefined ? [] : known.map(({ cluster }) => cluster).filter((cluster) => !clusters.has(cluster));
  return { differences: await compareSets(owner, live, made, [...notCompared, ...notWanted]), notCompared };
};

/** Fills one set from the log. */
class SetBuilder {
  readonly positions = new Map<string, SetPosition>();
  readonly stopped = new Map<string, string>();
  done = 0;

  constructor(
    private readonly pool: pg.Pool, private readonly store: RebuildOptions['store'], private readonly schema: string,
    private readonly onProgress: (done: number, total: number) => void,
  ) {}

  async catchUp(tips: readonly ClusterTip[]): Promise<void> {
    const total = tips.reduce((sum, { revision }) => sum + revision, 0);
    for (const tip of tips) await this.catchUpWith(tip, () => this.onProgress(this.done, total));
  }

  /** A cluster that cannot go on stops here as it does in the live set: the others must not wait for it. The next page is read while one is applied. */
  private async catchUpWith({ id, name, epoch, revision: until }: ClusterTip, onPage: () => void): Promise<void> {
    let { revision } = this.positions.get(name) ?? { revision: 0 };
    if (revision >= until || this.stopped.has(name)) return;
    const read = async (after: number): Promise<RecordedCommand[]> => (await this.store.readLog(id, after, pageCommands)).map((row) => recordedCommand(name, row));
    for (let next = read(revision); revision < until && !this.stopped.has(name); ) {
      const commands = await next;
      const last = commands.at(-1);
      if (last === undefined) return;
      next = last.revision < until ? read(last.revision) : Promise.resolve([]);
      next.catch(() => undefined); // thrown where it is awaited, unless the page before it fails
      const applied = await withClient(this.pool, (client) => applyOrStop(client, { schema: this.schema }, { cluster: name, epoch, commands }));
      if (applied.kind === 'stopped') this.stopped.set(name, applied.reason);
      else if (applied.kind !== 'applied') throw new Error(`cluster ${name}: the log has a ${applied.kind === 'gap' ? 'hole' : 'new life'} after revision ${applied.revision}`);
      this.positions.set(name, { epoch, revision: applied.revision });
      this.done += applied.revision - revision;
      ({ revision } = applied);
      onPage();
    }
  }
}

const withClient = async <T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> => {
  const client = await pool.connect();
  try {
    return await work(client);
  } finally {
    client.release();
  }
};

const inTransaction = async <T>(client: pg.ClientBase, work: () => Promise<T>): Promise<T> => {
  await client.query('BEGIN');
  try {
    const result = await work();
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
};
