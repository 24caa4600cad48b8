import type pg from 'pg';
import { RevisionConflict } from '../errors.js';
import type { AppendBatch, Document } from '../event-store.js';
import { lbParts } from './append-lb.js';
import { listed, type Part } from './append-part.js';
import { textArray } from './text-array.js';

/**
 * The hot path: takes the cluster's row if it is still at `at`, and writes everything else of the batch, in one statement.
 * @throws RevisionConflict, and whatever Postgres says
 */
export async function append(client: pg.ClientBase, batch: AppendBatch): Promise<void> {
  const needed = parts.flatMap((part) => {
    const values = part.values(batch);
    return values === undefined ? [] : [{ part, values }];
  });
  const added = batch.rows.reduce((sum, { eventCount }) => sum + eventCount, 0);
  const { name, text } = statementOf(needed);
  const { rowCount } = await client.query({ name, text, values: [batch.clusterId, batch.at, batch.epoch, added, ...needed.flatMap(({ values }) => values)] });
  if (rowCount !== 1) throw new RevisionConflict(batch.clusterId, batch.at);
}

const parts: readonly Part[] = [
  {
    name: 'log',
    values: logRows,
    sql: (rows, events) => `INSERT INTO log (cluster_id, epoch, revision, "time", command_id, event_count, kind, request_id, actor, user_agent, traceparent, events)
      SELECT head.cluster_id, head.epoch, r.revision, r."time", r.command_id, r.event_count, r.kind, r.request_id, r.actor, r.user_agent, r.traceparent, r.events
      FROM head, ROWS FROM (json_to_recordset(${rows}::json) AS (revision bigint, "time" timestamptz, command_id uuid, event_count int,
        kind text, request_id text, actor text, user_agent text, traceparent text), unnest(${events}::text[]))
      AS r (revision, "time", command_id, event_count, kind, request_id, actor, user_agent, traceparent, events)`,
  },
  {
    name: 'claimed',
    values: ({ claims }) => listed(claims.taken),
    sql: insertClaims, // no ON CONFLICT: an address that is taken must fail the whole batch
  },
  {
    name: 'reclaimed',
    values: ({ claims }) => listed(claims.moved),
    sql: (moved) => `${insertClaims(moved)} ON CONFLICT ON CONSTRAINT claims_pkey DO UPDATE SET
      revision = excluded.revision, since = excluded.since, namespace = excluded.namespace, name = excluded.name, uid = excluded.uid`,
  },
  {
    name: 'released',
    values: ({ claims }) => nonEmpty(claims.released),
    sql: (addresses) => `DELETE FROM claims WHERE cluster_id = (SELECT cluster_id FROM head) AND address = ANY (${addresses}::inet[])`,
  },
  {
    name: 'ports_claimed',
    values: ({ portClaims }) => listed(portClaims.taken),
    sql: insertPortClaims,
  },
  {
    name: 'ports_reclaimed',
    values: ({ portClaims }) => listed(portClaims.moved),
    sql: (moved) => `${insertPortClaims(moved)} ON CONFLICT ON CONSTRAINT port_claims_pkey DO UPDATE SET
      revision = excluded.revision, purpose = excluded.purpose, namespace = excluded.namespace, name = excluded.name, uid = excluded.uid`,
  },
  {
    name: 'ports_released',
    values: ({ portClaims }) => nonEmpty(portClaims.released),
    sql: (ports) => `DELETE FROM port_claims WHERE cluster_id = (SELECT cluster_id FROM head) AND port = ANY (${ports}::int[])`,
  },
  {
    name: 'reserved',
    values: ({ reservations }) => listed(reservations?.made ?? []),
    sql: (made) => `INSERT INTO reservations (cluster_id, name, revision, created_at, cidr, first, last, until, reason, owner)
      SELECT head.cluster_id, r.name, r.revision, r."createdAt", r.cidr, r.first, r.last, r.until, r.reason, r.owner
      FROM head, json_to_recordset(${made}::json) AS r (name text, revision bigint, "createdAt" timestamptz, cidr text, first inet, last inet,
        until timestamptz, reason text, owner text)
      ON CONFLICT ON CONSTRAINT reservations_pkey DO UPDATE SET revision = excluded.revision, created_at = excluded.created_at,
        cidr = excluded.cidr, first = excluded.first, last = excluded.last, until = excluded.until, reason = excluded.reason, owner = excluded.owner`,
  },
  {
    name: 'unreserved',
    values: ({ reservations }) => nonEmpty(reservations?.ended ?? []),
    sql: (names) => `DELETE FROM reservations WHERE cluster_id = (SELECT cluster_id FROM head) AND name = ANY (${names}::text[])`,
  },
  {
    name: 'cooling_started',
    values: ({ cooling }) => listed(cooling?.started ?? []),
    sql: (started) => `INSERT INTO cooling (cluster_id, address, revision, until, namespace, name, uid, holder_cluster)
      SELECT head.cluster_id, c.address, c.revision, c.until, c.namespace, c.name, c.uid, coalesce(c.cluster, '')
      FROM head, json_to_recordset(${started}::json) AS c (address inet, revision bigint, until timestamptz, namespace text, name text, uid text, cluster text)
      ON CONFLICT ON CONSTRAINT cooling_pkey DO UPDATE SET revision = excluded.revision, until = excluded.until,
        namespace = excluded.namespace, name = excluded.name, uid = excluded.uid, holder_cluster = excluded.holder_cluster`,
  },
  {
    name: 'cooling_cleared',
    // One statement cannot both delete a row and write it again.
    values: ({ cooling }) => (cooling?.cleared === true ? [cooling.started.map(({ address }) => address)] : undefined),
    sql: (kept) => `DELETE FROM cooling WHERE cluster_id = (SELECT cluster_id FROM head) AND NOT address = ANY (${kept}::inet[])`,
  },
  {
    name: 'written',
    values: writtenDocuments,
    sql: (entries, documents) => `INSERT INTO documents (cluster_id, namespace, name, revision, uid, document)
      SELECT head.cluster_id, d.namespace, d.name, d.revision, d.uid, d.document
      FROM head, ROWS FROM (json_to_recordset(${entries}::json) AS (namespace text, name text, revision bigint, uid text), unnest(${documents}::text[]))
      AS d (namespace, name, revision, uid, document)
      ON CONFLICT ON CONSTRAINT documents_pkey DO UPDATE SET revision = excluded.revision, uid = excluded.uid, document = excluded.document`,
  },
  {
    name: 'removed',
    values: ({ documents }) => listed(documents.removed),
    sql: (removed) => `DELETE FROM documents USING head, json_to_recordset(${removed}::json) AS d (namespace text, name text)
      WHERE documents.cluster_id = head.cluster_id AND documents.namespace = d.namespace AND documents.name = d.name`,
  },
  {
    name: 'requested',
    values: ({ requests }) => listed(requests),
    sql: (requests) => `INSERT INTO requests (cluster_id, key, fingerprint, command_id, revision, status, created_at)
      SELECT head.cluster_id, r.key, r.fingerprint, r."commandId", r.revision, r.status, r."createdAt"
      FROM head, json_to_recordset(${requests}::json) AS r (key text, fingerprint text, "commandId" uuid, revision bigint, status int, "createdAt" timestamptz)`,
  },
  {
    name: 'defined',
    values: ({ definition }) => (definition === undefined ? undefined : [definition]),
    sql: (definition) => `UPDATE clusters SET definition = ${definition}::text FROM head WHERE clusters.id = head.cluster_id`,
  },
  ...lbParts,
];

