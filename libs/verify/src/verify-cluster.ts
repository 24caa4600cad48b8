import type { ClusterHead, EventStore, LogRow } from '@ipledger/event-store';
import { compareTables } from './compare-tables.js';
import { Findings, type Difference } from './difference.js';
import { Expected } from './expected.js';
import type { Pace } from './pace.js';

const unhurried: Pace = { pageRows: 1_000, pause: async () => undefined };
/** A cluster under load moves on while its tables are read. Comparing again narrows the suspects down; after so often the rest is left to the next run. */
const roundsMax = 5;

export interface VerifyOptions {
  /** As fast as it goes, unless told. */
  pace?: Pace;
  /** Called after every page of the log with the revision reached. */
  onProgress?(revision: number): void;
}

export interface VerifiedCluster {
  cluster: string;
  /** The last revision that was folded. */
  revision: number;
  differences: Difference[];
  /** Differences beyond these, when a table has more than anybody would read. */
  more: number;
  /** Suspects that changed in every round: neither right nor wrong. */
  undecided: number;
  /** Held addresses outside every range of the cluster. */
  outOfRange: number;
  /** Ranges without a free address. */
  full: number;
}

/**
 * Compares the tables of a cluster with a fresh fold of its log. Holds no snapshot (it would keep dead versions of the
 * counter row, design D8): reads the tables in pages, folds what was appended meanwhile, and takes as a difference only
 * what differs in two rounds in the same words.
 */
export const verifyCluster = async (store: EventStore, head: ClusterHead, options: VerifyOptions = {}): Promise<VerifiedCluster> => {
  const { pace = unhurried, onProgress } = options;
  const now = new Date();
  const expected = new Expected(head.name, now);
  const inLog = new Findings();
  let suspects: ReadonlySet<string> | undefined;
  for (let round = 1; ; round++) {
    await foldOn(store, head.id, expected, pace, inLog, onProgress);
    if (round === 1) for (const one of expected.end(head)) inLog.add(one);
    const findings = new Findings();
    const { outOfRange, full } = await compareTables(store, (await store.head(head.id)) ?? head, expected, pace, now, findings);
    const { differences: found, more } = findings;
    const answer = (told: readonly Difference[], beyond: number, undecided: number): VerifiedCluster =>
      ({ cluster: head.name, revision: expected.revision, differences: [...inLog.differences, ...told], more: inLog.more + beyond, undecided, outOfRange, full });
    // Nothing was appended from the fold to the end of the reading: what differs, differs.
    if (found.length === 0 || (await store.head(head.id))?.revision === expected.revision) return answer(found, more, 0);
    const known = suspects;
    const same = known === undefined ? found : found.filter((one) => known.has(identityOf(one)));
    if (round === roundsMax) return answer(same, more, found.length - same.length);
    if (same.length === 0) return answer([], 0, 0);
    suspects = new Set(same.map(identityOf));
  }
};

/** The same words, but for the revision up to which the log was read. */
const identityOf = ({ where, key, type, what }: Difference): string => JSON.stringify([where, key, type, what]);

/** The next page comes while one is folded. */
const foldOn = async (store: EventStore, clusterId: number, expected: Expected, { pageRows, pause }: Pace, inLog: Findings, onProgress?: (revision: number) => void): Promise<void> => {
  const read = (after: number): Promise<LogRow[]> => {
    const page = store.readLog(clusterId, after, pageRows);
    page.catch(() => undefined); // it is awaited later, or never when the page before is what fails
    return page;
  };
  for (let coming = read(expected.revision); ; ) {
    const rows = await coming;
    const last = rows.at(-1);
    const more = rows.length === pageRows && last !== undefined;
    if (more) coming = read(last.revision);
    for (const row of rows) for (const one of expected.take(row)) inLog.add(one);
    onProgress?.(expected.revision);
    if (!more) return;
    await pause();
  }
};
