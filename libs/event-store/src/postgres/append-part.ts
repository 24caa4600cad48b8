import type { AppendBatch } from '../event-store.js';

/**
 * One part of the statement. Most batches need three or four of them, so the statement has only the parts that its
 * batch needs: each combination is a prepared statement of its own. Measured in ADR 0002.
 */
export interface Part {
  readonly name: string;
  /** The part's parameters; undefined = the batch does not need the part. */
  readonly values: (batch: AppendBatch) => readonly unknown[] | undefined;
  /** Reads `head`, which is empty when the cluster has moved on: then no part writes anything. */
  readonly sql: (...parameters: string[]) => string;
}

/** One parameter, read by json_to_recordset. */
export function listed(list: readonly unknown[]): readonly unknown[] | undefined {
  return list.length === 0 ? undefined : [JSON.stringify(list)];
}
