import type pg from 'pg';
import type { Claim, Document, PortClaim, ServiceKey } from '../event-store.js';
import { storeErrorOf } from './sqlstate.js';

/** What a run of log rows does to the tables that are derived from it, net: each key at most once per list. */
export interface DerivedChanges {
  readonly claims: { readonly held: readonly Claim[]; readonly released: readonly string[] };
  readonly portClaims: { readonly held: readonly PortClaim[]; readonly released: readonly number[] };
  readonly documents: { readonly written: readonly Document[]; readonly removed: readonly ServiceKey[] };
}

/** What a live table had otherwise than the log says. */
export interface DerivedDifference {
  readonly table: string;
  /** Rows that the log says and the table did not have. */
  readonly missing: number;
  /** Rows that the table had and the log does not say. */
  readonly surplus: number;
  /** Rows with the right key and something else in them. */
  readonly different: number;
  /** Keys of some of them. */
  readonly examples: readonly string[];
}

/** A table that is derived from the log: its key and what hangs on it. */
const tables = {
  claims: { key: ['address'], rest: ['revision', 'since', 'namespace', 'name', 'uid'], types: 'address inet, revision bigint, since timestamptz, namespace text, name text, uid text' },
  port_claims: { key: ['port'], rest: ['revision', 'purpose', 'namespace', 'name', 'uid'], types: 'port int, revision bigint, purpose text, namespace text, name text, uid text' },
  documents: { key: ['namespace', 'name'], rest: ['revision', 'uid', 'document'], types: 'namespace text, name text, revision bigint, uid text, document text' },
} as const;
export type DerivedTable = keyof typeof tables;

const examplesMax = 5;

/**
 * Builds derived tables anew beside the live ones, cluster by cluster, in temporary tables of one session: what is left of a
 * rebuild that was killed is nothing. The live rows are replaced where they differ, while the cluster's row is held, so that
 * nothing is appended in between; every other cluster goes on.
 */
export class DerivedRebuild {
  constructor(private readonly client: pg.ClientBase, private readonly chosen: readonly DerivedTable[]) {}

  /** Empties the side tables for the next cluster, and makes them the first time. */
  async begin(): Promise<void> {
    for (const table of this.chosen) {
      await this.run(`CREATE TEMP TABLE IF NOT EXISTS rebuilt_${table} (LIKE ${table} INCLUDING ALL)`);
      await this.run(`TRUNCATE rebuilt_${table}`);
    }
  }

  /** Takes the next changes in, in order of the log. */
  async apply(clusterId: number, { claims, portClaims, documents }: DerivedChanges): Promise<void> {
    await this.change('claims', clusterId, claims.held, claims.released.map((address) => ({ address })));
    await this.change('port_claims', clusterId, portClaims.held, portClaims.released.map((port) => ({ port })));
    await this.change('documents', clusterId, documents.written, documents.removed);
  }

  /**
   * Holds the cluster's row, lets `catchUp` bring the side tables to the end of the log, and replaces in the live tables what
   * differs. Commands of this cluster wait meanwhile.
   * @returns what differed, table by table
   */
  async replace(clusterId: number, catchUp: () => Promise<void>): Promise<DerivedDifference[]> {
    await this.run('BEGIN');
    try {
      await this.run('SELECT revision FROM cluster_revisions WHERE cluster_id = $1 FOR UPDATE', [clusterId]);
      await catchUp();
      const differences: DerivedDifference[] = [];
      for (const table of this.chosen) {
        const difference = await this.compare(table, clusterId);
        if (difference !== undefined) {
          await this.overwrite(table, clusterId);
          differences.push(difference);
        }
      }
      await this.run('COMMIT');
      return differences;
    } catch (error) {
      await this.client.query('ROLLBACK').catch(() => undefined);
      throw error;
    }
  }

  private async change(table: DerivedTable, clusterId: number, held: readonly object[], gone: readonly object[]): Promise<void> {
    if (!this.chosen.includes(table)) return;
    const { key, rest, types } = tables[table];
    const columns = [...key, ...rest];
    if (gone.length > 0) await this.run(`DELETE FROM rebuilt_${table} t USING json_to_recordset($2::json) AS r (${types}) WHERE t.cluster_id = $1 AND ${key.map((column) => `t.${column} = r.${column}`).join(' AND ')}`, [clusterId, JSON.stringify(gone)]);
    if (held.length > 0) await this.run(`INSERT INTO rebuilt_${table} (cluster_id, ${columns.join(', ')}) SELECT $1::int, ${columns.map((column) => `r.${column}`).join(', ')} FROM json_to_recordset($2::json) AS r (${types})
      ON CONFLICT (cluster_id, ${key.join(', ')}) DO UPDATE SET ${rest.map((column) => `${column} = excluded.${column}`).join(', ')}`, [clusterId, JSON.stringify(held)]);
  }

  private async compare(table: DerivedTable, clusterId: number): Promise<DerivedDifference | undefined> {
    const { key, rest } = tables[table];
    const row = (alias: string): string => `(${rest.map((column) => `${alias}.${column}`).join(', ')})`;
    const { rows: [found] } = await this.run<{ missing: number; surplus: number; different: number; examples: string[] | null }>(
      `WITH pairs AS (
         SELECT ${key.map((column) => `coalesce(l.${column}, r.${column})::text`).join(" || '/' || ")} AS key, l.cluster_id IS NULL AS missing, r.cluster_id IS NULL AS surplus
         FROM (SELECT * FROM ${table} WHERE cluster_id = $1) l FULL JOIN rebuilt_${table} r ON ${key.map((column) => `l.${column} = r.${column}`).join(' AND ')}
         WHERE l.cluster_id IS NULL OR r.cluster_id IS NULL OR ${row('l')} IS DISTINCT FROM ${row('r')})
       SELECT (count(*) FILTER (WHERE missing))::int AS missing, (count(*) FILTER (WHERE surplus))::int AS surplus, (count(*) FILTER (WHERE NOT missing AND NOT surplus))::int AS different,
         (array_agg(key ORDER BY key))[1:${examplesMax}] AS examples FROM pairs`, [clusterId]);
    if (found === undefined || found.missing + found.surplus + found.different === 0) return undefined;
    return { table, ...found, examples: found.examples ?? [] };
  }

  private async overwrite(table: DerivedTable, clusterId: number): Promise<void> {
    const { key, rest } = tables[table];
    const columns = ['cluster_id', ...key, ...rest].join(', ');
    const same = (columns: readonly string[]): string => columns.map((column) => `t.${column} = r.${column}`).join(' AND ');
    await this.run(`DELETE FROM ${table} t WHERE t.cluster_id = $1 AND NOT EXISTS (SELECT 1 FROM rebuilt_${table} r WHERE ${same([...key, ...rest])})`, [clusterId]);
    await this.run(`INSERT INTO ${table} (${columns}) SELECT ${columns} FROM rebuilt_${table} ON CONFLICT DO NOTHING`);
  }

  private async run<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<pg.QueryResult<Row>> {
    try {
      return await this.client.query<Row>(text, values);
    } catch (error) {
      throw storeErrorOf(error);
    }
  }
}
