import type { ServiceRef } from '@ipledger/services';
import { ends, writes, type Moment, type Part } from './view.js';

/** A table of who held what, from when to when, and why that ended. */
export interface HoldingTable {
  readonly table: string;
  /** What is held: column -> type. At one time at most one row of a key has not ended. Where several may hold it, the holder belongs to the key. */
  readonly keys: Readonly<Record<string, string>>;
  /** What else is said of a holding, as it began: column -> type, with NOT NULL where that is so. */
  readonly facts: Readonly<Record<string, string>>;
}

const holder = { namespace: 'text COLLATE "C" NOT NULL', name: 'text COLLATE "C" NOT NULL', uid: 'text NOT NULL' };
const began = { allocated_revision: 'bigint NOT NULL', allocated_at: 'timestamptz NOT NULL' };
const ended = { released_revision: 'bigint', released_at: 'timestamptz', release_reason: 'text' };

const columnsOf = ({ keys, facts }: HoldingTable): Record<string, string> =>
  ({ ...Object.fromEntries(Object.entries(keys).map(([name, type]) => [name, `${type} NOT NULL`])), ...began, ...facts, ...holder, ...ended });

/** DDL of the table, and an index of what is held now. */
export const holdingDdl = (of: HoldingTable): string => `
    CREATE TABLE ${of.table} (
      cluster text COLLATE "C" NOT NULL,
      ${Object.entries(columnsOf(of)).map(([name, type]) => `${name} ${type},`).join('\n      ')}
      CONSTRAINT ${of.table}_pkey PRIMARY KEY (cluster, ${Object.keys(of.keys).join(', ')}, allocated_revision)
    );
    CREATE UNIQUE INDEX ${of.table}_held ON ${of.table} (cluster, ${Object.keys(of.keys).join(', ')}) WHERE released_revision IS NULL`;

type Values = Readonly<Record<string, string | number | null>>;
type Ending = Record<keyof typeof ended, string | number | null>;

/** Collects holdings that begin and end in a run of events. One that ends in the run that began it is one row, whole. */
export class HoldingChanges {
  private readonly begun: Record<string, string | number | null>[] = [];
  /** What is held at the end of the run and began in it. */
  private readonly held = new Map<string, Record<string, string | number | null>>();
  private readonly released: Record<string, string | number | null>[] = [];

  constructor(private readonly of: HoldingTable) {}

  begin(keys: Values, { namespace, name, uid }: ServiceRef, facts: Values, { revision, time }: Moment): void {
    const row = { ...keys, ...facts, namespace, name, uid, allocated_revision: revision, allocated_at: time, released_revision: null, released_at: null, release_reason: null };
    this.begun.push(row);
    this.held.set(keyOf(keys), row);
  }

  end(keys: Values, reason: string, { revision, time }: Moment): void {
    const ending: Ending = { released_revision: revision, released_at: time, release_reason: reason };
    const row = this.held.get(keyOf(keys));
    if (row === undefined) this.released.push({ ...keys, ...ending });
    else Object.assign(row, ending);
    this.held.delete(keyOf(keys));
  }

  parts(): Part[] {
    const { table, keys } = this.of;
    const definitions = (columns: Readonly<Record<string, string>>): string => Object.entries(columns).map(([name, type]) => `${name} ${type.split(' ')[0]}`).join(', ');
    const columns = columnsOf(this.of);
    return [
      ...ends(`${table}_released`, this.released, (rows) => `UPDATE ${table} h SET ${Object.keys(ended).map((name) => `${name} = r.${name}`).join(', ')}
        FROM json_to_recordset(${rows}::json) AS r (${definitions({ ...keys, ...ended })})
        WHERE h.cluster = $1 AND ${Object.keys(keys).map((name) => `h.${name} = r.${name}`).join(' AND ')} AND h.released_revision IS NULL`),
      ...writes(`${table}_allocated`, this.begun, (rows) => `INSERT INTO ${table} (cluster, ${Object.keys(columns).join(', ')})
        SELECT $1, r.* FROM json_to_recordset(${rows}::json) AS r (${definitions(columns)})`),
    ];
  }
}

const keyOf = (keys: Values): string => Object.values(keys).join(' ');
