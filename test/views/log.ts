import { PostgresEventStore, type ClusterHead } from '@ipledger/event-store';
import type { RecordedCommand } from '@ipledger/messaging';

const none = { taken: [], moved: [], released: [] };

/** Appends commands to the log as they are, without what the writer derives from them in the same commit. */
export const appendToLog = async (store: PostgresEventStore, commands: readonly RecordedCommand[]): Promise<ClusterHead | undefined> => {
  const cluster = commands[0]?.cluster ?? '';
  const { id } = await store.nameCluster(cluster);
  for (let at = 0; at < commands.length; at += 200) {
    const head = (await store.head(id))!;
    await store.append({
      clusterId: id, at: head.revision, epoch: head.epoch, claims: none, portClaims: none, documents: { written: [], removed: [] }, requests: [],
      rows: commands.slice(at, at + 200).map(({ time, command, events }) => ({ time: new Date(time), command, eventCount: events.length, events: JSON.stringify(events) })),
    });
  }
  return store.head(id);
};
