import { storeErrorOf } from '@ipledger/event-store';
import { problem, ProblemError } from '@ipledger/runtime';
import type pg from 'pg';
import { sharedPoolLog } from '@ipledger/services';
import type { Filters } from './stats-query.js';

/** A row of an answer: flat, every key always there, null where something is not known. */
export type StatsRow = Readonly<Record<string, string | number | boolean | null>>;

/** What statistics are read from: the stable views of the schema `views`. Every statement is one snapshot. */
export class ViewsDatabase {
  constructor(private readonly pool: pg.Pool) {}

  /** @throws ProblemError unavailable while there are no views; a StoreError */
  async rows<Row>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    try {
      return (await this.pool.query(text, [...values])).rows as Row[];
    } catch (error) {
      const { code } = error as pg.DatabaseError;
      if (code === '42P01' || code === '3F000') throw new ProblemError(problem('unavailable', 'the views do not exist yet: a projector makes them when it starts'), 1);
      if (code === '57014') throw new ProblemError(problem('unavailable', 'the query took too long; ask for fewer pools, a shorter time or a longer step'), 1);
      throw storeErrorOf(error);
    }
  }
}

/** Conditions on `cluster`, `pool`, `family`, `kind` and `lb_pool`, whose lists are the parameters $1 to $5; null takes all. */
export const filtered = (alias: string): string =>
  ['cluster', 'pool', 'family', 'kind', 'lb_pool'].map((column, index) => `($${index + 1}::text[] IS NULL OR ${alias}.${column} = ANY ($${index + 1}))`).join(' AND ');
export const filterValues = ({ clusters, pools, families, kinds, lbPools }: Filters): unknown[] => [clusters, pools, families, kinds, lbPools];

/** SQL of the cluster of a row: '' for those of a shared LB pool, whose log is no cluster. `lb_pool` names it. */
export const clusterOf = (alias: string): string => `CASE WHEN ${isShared(alias)} THEN '' ELSE ${alias}.cluster END`;
export const isShared = (alias: string): string => `${alias}.cluster LIKE '${sharedPoolLog('%')}'`;
