import { createHash } from 'node:crypto';
import type { ClusterReader, LogRow } from '@ipledger/event-store';
import { serviceKey, type Event } from '@ipledger/services';
import { eventsIn, holderName } from './expected.js';

/** An event of the log, and when it happened. */
export interface Logged {
  event: Event;
  time: Date;
}

/** Reads in the log what the fold did not keep: it knows of each row the revision that wrote it. */
export class InLog {
  constructor(private readonly reader: Pick<ClusterReader, 'logRowsAt'>, private readonly clusterId: number) {}

  async eventAt(revision: number): Promise<Logged | undefined> {
    const row = (await this.rowsAt([revision])).get(revision);
    const event = row && eventsIn(row)?.[revision - (row.revision - row.eventCount + 1)];
    return event && { event, time: row.time };
  }

  rowsAt(revisions: readonly number[]): Promise<Map<number, LogRow>> {
    return this.reader.logRowsAt(this.clusterId, revisions);
  }

  /** The key and the words for a claim, a cool-down or a document that an event wrote. */
  async told(revision: number): Promise<{ key: string; what: string }> {
    const found = await this.eventAt(revision);
    if (found === undefined) return { key: `revision ${revision}`, what: 'what cannot be read' };
    const { event, time } = found;
    switch (event.type) {
      case 'ip.allocated':
        return { key: event.data.address, what: claimWords({ ...event.data.service, since: time, revision }) };
      case 'ip.released':
        return { key: event.data.address, what: coolingWords({ ...event.data.service, until: new Date(event.data.coolsUntil ?? Number.NaN), revision }) };
      case 'service.created':
      case 'service.updated':
        return { key: serviceKey(event.data.service.namespace, event.data.service.name), what: documentWords(event.data.service.uid, revision, digestOf(event.data.object)) };
      default:
        return { key: `revision ${revision}`, what: `a ${event.type}` };
    }
  }
}

type Held = { namespace: string; name: string; uid: string; revision: number };

export const claimWords = ({ since, ...held }: Held & { since: Date }): string => `${holderName(held)} since revision ${held.revision} at ${textOf(since)}`;
export const coolingWords = ({ until, ...held }: Held & { until: Date }): string => `until ${textOf(until)} after ${holderName(held)} since revision ${held.revision}`;
export const documentWords = (uid: string, revision: number, digest: string): string => `${uid} at revision ${revision} with content ${digest}`;

/** A date of a damaged table may be none. */
const textOf = (date: Date): string => (Number.isNaN(date.getTime()) ? 'no time' : date.toISOString());

/** Of the parsed object written again, so that the same JSON in another spelling has the same digest. */
export const digestOf = (object: unknown): string => createHash('sha1').update(JSON.stringify(object)).digest('base64url');

/** Of the text of a document. One that is no JSON has a digest of its own, which no event has. */
export const digestOfText = (document: string): string => {
  try {
    return digestOf(JSON.parse(document));
  } catch {
    return 'not JSON';
  }
};
