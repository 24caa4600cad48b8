import type pg from 'pg';
import type { Claim, CoolingAddress, Document, LbBatch, LbMemberKey, PortClaim, ServiceKey, StoredReservation } from '../event-store.js';
import { storeErrorOf } from './sqlstate.js';

/** What a run of log rows does to the tables that are derived from it, net: each key at most once per list. */
export interface DerivedChanges {
  readonly claims: { readonly held: readonly Claim[]; readonly released: readonly string[] };
  readonly portClaims: { readonly held: readonly PortClaim[]; readonly released: readonly number[] };
  readonly documents: { readonly written: readonly Document[]; readonly removed: readonly ServiceKey[] };
  readonly reservations: { readonly made: readonly StoredReservation[]; readonly ended: readonly string[] };
  /** `cleared`: all of before, except the addresses in `started`, are gone. */
  readonly cooling: { readonly started: readonly CoolingAddress[]; readonly cleared: boolean };
  readonly lb: LbBatch;
  /** JSON of the cluster's definition after these rows; null while it is not registered. */
  readonly definition: string | null;
}

/** What a live table had otherwise than the log says. */
export interface DerivedDifference {
  readonly table: DerivedPart;
  /** Rows that the log says and the table did not have. */
  readonly missing: number;
  /** Rows that the table had and the log does not say. */
  readonly surplus: number;
  /** Rows with the right key and something else in them. */
  readonly different: number;
  /** Keys of some of them. */
  readonly examples: readonly string[];
}

interface Derived {
  key: readonly string[];
  /** What hangs on the key. */
  rest: readonly string[];
  types: string;
  /** Rows for which it is not true have ended by themselves, and may be there or not. */
  lasting?: string;
}

const untilEnded = 'until IS NULL OR until > now()';
const tables = {
  claims: { key: ['address'], rest: ['revision', 'since', 'namespace', 'name', 'uid'], types: 'address inet, revision bigint, since timestamptz, namespace text, name text, uid text' },
  port_claims: { key: ['port'], rest: ['revision', 'purpose', 'namespace', 'name', 'uid'], types: 'port int, revision bigint, purpose text, namespace text, name text, uid text' },
  lb_members: {
    key: ['address', 'holder_cluster', 'namespace', 'name'], rest: ['uid', 'revision', 'sharing_key', 'ports', 'backend', 'wait'],
    types: 'address inet, holder_cluster text, namespace text, name text, uid text, revision bigint, sharing_key text, ports text[], backend text, wait bigint',
  },
  lb_waiting: { key: ['namespace', 'name'], rest: ['uid', 'revision', 'families', 'reason'], types: 'namespace text, name text, uid text, revision bigint, families text[], reason text' },
  lb_attached: { key: ['pool', 'address', 'namespace', 'name'], rest: ['uid', 'revision'], types: 'pool text, address inet, namespace text, name text, uid text, revision bigint' },
  documents: { key: ['namespace', 'name'], rest: ['revision', 'uid', 'document'], types: 'namespace text, name text, revision bigint, uid text, document text' },
  reservations: {
    key: ['name'], rest: ['revision', 'created_at', 'cidr', 'first', 'last', 'until', 'reason', 'owner'], lasting: untilEnded,
    types: 'name text, revision bigint, created_at timestamptz, cidr text, first inet, last inet, until timestamptz, reason text, owner text',
  },
  cooling: { key: ['address'], rest: ['revision', 'until', 'namespace', 'name', 'uid', 'holder_cluster'], lasting: untilEnded, types: 'address inet, revision bigint, until timestamptz, namespace text, name text, uid text, holder_cluster text' },
} satisfies Record<string, Derived>;
type DerivedTable = keyof typeof tables;
/** A table that is derived from the log; `definition` is a column of the cluster's row. */
export type DerivedPart = DerivedTable | 'definition';

const columnsOf = <Key extends LbMemberKey>(key: Key): Key & { holder_cluster: string } => ({ ...key, holder_cluster: key.cluster });

const examplesMax = 5;

/**
 * Builds derived tables anew beside the live ones, cluster by cluster, in temporary tables of one session: what is left of a
 * rebuild that was killed is nothing. The live rows are replaced where they differ, while the cluster's row is held, so that
 * nothing is appended in between; every other cluster goes on.
 */
export class DerivedRebuild {
  private readonly chosen: readonly DerivedTable[];
  private readonly withDefinition: boolean;
  private definition: string | null = null;

  constructor(private readonly client: pg.ClientBase, parts: readonly DerivedPart[]) {
    this.chosen = parts.filter((part) => part !== 'definition');
    this.withDefinition = parts.includes('definition');
  }

  /** Empties the side tables for the next cluster, and makes them the first time. */
  async begin(): Promise<void> {
    this.definition = null;
    for (const table of this.chosen) {
      await this.run(`CREATE TEMP TABLE IF NOT EXISTS rebuilt_${table} (LIKE ${table} INCLUDING ALL)`);
      await this.run(`TRUNCATE rebuilt_${table}`);
    }
  }