/** What `appendMany` can write as well. */
const sharedParts = ['log', 'claimed', 'written'];

/** Whether a batch needs nothing but rows of the log, new claims and documents, as most do, such as creates. */
export const canShare = (batch: AppendBatch): boolean =>
  batch.rows.length > 0 && parts.every(({ name, values }) => sharedParts.includes(name) || values(batch) === undefined);

const statements = new Map<string, string>(); // name -> text; bounded by the combinations of parts that occur

function statementOf(needed: readonly { part: Part; values: readonly unknown[] }[]): { name: string; text: string } {
  const name = `append_${needed.reduce((mask, { part }) => mask | (1 << parts.indexOf(part)), 0)}`;
  const known = statements.get(name);
  if (known !== undefined) return { name, text: known };
  let parameters = 4;
  const sqlOf = ({ part, values }: (typeof needed)[number]): string => `${part.name} AS (${part.sql(...values.map(() => `$${++parameters}`))})`;
  // Parts of a WITH that nobody reads run to completion all the same.
  const text = `WITH head AS (
      UPDATE cluster_revisions SET revision = revision + $4::bigint WHERE cluster_id = $1::int AND revision = $2::bigint AND epoch = $3::int
      RETURNING cluster_id, epoch
    )${needed.map((one) => `, ${sqlOf(one)}`).join('')}
    SELECT cluster_id FROM head`;
  statements.set(name, text);
  return { name, text };
}

