import type { ClusterHead, EventStore } from '@ipledger/event-store';
import { compareTables, type Pause } from './compare-tables.js';
import type { Difference } from './difference.js';
import { Expected } from './expected.js';

const pageRows = 1_000;
/** A cluster under load moves on while its tables are read. Comparing again narrows the suspects down; after so often the rest is left to the next run. */
const roundsMax = 5;

export interface VerifyOptions {
  pause?: Pause;
  /** Called after every page of the log with the revision reached. */
  onProgress?(revision: number): void;
}

export interface VerifiedCluster {
  cluster: string;
  /** The last revision that was folded. */
  revision: number;
  differences: Difference[];
  /** Suspects that changed in every round: neither right nor wrong. */
  undecided: number;
}

/**
 * Compares the tables of a cluster with a fresh fold of its log. Holds no snapshot (it would keep dead versions of the
 * counter row, design D8): reads the tables in pages, folds what was appended meanwhile, and takes as a difference only
 * what differs in two rounds in the same words.
 */
export const verifyCluster = async (store: EventStore, head: ClusterHead, options: VerifyOptions = {}): Promise<VerifiedCluster> => {
  const { pause = async () => undefined } = options;
  const expected = new Expected(head.name);
  const inLog: Difference[] = [];
  let suspects: Difference[] | undefined;
  for (let round = 1; ; round++) {
    inLog.push(...(await foldOn(store, head.id, expected, options)));
    const now = (await store.head(head.id)) ?? head;
    const found = await compareTables(store, now, expected, pause);
    const after = await store.head(head.id);
    // Nothing was appended from the fold to the end of the reading: what differs, differs.
    if (found.length === 0 || after?.revision === expected.revision) return { cluster: head.name, revision: expected.revision, differences: [...inLog, ...found], undecided: 0 };
    const known = suspects;
    const same = known === undefined ? [] : found.filter((one) => known.some((earlier) => isSame(earlier, one)));
    if (round === roundsMax) return { cluster: head.name, revision: expected.revision, differences: [...inLog, ...same], undecided: found.length - same.length };
    suspects = round === 1 ? found : same;
    if (round > 1 && same.length === 0) return { cluster: head.name, revision: expected.revision, differences: inLog, undecided: 0 };
  }
};

const isSame = (a: Difference, b: Difference): boolean => a.where === b.where && a.key === b.key && a.type === b.type && a.what === b.what;

const foldOn = async (store: EventStore, clusterId: number, expected: Expected, { pause, onProgress }: VerifyOptions): Promise<Difference[]> => {
  const found: Difference[] = [];
  for (;;) {
    const rows = await store.readLog(clusterId, expected.revision, pageRows);
    for (const row of rows) found.push(...expected.take(row));
    onProgress?.(expected.revision);
    if (rows.length < pageRows) return found;
    await pause?.();
  }
};
