import type { Event } from '@ipledger/services';

/** One read model: the tables that it owns, and what a batch of events changes in them. */
export interface View {
  /** DDL without schema: it runs inside the set that is being made. Every table is led by `cluster`. */
  readonly tables: string;
  /** What readers see in the schema `views`, whichever set is live: name -> query over the tables of a set, which stands as `{set}`. */
  readonly stable: Readonly<Record<string, string>>;
  /** Tables whose rows are compared when two sets must hold the same: name -> condition of the rows that count. */
  readonly compared: Readonly<Record<string, string>>;
}

/** Collects what a run of whole commands changes in the tables of a view, net: each row at most once. */
export interface Collector {
  take(event: Event, moment: Moment): void;
  parts(): Part[];
}

/** When an event happened: revision and time. Times are RFC 3339, UTC, milliseconds, so that their order is that of their texts. */
export interface Moment {
  readonly revision: number;
  readonly time: string;
}

/**
 * One part of the statement that writes a batch. `$1` is the cluster; `value` becomes the part's one parameter, as JSON. The
 * same name always comes with the same text: each combination of parts is one prepared statement.
 */
export interface Part {
  readonly name: string;
  /** Ends rows that an earlier batch began. All of these run first: the row that follows may have the same key. */
  readonly ends: boolean;
  readonly value: readonly unknown[];
  readonly sql: (parameter: string) => string;
  /** A further part that reads what this one returns, by its name. */
  readonly followedBy?: string;
}

/** What begins or replaces rows, if there is anything. */
export const writes = (name: string, value: readonly unknown[], sql: Part['sql'], followedBy?: string): Part[] =>
  value.length === 0 ? [] : [{ name, ends: false, value, sql, ...(followedBy !== undefined && { followedBy }) }];
/** What ends rows of earlier batches, if there is anything. */
export const ends = (name: string, value: readonly unknown[], sql: Part['sql'], followedBy?: string): Part[] =>
  value.length === 0 ? [] : [{ name, ends: true, value, sql, ...(followedBy !== undefined && { followedBy }) }];
