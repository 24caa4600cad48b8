import { BadAppend, storeErrorOf } from '@ipledger/event-store';
import type { RecordedCommand } from '@ipledger/messaging';
import type { ClusterDefinition } from '@ipledger/services';
import { formatAddress } from '@ipledger/ip';
import pg from 'pg';
import { selectBase } from './clusters.view.js';
import { Fold, redefines, unknownEventIn, type Base } from './fold.js';
import { recountNamespaces } from './namespaces.view.js';
import { allPoolsOf, poolOfRow, selectHeld, type Held } from './pool-usage.view.js';
import { enterSet, type SetChoice } from './sets.js';
import { writes, type Part } from './view.js';

/** What came of a batch. `revision` is the checkpoint of the cluster afterwards. */
export type Applied =
  | { kind: 'applied'; revision: number; commands: number }
  /** Commands after the checkpoint are missing; those before were applied. */
  | { kind: 'gap'; revision: number }
  /** The log has begun a new life since the views of the cluster were built; nothing was changed. */
  | { kind: 'epoch'; revision: number; epoch: number }
  /** Commands up to the checkpoint were applied; the next one cannot be. The reason stands in the checkpoint. */
  | { kind: 'stopped'; revision: number; reason: string };

export interface Batch {
  cluster: string;
  /** Which life of the log these commands were read in: those of earlier lives that it still holds are among them. */
  epoch: number;
  /** In order of revision. */
  commands: readonly RecordedCommand[];
}

/** How far a cluster is reflected. */
export interface SetPosition {
  epoch: number;
  revision: number;
}

interface Checkpoint extends Base, SetPosition {
  eventTime: string | null;
}

/**
 * Applies whole commands of one cluster and moves its checkpoint, in one transaction: what was applied before changes
 * nothing, what does not fit changes nothing. Two projectors with the same batch come one after the other.
 * @throws FormatMismatch, StoreUnavailable; BadAppend when the tables refuse what the log says, CannotApply when it cannot be folded
 */
export const applyBatch = (client: pg.ClientBase, set: SetChoice, batch: Batch): Promise<Applied> =>
  inSet(client, set, batch.cluster, () => applyIn(client, batch));

/**
 * The same, but what can never succeed stops the cluster instead of throwing: it would come again for ever.
 * @throws FormatMismatch, StoreUnavailable, and what nobody foresaw from the database
 */
export const applyOrStop = async (client: pg.ClientBase, set: SetChoice, batch: Batch): Promise<Applied> => {
  try {
    return await applyBatch(client, set, batch);
  } catch (error) {
    if (!(error instanceof CannotApply || error instanceof BadAppend)) throw error;
    return stopCluster(client, set, batch, `after revision {revision}: ${error.message}`);
  }
};

/** Stops a cluster where it stands. `{revision}` in the reason becomes the revision of its checkpoint. */
export const stopCluster = async (client: pg.ClientBase, set: SetChoice, { cluster, epoch }: { cluster: string; epoch: number }, reason: string): Promise<Applied> =>
  inSet(client, set, cluster, async () => {
    const at = await readCheckpoint(client, cluster, epoch);
    const text = reason.replace('{revision}', String(at.revision));
    await writeStop(client, { cluster, epoch: at.epoch, revision: at.revision, reason: text });
    return { kind: 'stopped', revision: at.revision, reason: text };
  });

/** The log says what cannot be: the views hold something else than what led to it. */
export class CannotApply extends Error {}

const inSet = async <T>(client: pg.ClientBase, set: SetChoice, cluster: string, work: () => Promise<T>): Promise<T> => {
  try {
    await enterSet(client, set, cluster);
    const result = await work();
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined); // the connection may be lost; the first error says why
    throw storeErrorOf(error);
  }
};

const applyIn = async (client: pg.ClientBase, { cluster, epoch, commands }: Batch): Promise<Applied> => {
  const at = await readCheckpoint(client, cluster, epoch);
  if (at.epoch < epoch) return { kind: 'epoch', revision: at.revision, epoch: at.epoch };
  const fresh = at.epoch > epoch ? [] : commands.filter(({ revision }) => revision > at.revision);
  if (fresh.length === 0) return { kind: 'applied', revision: at.revision, commands: 0 };
  const endsAt = fresh.findIndex((command, index) => unknownEventIn(command) !== undefined || command.firstRevision !== (fresh[index - 1] ?? at).revision + 1);
  const usable = endsAt < 0 ? fresh : fresh.slice(0, endsAt);
  const now = await applyRuns(client, cluster, at, usable);
  const next = fresh[usable.length];
  if (next === undefined) return { kind: 'applied', revision: now, commands: usable.length };
  const unknown = unknownEventIn(next);
  if (unknown === undefined || next.firstRevision > now + 1) return { kind: 'gap', revision: now };
  await writeStop(client, { cluster, epoch, revision: now, reason: unknown.message });
  return { kind: 'stopped', revision: now, reason: unknown.message };
};