  /** Takes the next changes in, in order of the log. */
  async apply(clusterId: number, { claims, portClaims, documents, reservations, cooling, lb, definition }: DerivedChanges): Promise<void> {
    this.definition = definition;
    await this.change('claims', clusterId, claims.held, claims.released.map((address) => ({ address })));
    await this.change('port_claims', clusterId, portClaims.held, portClaims.released.map((port) => ({ port })));
    await this.change('documents', clusterId, documents.written, documents.removed);
    await this.change('reservations', clusterId, reservations.made.map(({ createdAt, ...made }) => ({ ...made, created_at: createdAt })), reservations.ended.map((name) => ({ name })));
    if (cooling.cleared && this.chosen.includes('cooling')) await this.run('TRUNCATE rebuilt_cooling');
    await this.change('cooling', clusterId, cooling.started.map(({ cluster = '', ...started }) => ({ ...started, holder_cluster: cluster })), []);
    await this.change('lb_members', clusterId, lb.members.held.map((member) => ({ ...columnsOf(member), sharing_key: member.sharingKey })), lb.members.left.map(columnsOf));
    await this.change('lb_waiting', clusterId, lb.waiting.held, lb.waiting.left);
    await this.change('lb_attached', clusterId, lb.attached.held, lb.attached.left);
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
      if (this.withDefinition) differences.push(...(await this.replaceDefinition(clusterId)));
      await this.run('COMMIT');
      return differences;
    } catch (error) {
      await this.client.query('ROLLBACK').catch(() => undefined);
      throw error;
    }
  }

  private async change(table: DerivedTable, clusterId: number, held: readonly object[], gone: readonly object[]): Promise<void> {
    if (!this.chosen.includes(table)) return;
    const { key, rest, types }: Derived = tables[table];
    const columns = [...key, ...rest];
    if (gone.length > 0) await this.run(`DELETE FROM rebuilt_${table} t USING json_to_recordset($2::json) AS r (${types}) WHERE t.cluster_id = $1 AND ${key.map((column) => `t.${column} = r.${column}`).join(' AND ')}`, [clusterId, JSON.stringify(gone)]);
    if (held.length > 0) await this.run(`INSERT INTO rebuilt_${table} (cluster_id, ${columns.join(', ')}) SELECT $1::int, ${columns.map((column) => `r.${column}`).join(', ')} FROM json_to_recordset($2::json) AS r (${types})
      ON CONFLICT (cluster_id, ${key.join(', ')}) DO UPDATE SET ${rest.map((column) => `${column} = excluded.${column}`).join(', ')}`, [clusterId, JSON.stringify(held)]);
  }

  private async compare(table: DerivedTable, clusterId: number): Promise<DerivedDifference | undefined> {
    const { key, rest, lasting = 'true' }: Derived = tables[table];
    const row = (alias: string): string => `(${rest.map((column) => `${alias}.${column}`).join(', ')})`;
    const { rows: [found] } = await this.run<{ missing: number; surplus: number; different: number; examples: string[] | null }>(
      `WITH pairs AS (
         SELECT ${key.map((column) => `coalesce(l.${column}, r.${column})::text`).join(" || '/' || ")} AS key, l.cluster_id IS NULL AS missing, r.cluster_id IS NULL AS surplus
         FROM (SELECT * FROM ${table} WHERE cluster_id = $1 AND (${lasting})) l FULL JOIN (SELECT * FROM rebuilt_${table} WHERE ${lasting}) r ON ${key.map((column) => `l.${column} = r.${column}`).join(' AND ')}
         WHERE l.cluster_id IS NULL OR r.cluster_id IS NULL OR ${row('l')} IS DISTINCT FROM ${row('r')})
       SELECT (count(*) FILTER (WHERE missing))::int AS missing, (count(*) FILTER (WHERE surplus))::int AS surplus, (count(*) FILTER (WHERE NOT missing AND NOT surplus))::int AS different,
         (array_agg(key ORDER BY key))[1:${examplesMax}] AS examples FROM pairs`, [clusterId]);
    if (found === undefined || found.missing + found.surplus + found.different === 0) return undefined;
    return { table, ...found, examples: found.examples ?? [] };
  }

  /** Takes what has ended by itself away where it is in the way. */
  private async overwrite(table: DerivedTable, clusterId: number): Promise<void> {
    const { key, rest, lasting = 'true' }: Derived = tables[table];
    const columns = ['cluster_id', ...key, ...rest].join(', ');
    const same = [...key.map((column) => `t.${column} = r.${column}`), ...rest.map((column) => `t.${column} IS NOT DISTINCT FROM r.${column}`)].join(' AND ');
    await this.run(`DELETE FROM ${table} t WHERE t.cluster_id = $1 AND NOT EXISTS (SELECT 1 FROM rebuilt_${table} r WHERE ${same})`, [clusterId]);
    await this.run(`INSERT INTO ${table} (${columns}) SELECT ${columns} FROM rebuilt_${table} WHERE ${lasting} ON CONFLICT DO NOTHING`);
  }

  private async replaceDefinition(clusterId: number): Promise<DerivedDifference[]> {
    const { rows: [found] } = await this.run<{ name: string; definition: string | null }>('SELECT name, definition FROM clusters WHERE id = $1', [clusterId]);
    if (found === undefined || sameJson(found.definition, this.definition)) return [];
    await this.run('UPDATE clusters SET definition = $2 WHERE id = $1', [clusterId, this.definition]);
    const [missing, surplus] = [Number(found.definition === null), Number(this.definition === null)];
    return [{ table: 'definition', missing, surplus, different: 1 - missing - surplus, examples: [found.name] }];
  }

  private async run<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<pg.QueryResult<Row>> {
    try {
      return await this.client.query<Row>(text, values);
    } catch (error) {
      throw storeErrorOf(error);
    }
  }
}

/** Whether two texts say the same, however they are spelt. */
const sameJson = (is: string | null, should: string | null): boolean => {
  if (is === null || should === null || is === should) return is === should;
  try {
    return JSON.stringify(JSON.parse(is)) === JSON.stringify(JSON.parse(should));
  } catch {
    return false;
  }
};
