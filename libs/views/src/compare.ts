import type pg from 'pg';
import { comparedTables } from './sets.js';

/** Rows of one table and cluster that only one of two sets has. A row that differs is counted on both sides. */
export interface SetDifference {
  table: string;
  cluster: string;
  onlyInFirst: number;
  onlyInSecond: number;
  /** One of these rows, as JSON. */
  example: string;
}

/**
 * Compares all tables of two sets of one format, row by row: by count and sum of hashes first, which is equal unless a table differs (or two
 * sums of 64 bits meet by chance); rows are put side by side only then.
 * @param except clusters that are left out
 */
export const compareSets = async (client: pg.ClientBase, first: string, second: string, except: readonly string[] = []): Promise<SetDifference[]> => {
  const differences: SetDifference[] = [];
  for (const [table, condition] of Object.entries(comparedTables)) {
    const texts = await digestsOf(client, [first, second], table, condition, except);
    if (texts[0] !== texts[1]) differences.push(...(await differingRows(client, first, second, table, condition, except)));
  }
  return differences;
};

const digestsOf = async (client: pg.ClientBase, schemas: readonly string[], table: string, condition: string, except: readonly string[]): Promise<string[]> => {
  const digest = (schema: string): string =>
    `(SELECT count(*) || ' ' || coalesce(sum(hashtextextended(t::text, 0)), 0) FROM ${schema}.${table} t WHERE (${condition}) AND cluster <> ALL ($1))`;
  const { rows: [row] } = await client.query<{ digests: string[] }>(`SELECT ARRAY[${schemas.map(digest).join(', ')}] AS digests`, [except]);
  return row?.digests ?? [];
};

const differingRows = async (client: pg.ClientBase, first: string, second: string, table: string, condition: string, except: readonly string[]): Promise<SetDifference[]> => {
  const rowsOf = (schema: string, other: string, side: number): string => {
    const select = (from: string): string => `SELECT cluster, to_jsonb(t)::text AS row FROM ${from}.${table} t WHERE (${condition}) AND cluster <> ALL ($1)`;
    return `SELECT cluster, row, ${side} AS side FROM (${select(schema)} EXCEPT ALL ${select(other)}) AS only_${side}`;
  };
  const { rows } = await client.query<{ cluster: string; first: number; second: number; example: string }>(
    `SELECT cluster, (count(*) FILTER (WHERE side = 1))::int AS first, (count(*) FILTER (WHERE side = 2))::int AS second, min(row) AS example
     FROM (${rowsOf(first, second, 1)} UNION ALL ${rowsOf(second, first, 2)}) AS differing GROUP BY cluster ORDER BY cluster`, [except]);
  return rows.map((row) => ({ table, cluster: row.cluster, onlyInFirst: row.first, onlyInSecond: row.second, example: row.example }));
};
