import { randomUUID } from 'node:crypto';
import type { AppendBatch, NewLogRow } from '@ipledger/event-store';
import pg from 'pg';

/**
 * What one dual-stack create over HTTP left in the database, with the parts that differ from Service to Service replaced by
 * marks. Rows made from it are the rows that the service writes, byte for byte in size.
 */
export interface SampleRows {
  kind: string;
  userAgent: string | null;
  eventCount: number;
  events: string;
  document: string;
}

/** What stands in the place of the parts. None of them occurs in a manifest of the bench. */
const marks = { name: '\u0001n', uid: '\u0001u', ipv4: '\u0001a', ipv6: '\u0001b', revision: '\u0001r' } as const;
type Parts = Record<keyof typeof marks, string>;
const partNames = Object.keys(marks) as (keyof typeof marks)[];

/** @param name of a Service with one IPv4 and one IPv6 address, created over HTTP */
export const readSample = async (client: pg.ClientBase, cluster: string, name: string): Promise<SampleRows> => {
  const { rows: [row] } = await client.query<{ uid: string; revision: string; document: string; kind: string; user_agent: string | null; event_count: number; events: string }>(
    `SELECT d.uid, d.revision, d.document, l.kind, l.user_agent, l.event_count, l.events FROM clusters c
       JOIN documents d ON d.cluster_id = c.id AND d.namespace = 'default' AND d.name = $2
       JOIN log l ON l.cluster_id = c.id AND l.revision = d.revision
     WHERE c.name = $1`, [cluster, name]);
  if (row === undefined) throw new Error(`there is no Service ${name} in cluster ${cluster}`);
  const [ipv4 = '', ipv6 = ''] = (JSON.parse(row.document) as { spec: { clusterIPs: string[] } }).spec.clusterIPs;
  const marked = (text: string): string => {
    // Quoted, since the revision of a young cluster is a digit that stands in many places.
    const parts: Parts = { name, uid: row.uid, ipv4, ipv6, revision: row.revision };
    return partNames.reduce((made, part) => made.replaceAll(`"${parts[part]}"`, `"${marks[part]}"`), text);
  };
  return { kind: row.kind, userAgent: row.user_agent, eventCount: row.event_count, events: marked(row.events), document: marked(row.document) };
};

const filled = (text: string, parts: Parts): string => partNames.reduce((made, part) => made.replaceAll(marks[part], parts[part]), text);

/** The marks of a text replaced by SQL expressions: an SQL expression itself. */
export const filledSql = (text: string, expressions: Parts): string =>
  partNames.reduce((made, part) => `replace(${made}, ${pg.escapeLiteral(marks[part])}, ${expressions[part]})`, pg.escapeLiteral(text));

/** Batches of creates, one after the other, that a cluster of its own takes without any rule having been looked at. */
export class BatchMaker {
  private made = 0;

  constructor(private readonly sample: SampleRows, private readonly clusterId: number, private readonly epoch: number, private revision: number) {}

  next(size: number): AppendBatch {
    const at = this.revision;
    const rows: NewLogRow[] = [];
    const taken: AppendBatch['claims']['taken'][number][] = [];
    const written: AppendBatch['documents']['written'][number][] = [];
    const time = new Date();
    for (let i = 0; i < size; i++) {
      const parts = this.parts();
      const { name, uid } = parts;
      const service = { namespace: 'default', name, uid };
      rows.push({
        time,
        command: { id: timeOrderedId(), kind: this.sample.kind, requestId: randomUUID(), actor: null, userAgent: this.sample.userAgent, traceparent: null },
        eventCount: this.sample.eventCount,
        events: filled(this.sample.events, parts),
      });
      taken.push({ ...service, address: parts.ipv4, since: time, revision: this.revision - 2 }, { ...service, address: parts.ipv6, since: time, revision: this.revision - 1 });
      written.push({ ...service, revision: this.revision, document: filled(this.sample.document, parts) });
    }
    const none = { taken: [], moved: [], released: [] };
    return { clusterId: this.clusterId, at, epoch: this.epoch, rows, claims: { ...none, taken }, portClaims: none, documents: { written, removed: [] }, requests: [] };
  }

  /**
   * Addresses jump about as random ones do: an odd factor visits every number of a power of two once. The IPv4 ones are those of
   * 10.128.0.0/9, eight million, none of which the cluster gives to anybody: within its own /12 number 405,753 was the address of
   * `default/kubernetes`, and after a million they came again.
   */
  private parts(): Parts {
    const number = this.made++;
    this.revision += this.sample.eventCount;
    const host = 2 ** 23 + ((number * 387_420_489) % 2 ** 23);
    const interfaceId = BigInt.asUintN(64, BigInt(number + 1) * 0x9e3779b97f4a7c15n).toString(16).padStart(16, '0');
    return {
      name: `raw-${String(number).padStart(16, '0')}`,
      uid: randomUUID(),
      ipv4: `10.${host >> 16}.${(host >> 8) & 255}.${host & 255}`,
      ipv6: `fd00:1:2:3:${interfaceId.replace(/(.{4})(?=.)/g, '$1:')}`,
      revision: String(this.revision),
    };
  }
}

/** UUID version 7, as the service gives them: the index of command ids then grows at its end. */
const timeOrderedId = (): string => {
  const time = Date.now().toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
};
