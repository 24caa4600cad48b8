import type { AppendBatch } from '@ipledger/event-store';
import { Batch } from '../../apps/allocator/src/writer/batch.js';

/** Bugs that the simulation must find, each with what it leaves out. */
export const bugs = {
  'no-row-condition': 'an append does not insist that the cluster is still at the revision of its decision',
  'answer-before-commit': 'the answer goes out before the commit',
  'release-before-commit': 'addresses are freed in a commit of their own, before that of their event',
  'no-undo': 'what was decided stays in memory (an address freed, another one taken) although its append failed',
  'no-broker-fence': 'the broker lets producers in that another one has replaced',
  'no-term-fence': 'a checkpoint is taken although another relay has begun its term (no `WHERE term =`)',
} as const;
export type Bug = keyof typeof bugs;

/** The claims that a batch releases, without the event that says so. */
export const onlyReleases = ({ clusterId, at, epoch, claims, documents }: AppendBatch): AppendBatch => {
  const nothing = { taken: [], moved: [], released: [] };
  return { clusterId, at, epoch, rows: [], claims: { ...nothing, released: claims.released }, portClaims: nothing, documents: { ...documents, written: [], removed: [] }, requests: [] };
};

/** Runs with a bug in the writer, where it is one of the writer's. */
export const withBug = async <T>(bug: Bug | undefined, work: () => Promise<T>): Promise<T> => {
  if (bug !== 'no-undo') return work();
  const { undo } = Batch.prototype;
  Batch.prototype.undo = () => true;
  try {
    return await work();
  } finally {
    Batch.prototype.undo = undo;
  }
};