/** @returns the revision reached */
const applyRuns = async (client: pg.ClientBase, cluster: string, from: Checkpoint, commands: readonly RecordedCommand[]): Promise<number> => {
  let at = from;
  for (const run of runsOf(commands)) {
    const fold = new Fold(at);
    takeAll(fold, run);
    const last = run.at(-1)!;
    const row = { epoch: at.epoch, revision: last.revision, event_time: last.time, newest_time: fold.newestTime };
    const checkpoint = writes('checkpoint', [row], (rows) => `INSERT INTO checkpoints (cluster, epoch, revision, event_time, newest_time)
      SELECT $1, r.* FROM json_to_recordset(${rows}::json) AS r (epoch int, revision bigint, event_time timestamptz, newest_time timestamptz)
      ON CONFLICT ON CONSTRAINT checkpoints_pkey DO UPDATE SET epoch = excluded.epoch, revision = excluded.revision, event_time = excluded.event_time,
        newest_time = excluded.newest_time, stopped_at = NULL, stopped_reason = NULL`);
    if (redefines(last)) {
      await writeParts(client, cluster, fold.rowParts());
      fold.recount(await readHeld(client, cluster, fold.definition), last);
      await writeParts(client, cluster, [...fold.poolParts(), ...checkpoint]);
      for (const text of recountNamespaces) await client.query(text, [cluster]);
    } else await writeParts(client, cluster, [...fold.rowParts(), ...fold.poolParts(), ...checkpoint]);
    at = run === commands || last === commands.at(-1) ? { ...at, revision: last.revision } : await readCheckpoint(client, cluster, at.epoch);
  }
  return at.revision;
};

const takeAll = (fold: Fold, run: readonly RecordedCommand[]): void => {
  for (const command of run)
    try {
      fold.take(command);
    } catch (error) {
      throw new CannotApply(`the command that ends at revision ${command.revision} does not fit: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
};

/** Commands that redefine the cluster stand alone. */
const runsOf = (commands: readonly RecordedCommand[]): RecordedCommand[][] => {
  const runs: RecordedCommand[][] = [];
  for (const command of commands) {
    const last = runs.at(-1);
    if (last === undefined || redefines(command) || redefines(last[0]!)) runs.push([command]);
    else last.push(command);
  }
  return runs;
};

const readCheckpoint = async (client: pg.ClientBase, cluster: string, epoch: number): Promise<Checkpoint> => {
  const { rows } = await client.query<Record<string, never>>({ name: 'views_base', text: selectBase, values: [cluster] });
  const [row] = rows;
  if (row === undefined) return { epoch, revision: 0, eventTime: null, definition: null, portsAllocated: 0, pools: [], newestTime: null };
  const iso = (time: Date | null): string | null => time && time.toISOString();
  return {
    epoch: row['epoch']!, revision: Number(row['revision']), eventTime: iso(row['event_time']!), newestTime: iso(row['newest_time']!),
    definition: row['definition'] === null ? null : (JSON.parse(row['definition']!) as ClusterDefinition),
    portsAllocated: row['node_ports_allocated'] ?? 0, pools: rows.filter(({ pool }) => pool !== null).map(poolOfRow),
  };
};

/** Counts what is held, by the pools that the cluster has from now on. */
const readHeld = async (client: pg.ClientBase, cluster: string, definition: ClusterDefinition | null): Promise<Held[]> => {
  const pools = (definition === null ? [] : allPoolsOf(definition)).map(({ name, family, usable, staticBand }) => {
    const text = (value: bigint): string => formatAddress({ family, value });
    const statics = staticBand.count === 0n ? {} : { static_first: text(staticBand.first), static_last: text(staticBand.last) };
    return { pool: name, first: text(usable.first), last: text(usable.last), ...statics };
  });
  const { rows } = await client.query<{ pool: string; family: Held['family']; band: Held['band']; allocated: number; first: Date; last: Date }>(selectHeld, [cluster, JSON.stringify(pools)]);
  return rows.map(({ first, last, ...row }) => ({ ...row, firstAllocationAt: first.toISOString(), lastAllocationAt: last.toISOString() }));
};

const writeStop = async (client: pg.ClientBase, stop: { cluster: string; epoch: number; revision: number; reason: string }): Promise<void> => {
  await client.query(`INSERT INTO checkpoints AS k (cluster, epoch, revision, stopped_at, stopped_reason) VALUES ($1, $2, $3, now(), $4)
    ON CONFLICT ON CONSTRAINT checkpoints_pkey DO UPDATE SET stopped_at = coalesce(k.stopped_at, now()), stopped_reason = excluded.stopped_reason`,
  [stop.cluster, stop.epoch, stop.revision, stop.reason]);
};

/** Parts that end rows go first, as a statement of their own: a row that begins may have the key of one that ended. */
const writeParts = async (client: pg.ClientBase, cluster: string, parts: readonly Part[]): Promise<void> => {
  for (const chosen of [parts.filter(({ ends }) => ends), parts.filter(({ ends }) => !ends)])
    if (chosen.length > 0) await client.query({ ...statementOf(chosen), values: [cluster, ...chosen.map(({ value }) => JSON.stringify(value))] });
};

const statements = new Map<string, { name: string; text: string }>(); // by names of parts; bounded by the combinations that occur

const statementOf = (parts: readonly Part[]): { name: string; text: string } => {
  const key = parts.map(({ name }) => name).join(' ');
  const known = statements.get(key);
  if (known !== undefined) return known;
  const texts = parts.flatMap(({ name, sql, followedBy }, index) => [`${name} AS (${sql(`$${index + 2}`)})`, ...(followedBy === undefined ? [] : [`${name}_counted AS (${followedBy})`])]);
  const made = { name: `views_write_${statements.size}`, text: `WITH ${texts.join(',\n')} SELECT 1` };
  statements.set(key, made);
  return made;
};
