import pg from 'pg';
import { figure } from './figures.js';

/** Of create and delete together: two addresses and a Service begin, and end. */
const eventsPerLife = 6;
const sliceLives = 50_000;
const ipv4First = '10.0.0.16';
const ipv6First = 'fd00:1:2:3::10';
const marks = { name: '\u0001n', uid: '\u0001u', ipv4: '\u0001a', ipv6: '\u0001b', revision: '\u0001r', before: '\u0001p' } as const;

/**
 * The past of a cluster with few live Services: of each life a create and a delete, in the order in which a fleet replaces
 * its Services one by one. Log, claims and documents are what the writer would have left, but for their times.
 */
export class Past {
  private lives = 0;

  private constructor(private readonly client: pg.ClientBase, private readonly head: { id: number; revision: number }, private readonly live: number, private readonly created: string, private readonly deleted: string) {}

  /** @param sample name of a Service of that cluster that was created dual-stack, and deleted next @param live how many Services stand at any time */
  static async begin(client: pg.ClientBase, cluster: string, sample: string, live: number): Promise<Past> {
    const { rows: [head] } = await client.query<{ id: number; revision: string }>('SELECT c.id, h.revision FROM clusters c JOIN cluster_revisions h ON h.cluster_id = c.id WHERE c.name = $1', [cluster]);
    const { rows } = await client.query<{ revision: string; events: string }>('SELECT revision, events FROM log WHERE cluster_id = $1 AND events LIKE $2 ORDER BY revision', [head?.id, `%"${sample}"%`]);
    const [created, deleted] = rows;
    if (head === undefined || created === undefined || deleted === undefined) throw new Error(`cluster ${cluster} has no Service ${sample} that came and went`);
    const object = (JSON.parse(created.events) as { data: { object?: { metadata: { uid: string }; spec: { clusterIPs: string[] } } } }[]).at(-1)?.data.object;
    const [ipv4 = '', ipv6 = ''] = object?.spec.clusterIPs ?? [];
    const parts = { name: sample, uid: object?.metadata.uid ?? '', ipv4, ipv6 };
    const marked = (text: string): string => Object.entries(parts).reduce((made, [part, value]) => made.replaceAll(`"${value}"`, `"${marks[part as keyof typeof parts]}"`), text);
    const past = new Past(client, { id: head.id, revision: Number(head.revision) }, live,
      marked(created.events).replaceAll(`"resourceVersion":"${created.revision}"`, `"resourceVersion":"${marks.revision}"`),
      marked(deleted.events).replaceAll(`"resourceVersion":"${deleted.revision}"`, `"resourceVersion":"${marks.revision}"`).replaceAll(`"revision":${created.revision}`, `"revision":${marks.before}`));
    await past.makeFirst();
    return past;
  }

  /** Goes on until the cluster's log holds at least so many events. */
  async reach(events: number, progress: (text: string) => void): Promise<void> {
    const target = Math.ceil(events / eventsPerLife);
    for (let from = this.lives + 1; from <= target; from = this.lives + 1) {
      this.lives = Math.min(from + sliceLives - 1, target);
      // Life n begins at an address that is free, and ends the one that began `live` lives ago.
      const log = (kind: string, text: string, offset: number, life: string): Promise<unknown> => this.insertLog(kind, text, life, `${this.head.revision} + (n - 1) * ${eventsPerLife} + ${offset}`, from, this.lives);
      await this.client.query('BEGIN');
      await log('CreateService', this.created, 3, `(n + ${this.live})`);
      await log('DeleteService', this.deleted, 6, 'n');
      await this.client.query('UPDATE cluster_revisions SET revision = $2 WHERE cluster_id = $1', [this.head.id, this.head.revision + this.lives * eventsPerLife]);
      await this.client.query('COMMIT');
      progress(`past: ${figure(this.lives * eventsPerLife)} of ${figure(events)} events`);
    }
    await this.writeTables();
  }

  /** The Services that are there when lives begin to end: 1 to `live`. */
  private async makeFirst(): Promise<void> {
    await this.insertLog('CreateService', this.created, 'n', `${this.head.revision} + n * 3`, 1, this.live);
    this.firstRevision = this.head.revision;
    this.head.revision += this.live * 3;
    await this.client.query('UPDATE cluster_revisions SET revision = $2 WHERE cluster_id = $1', [this.head.id, this.head.revision]);
  }
  private firstRevision = 0;

  private async insertLog(kind: string, text: string, life: string, revision: string, from: number, to: number): Promise<void> {
    await this.client.query(`INSERT INTO log (cluster_id, epoch, revision, "time", command_id, event_count, kind, events)
      SELECT ${this.head.id}, 1, ${revision}, timestamptz '2026-01-01' + (${life}) * interval '1 s', md5('${kind}' || ${life})::uuid, 3, '${kind}', ${this.filled(text, life, revision)}
      FROM generate_series(${from}, ${to}) AS n`);
  }

  private filled(text: string, life: string, revision: string): string {
    const place = `(${life} % ${this.live + 1})::int`;
    const expressions: Record<keyof typeof marks, string> = {
      name: `'past-' || lpad((${life})::text, 10, '0')`, uid: `md5((${life})::text)::uuid::text`, ipv4: `host(inet '${ipv4First}' + ${place})`, ipv6: `host(inet '${ipv6First}' + ${place})`,
      revision: `(${revision})::text`, before: `(${this.createdAt(life)})::text`,
    };
    return (Object.keys(marks) as (keyof typeof marks)[]).reduce((made, part) => `replace(${made}, ${pg.escapeLiteral(marks[part])}, ${expressions[part]})`, pg.escapeLiteral(text));
  }

  /** Revision of the create of a life, as SQL. */
  private createdAt(life: string): string {
    return `CASE WHEN ${life} <= ${this.live} THEN ${this.firstRevision} + ${life} * 3 ELSE ${this.head.revision} + (${life} - ${this.live} - 1) * ${eventsPerLife} + 3 END`;
  }

  /** What stands after the last life: the newest Services, as many as there always are. */
  private async writeTables(): Promise<void> {
    await this.client.query("DELETE FROM claims WHERE cluster_id = $1 AND name LIKE 'past-%'", [this.head.id]);
    await this.client.query("DELETE FROM documents WHERE cluster_id = $1 AND name LIKE 'past-%'", [this.head.id]);
    const standing = `SELECT l.revision, l."time", l.events::jsonb -> 2 -> 'data' AS data FROM generate_series(${this.lives + 1}, ${this.lives + this.live}) AS n
      JOIN log l ON l.cluster_id = ${this.head.id} AND l.revision = ${this.createdAt('n')}`;
    await this.client.query(`INSERT INTO claims (cluster_id, address, revision, since, namespace, name, uid)
      SELECT ${this.head.id}, (a.ip #>> '{}')::inet, s.revision - 3 + a.place, s."time", s.data #>> '{service,namespace}', s.data #>> '{service,name}', s.data #>> '{service,uid}'
      FROM (${standing}) s, jsonb_array_elements(s.data #> '{object,spec,clusterIPs}') WITH ORDINALITY AS a (ip, place)`);
    await this.client.query(`INSERT INTO documents (cluster_id, namespace, name, revision, uid, document)
      SELECT ${this.head.id}, s.data #>> '{service,namespace}', s.data #>> '{service,name}', s.revision, s.data #>> '{service,uid}', l.events::json -> 2 -> 'data' ->> 'object'
      FROM (${standing}) s JOIN log l ON l.cluster_id = ${this.head.id} AND l.revision = s.revision`);
    await this.client.query('ANALYZE log, claims, documents');
  }
}
