import type { Event } from '@ipledger/services';
import type { RecordedCommand, RecordedEvent } from './recorded.js';

interface OpenCommand {
  readonly offset: bigint;
  readonly events: RecordedEvent[];
}

/**
 * Puts whole commands together again from the events of one partition, which come in order of revision within a cluster, and
 * possibly again from some earlier place on. A command whose beginning or middle is missing is dropped: the reader sees a gap
 * and heals it from the log.
 */
export class Reassembler {
  /** Cluster -> what has come of its present command. */
  private readonly open = new Map<string, OpenCommand>();

  /** The offset of the first event that a whole command is still missing for; undefined when there is none. */
  get firstOpenOffset(): bigint | undefined {
    let first: bigint | undefined;
    for (const { offset } of this.open.values()) if (first === undefined || offset < first) first = offset;
    return first;
  }

  /** Takes the next event of the partition. @returns the command that it completes */
  take(event: RecordedEvent, offset: bigint): RecordedCommand | undefined {
    const { cluster, command: { index, last } } = event;
    const begun = index === 0 ? { offset, events: [] } : this.open.get(cluster);
    if (begun === undefined || !follows(begun.events, event)) {
      this.open.delete(cluster);
      return undefined;
    }
    begun.events.push(event);
    if (!last) {
      this.open.set(cluster, begun);
      return undefined;
    }
    this.open.delete(cluster);
    return commandOf(begun.events);
  }

  /** Nothing that has come of this cluster's present command can be used. */
  drop(cluster: string): void {
    this.open.delete(cluster);
  }
}

const follows = (events: readonly RecordedEvent[], event: RecordedEvent): boolean => {
  const before = events.at(-1);
  if (before === undefined) return event.command.index === 0;
  return event.command.id === before.command.id && event.command.index === before.command.index + 1
    && event.revision === before.revision + 1 && event.epoch === before.epoch;
};

const commandOf = (events: readonly RecordedEvent[]): RecordedCommand => {
  const [first, last] = [events[0]!, events.at(-1)!];
  const { index: _, last: __, ...command } = last.command;
  return {
    cluster: last.cluster, epoch: last.epoch, firstRevision: first.revision, revision: last.revision, time: last.time, command,
    // Types that are not known here pass too; see `checkedEvent`.
    events: events.map(({ type, data }) => ({ type, data }) as Event),
  };
};
