import type pg from 'pg';
import type { AppendBatch } from '../event-store.js';
import { logParameters, writtenParameters } from './append.js';

/**
 * The batches of several clusters in one statement and one commit: a commit for each is what many clusters cost. A cluster that is not at the
 * revision of its batch, or whose row somebody holds, is left out; nobody is waited for, so that no cluster holds up another and
 * none of them can deadlock.
 * @returns the ids of the clusters whose batch was appended
 * @throws whatever Postgres says; then nothing was written, of any of them
 */
export const appendMany = async (client: pg.ClientBase, batches: readonly AppendBatch[]): Promise<Set<number>> => {
  const added = batches.map(({ rows }) => rows.reduce((sum, { eventCount }) => sum + eventCount, 0));
  const log = logParameters(batches);
  const claimed = JSON.stringify(batches.flatMap(({ clusterId, claims }) => claims.taken.map((claim) => ({ cluster_id: clusterId, ...claim }))));
  const written = writtenParameters(batches);
  const heads = [batches.map(({ clusterId }) => clusterId), batches.map(({ at }) => at), batches.map(({ epoch }) => epoch), added];
  const { rows } = await client.query<{ cluster_id: number }>({ name: 'append_many', text, values: [...heads, ...log, claimed, ...written] });
  return new Set(rows.map((row) => row.cluster_id));
};

const text = `WITH wanted AS (
    SELECT w.* FROM unnest($1::int[], $2::bigint[], $3::int[], $4::bigint[]) AS w (cluster_id, at, epoch, added)
  ), free AS (
    SELECT h.cluster_id FROM wanted w JOIN cluster_revisions h ON h.cluster_id = w.cluster_id FOR NO KEY UPDATE OF h SKIP LOCKED
  ), head AS (
    UPDATE cluster_revisions h SET revision = h.revision + w.added FROM wanted w JOIN free ON free.cluster_id = w.cluster_id
    WHERE h.cluster_id = w.cluster_id AND h.revision = w.at AND h.epoch = w.epoch
    RETURNING h.cluster_id, h.epoch
  ), logged AS (
    INSERT INTO log (cluster_id, epoch, revision, "time", command_id, event_count, kind, request_id, actor, user_agent, traceparent, events)
    SELECT head.cluster_id, head.epoch, r.revision, r."time", r.command_id, r.event_count, r.kind, r.request_id, r.actor, r.user_agent, r.traceparent, r.events
    FROM head JOIN ROWS FROM (json_to_recordset($5::json) AS (cluster_id int, revision bigint, "time" timestamptz, command_id uuid, event_count int,
      kind text, request_id text, actor text, user_agent text, traceparent text), unnest($6::text[]))
    AS r (cluster_id, revision, "time", command_id, event_count, kind, request_id, actor, user_agent, traceparent, events) ON r.cluster_id = head.cluster_id
  ), claimed AS (
    INSERT INTO claims (cluster_id, address, revision, since, namespace, name, uid)
    SELECT head.cluster_id, c.address, c.revision, c.since, c.namespace, c.name, c.uid
    FROM head JOIN json_to_recordset($7::json) AS c (cluster_id int, address inet, revision bigint, since timestamptz, namespace text, name text, uid text)
      ON c.cluster_id = head.cluster_id
  ), written AS (
    INSERT INTO documents (cluster_id, namespace, name, revision, uid, document)
    SELECT head.cluster_id, d.namespace, d.name, d.revision, d.uid, d.document
    FROM head JOIN ROWS FROM (json_to_recordset($8::json) AS (cluster_id int, namespace text, name text, revision bigint, uid text), unnest($9::text[]))
    AS d (cluster_id, namespace, name, revision, uid, document) ON d.cluster_id = head.cluster_id
    ON CONFLICT ON CONSTRAINT documents_pkey DO UPDATE SET revision = excluded.revision, uid = excluded.uid, document = excluded.document
  )
  SELECT cluster_id FROM head`;
