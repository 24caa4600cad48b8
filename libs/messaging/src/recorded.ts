import type { CommandInfo, LogRow } from '@ipledger/event-store';
import type { Event } from '@ipledger/services';

/** A command as it stands in the log: what it did, whole. Its events have the revisions `firstRevision` to `revision`. */
export interface RecordedCommand {
  readonly cluster: string;
  readonly epoch: number;
  readonly firstRevision: number;
  /** Revision of the last event. */
  readonly revision: number;
  /** RFC 3339, UTC. */
  readonly time: string;
  readonly command: CommandInfo;
  readonly events: readonly Event[];
}

/** One event as it is stored and served: the envelope of the log. */
export interface RecordedEvent {
  /** `cluster/epoch/revision`: the same wherever the event is seen. */
  readonly id: string;
  readonly cluster: string;
  readonly epoch: number;
  readonly revision: number;
  readonly type: string;
  readonly time: string;
  /** `index` counts the events of the command from 0; the last one closes the command. */
  readonly command: CommandInfo & { readonly index: number; readonly last: boolean };
  readonly data: unknown;
}

/** @throws SyntaxError when the row holds no JSON: the log is damaged, and nothing may be derived from it */
export const recordedCommand = (cluster: string, row: LogRow): RecordedCommand => ({
  cluster,
  epoch: row.epoch,
  firstRevision: row.revision - row.eventCount + 1,
  revision: row.revision,
  time: row.time.toISOString(),
  command: row.command,
  events: JSON.parse(row.events) as Event[],
});

export const eventsOf = ({ cluster, epoch, firstRevision, time, command, events }: RecordedCommand): RecordedEvent[] =>
  events.map(({ type, data }, index) => ({
    id: `${cluster}/${epoch}/${firstRevision + index}`,
    cluster, epoch, revision: firstRevision + index, type, time,
    command: { ...command, index, last: index === events.length - 1 },
    data,
  }));
