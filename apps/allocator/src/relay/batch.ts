import type { Checkpoint, ClusterBehind, LogRow, RelayConnection } from '@ipledger/event-store';
import { recordedCommand, type RecordedCommand } from '@ipledger/messaging';
import { sharesOf } from './shares.js';

/** What one transaction takes: it costs the broker 15 to 30 ms whatever its size, so under load it should be large. */
const commandsMax = 1_000;
/** One cluster's part is one batch of Kafka, of which the topics take 10 MiB; the row that reaches the bound may be large. */
const bytesMax = 4 * 1024 * 1024;
/** Headers and key, and its part of the address records: small events, as of a large removal, consist of them. */
const bytesPerEvent = 1_000;
const clustersMax = 100;

/** What is published together. */
export interface Batch {
  readonly commands: readonly RecordedCommand[];
  /** How far the clusters are once it is published. */
  readonly reached: readonly Checkpoint[];
  /** Clusters of which everything of the old epoch is published: before the first event of the next one, who holds what is stated anew. */
  readonly restate: readonly { readonly cluster: ClusterBehind; readonly epoch: number }[];
  /** The cluster that it ended with: the next batch begins with those after it. */
  readonly lastClusterId: number;
  /** Whether there was more to publish than it could take. */
  readonly leavesSome: boolean;
}

/**
 * What is to be published next, or undefined.
 * @param before the batch that is being published: where its clusters will be is not in the database yet
 */
export const readBatch = async (session: RelayConnection, lastClusterId: number, before?: Batch): Promise<Batch | undefined> => {
  const found = await session.behind(lastClusterId, clustersMax);
  const behind = before === undefined ? found : movedOn(found, before.reached);
  if (behind.length === 0) return undefined;
  const shares = sharesOf(behind.map(({ clusterId, revision, published }) => ({ clusterId, events: revision - published.revision })), commandsMax);
  const parts = behind.map(({ clusterId, published }) => ({ clusterId, after: published.revision, limit: shares.get(clusterId) ?? 1 }));
  const rows = groupByCluster(await session.read(parts, bytesMax, bytesPerEvent));
  const commands: RecordedCommand[] = [];
  const reached: Checkpoint[] = [];
  const restate: Batch['restate'][number][] = [];
  let leavesSome = found.length === clustersMax;
  for (const cluster of behind) {
    const { clusterId, published } = cluster;
    const ofCluster = rows.get(clusterId) ?? [];
    const epoch = published.epoch ?? ofCluster[0]?.epoch ?? cluster.epoch;
    const ofNextEpoch = ofCluster.findIndex((row) => row.epoch !== epoch);
    const taken = ofNextEpoch < 0 ? ofCluster : ofCluster.slice(0, ofNextEpoch);
    for (const row of taken) commands.push(recordedCommand(cluster.cluster, row));
    const end = taken.at(-1)?.revision;
    if (end !== undefined) reached.push({ clusterId, epoch, revision: end });
    else if (ofCluster.length > 0 || published.revision >= cluster.revision) restate.push({ cluster, epoch: ofCluster[0]?.epoch ?? cluster.epoch });
    leavesSome ||= (end ?? published.revision) < cluster.revision;
  }
  return { commands, reached, restate, lastClusterId: behind.at(-1)?.clusterId ?? 0, leavesSome };
};

/** The clusters as they will be when `reached` is; without those that then have nothing left. */
const movedOn = (behind: readonly ClusterBehind[], reached: readonly Checkpoint[]): ClusterBehind[] => {
  const positions = new Map(reached.map((checkpoint) => [checkpoint.clusterId, checkpoint]));
  return behind.map((cluster) => ({ ...cluster, published: positions.get(cluster.clusterId) ?? cluster.published }))
    .filter(({ revision, epoch, published }) => revision > published.revision || epoch > (published.epoch ?? epoch));
};

const groupByCluster = (rows: readonly LogRow[]): Map<number, LogRow[]> => {
  const groups = new Map<number, LogRow[]>();
  for (const row of rows) {
    const group = groups.get(row.clusterId);
    if (group === undefined) groups.set(row.clusterId, [row]);
    else group.push(row);
  }
  return groups;
};