function insertClaims(claims: string): string {
  return `INSERT INTO claims (cluster_id, address, revision, since, namespace, name, uid)
    SELECT head.cluster_id, c.address, c.revision, c.since, c.namespace, c.name, c.uid
    FROM head, json_to_recordset(${claims}::json) AS c (address inet, revision bigint, since timestamptz, namespace text, name text, uid text)`;
}

function insertPortClaims(claims: string): string {
  return `INSERT INTO port_claims (cluster_id, port, revision, purpose, namespace, name, uid)
    SELECT head.cluster_id, c.port, c.revision, c.purpose, c.namespace, c.name, c.uid
    FROM head, json_to_recordset(${claims}::json) AS c (port int, revision bigint, purpose text, namespace text, name text, uid text)`;
}

function logRows(batch: AppendBatch): readonly unknown[] | undefined {
  return batch.rows.length === 0 ? undefined : [JSON.stringify(logHeads(batch)), textArray(batch.rows.map(({ events }) => events))];
}

function logHeads({ at, rows }: AppendBatch): object[] {
  let revision = at;
  return rows.map(({ time, command, eventCount }) => {
    revision += eventCount;
    const { id, kind, requestId, actor, userAgent, traceparent } = command;
    return { revision, time, command_id: id, event_count: eventCount, kind, request_id: requestId, actor, user_agent: userAgent, traceparent };
  });
}

function writtenDocuments({ documents: { written } }: AppendBatch): readonly unknown[] | undefined {
  return written.length === 0 ? undefined : [JSON.stringify(written.map(entryOf)), textArray(written.map(({ document }) => document))];
}

function entryOf({ namespace, name, revision, uid }: Document): object {
  return { namespace, name, revision, uid };
}

/** The log of several batches: heads and events. */
export function logParameters(batches: readonly AppendBatch[]): [string, Buffer] {
  const heads = batches.flatMap((batch) => logHeads(batch).map((head) => ({ cluster_id: batch.clusterId, ...head })));
  return [JSON.stringify(heads), textArray(batches.flatMap(({ rows }) => rows.map(({ events }) => events)))];
}

/** The documents of several batches: entries and texts. */
export function writtenParameters(batches: readonly AppendBatch[]): [string, Buffer] {
  const entries = batches.flatMap(({ clusterId, documents }) => documents.written.map((document) => ({ cluster_id: clusterId, ...entryOf(document) })));
  return [JSON.stringify(entries), textArray(batches.flatMap(({ documents }) => documents.written.map(({ document }) => document)))];
}

/** One parameter, an array. */
function nonEmpty(list: readonly unknown[]): readonly unknown[] | undefined {
  return list.length === 0 ? undefined : [list];
}
