import type { AppendBatch } from '@ipledger/event-store';
import type pg from 'pg';
import { append } from '../src/postgres/append.js';
import { textArray } from '../src/postgres/text-array.js';

/**
 * Other shapes of the append statement, for creates only: log, claims taken, documents written. They live here so that the
 * choice of ADR 0002 can be measured again; the program has one shape.
 */
export interface Variant {
  readonly name: string;
  /** Run on the migrated tables before the first append. */
  readonly ddl: string;
  readonly append: (client: pg.ClientBase, batch: AppendBatch) => Promise<unknown>;
}

type Shape = { readonly input: 'json' | 'jsonb'; readonly column: 'text' | 'json' | 'jsonb'; readonly raw: boolean; readonly once: boolean };

const head = `WITH head AS (
  UPDATE cluster_revisions SET revision = revision + $4::bigint WHERE cluster_id = $1::int AND revision = $2::bigint AND epoch = $3::int
  RETURNING cluster_id, epoch
)`;
const logInto = 'INSERT INTO log (cluster_id, epoch, revision, "time", command_id, event_count, kind, request_id, actor, user_agent, traceparent, events)';
const logFrom = 'SELECT head.cluster_id, head.epoch, r.revision, r."time", r.command_id, r.event_count, r.kind, r.request_id, r.actor, r.user_agent, r.traceparent, r.events';
const claimInto = 'INSERT INTO claims (cluster_id, address, revision, since, namespace, name, uid) SELECT head.cluster_id, c.address, c.revision, c.since, c.namespace, c.name, c.uid';

const fixed = (batch: AppendBatch): unknown[] => [batch.clusterId, batch.at, batch.epoch, batch.rows.reduce((sum, { eventCount }) => sum + eventCount, 0)];

const logRows = ({ at, rows }: AppendBatch) => {
  let revision = at;
  return rows.map(({ time, command, eventCount, events }) => {
    revision += eventCount;
    return {
      revision, time, command_id: command.id, event_count: eventCount, kind: command.kind, request_id: command.requestId, actor: command.actor,
      user_agent: command.userAgent, traceparent: command.traceparent, events,
    };
  });
};

/** JSON of a list whose member `key` is JSON already: embedded as it is, not as a string that must be escaped and unescaped. */
function listWithRaw<K extends string>(list: readonly ({ readonly [key in K]: string } & object)[], key: K): string {
  return `[${list.map((item) => `${JSON.stringify({ ...item, [key]: undefined }).slice(0, -1)},"${key}":${item[key]}}`).join(',')}]`;
}

function fromJson({ input, column, raw, once }: Shape): Variant['append'] {
  const into = once ? '' : ', document';
  const text = `${head}, log_rows AS (${logInto} ${logFrom} FROM head, ${input}_to_recordset($5::${input}) AS r (revision bigint, "time" timestamptz,
      command_id uuid, event_count int, kind text, request_id text, actor text, user_agent text, traceparent text, events ${column})),
    claimed AS (${claimInto} FROM head, ${input}_to_recordset($6::${input}) AS c (address inet, revision bigint, since timestamptz, namespace text, name text, uid text)),
    written AS (INSERT INTO documents (cluster_id, namespace, name, revision, uid${into}) SELECT head.cluster_id, d.namespace, d.name, d.revision, d.uid${once ? '' : ', d.document'}
      FROM head, ${input}_to_recordset($7::${input}) AS d (namespace text, name text, revision bigint, uid text, document ${column})
      ON CONFLICT ON CONSTRAINT documents_pkey DO UPDATE SET revision = excluded.revision, uid = excluded.uid${once ? '' : ', document = excluded.document'})
    SELECT cluster_id FROM head`;
  return (client, batch) => {
    const documents = once ? batch.documents.written.map(({ document: _, ...rest }) => rest) : batch.documents.written;
    return client.query({ name: 'append', text, values: [
      ...fixed(batch),
      raw ? listWithRaw(logRows(batch), 'events') : JSON.stringify(logRows(batch)),
      JSON.stringify(batch.claims.taken),
      raw ? listWithRaw(batch.documents.written, 'document') : JSON.stringify(documents),
    ] });
  };
}

const unnestText = `${head}, log_rows AS (${logInto} ${logFrom} FROM head, unnest($5::bigint[], $6::timestamptz[], $7::uuid[], $8::int[], $9::text[], $10::text[], $11::text[],
    $12::text[], $13::text[], $14::text[]) AS r (revision, "time", command_id, event_count, kind, request_id, actor, user_agent, traceparent, events)),
  claimed AS (${claimInto} FROM head, unnest($15::inet[], $16::bigint[], $17::timestamptz[], $18::text[], $19::text[], $20::text[]) AS c (address, revision, since, namespace, name, uid)),
  written AS (INSERT INTO documents (cluster_id, namespace, name, revision, uid, document) SELECT head.cluster_id, d.namespace, d.name, d.revision, d.uid, d.document
    FROM head, unnest($21::text[], $22::text[], $23::bigint[], $24::text[], $25::text[]) AS d (namespace, name, revision, uid, document)
    ON CONFLICT ON CONSTRAINT documents_pkey DO UPDATE SET revision = excluded.revision, uid = excluded.uid, document = excluded.document)
  SELECT cluster_id FROM head`;

const unnested: Variant['append'] = (client, batch) => {
  const rows = logRows(batch);
  const { taken } = batch.claims;
  const { written } = batch.documents;
  return client.query({ name: 'append', text: unnestText, values: [
    ...fixed(batch),
    rows.map((r) => r.revision), rows.map((r) => r.time.toISOString()), rows.map((r) => r.command_id), rows.map((r) => r.event_count), rows.map((r) => r.kind),
    rows.map((r) => r.request_id), rows.map((r) => r.actor), rows.map((r) => r.user_agent), rows.map((r) => r.traceparent), rows.map((r) => r.events),
    taken.map((c) => c.address), taken.map((c) => c.revision), taken.map((c) => c.since.toISOString()), taken.map((c) => c.namespace), taken.map((c) => c.name), taken.map((c) => c.uid),
    written.map((d) => d.namespace), written.map((d) => d.name), written.map((d) => d.revision), written.map((d) => d.uid), written.map((d) => d.document),
  ] });
};

/** The program's statement with all eleven parts, the unneeded ones on empty lists. */
const allParts: Variant['append'] = async (client, batch) => {
  const rows = JSON.stringify(logRows(batch).map(({ events: _, ...rest }) => rest));
  const entries = JSON.stringify(batch.documents.written.map(({ document: _, ...rest }) => rest));
  const [events, documents] = [textArray(batch.rows.map((row) => row.events)), textArray(batch.documents.written.map(({ document }) => document))];
  const values = [...fixed(batch), rows, events, JSON.stringify(batch.claims.taken), '[]', '{}', '[]', '[]', '{}', entries, documents, '[]', '[]', null];
  return client.query({ name: 'append_all', text: await allPartsText(batch), values });
};

let textOfAllParts: string | undefined;

/** Asks the program for its statement for a batch that needs every part. */
async function allPartsText(batch: AppendBatch): Promise<string> {
  const [claim, document] = [batch.claims.taken.slice(0, 1), batch.documents.written.slice(0, 1)];
  const port = [{ port: 1, purpose: 'node-port' as const, namespace: '', name: '', uid: '', revision: 1 }];
  const request = [{ key: '', fingerprint: '', commandId: '', revision: 1, status: 1, createdAt: new Date() }];
  const everything: AppendBatch = {
    ...batch, claims: { taken: claim, moved: claim, released: [''] }, portClaims: { taken: port, moved: port, released: [1] },
    documents: { written: document, removed: document }, requests: request, definition: null,
  };
  const query = async ({ text }: { text: string }) => { textOfAllParts = text; return { rowCount: 1 }; };
  if (textOfAllParts === undefined) await append({ query } as never, everything);
  return textOfAllParts ?? '';
}

const columns = (type: string): string => `ALTER TABLE log ALTER events TYPE ${type} USING events::${type}; ALTER TABLE documents ALTER document TYPE ${type} USING document::${type}`;

/** The program's own statement comes first, from `run.ts`. */
export const variants: readonly Variant[] = [
  { name: 'with all eleven parts', ddl: '', append: allParts },
  { name: 'text, strings in json', ddl: '', append: fromJson({ input: 'json', column: 'text', raw: false, once: false }) },
  { name: 'text, embedded in json', ddl: '', append: fromJson({ input: 'json', column: 'text', raw: true, once: false }) },
  { name: 'text, strings in jsonb', ddl: '', append: fromJson({ input: 'jsonb', column: 'text', raw: false, once: false }) },
  { name: 'text, arrays (unnest)', ddl: '', append: unnested },
  { name: 'json, embedded in json', ddl: columns('json'), append: fromJson({ input: 'json', column: 'json', raw: true, once: false }) },
  { name: 'jsonb, embedded in json', ddl: columns('jsonb'), append: fromJson({ input: 'json', column: 'jsonb', raw: true, once: false }) },
  { name: 'document in the log only', ddl: 'ALTER TABLE documents DROP COLUMN document', append: fromJson({ input: 'json', column: 'text', raw: false, once: true }) },
];
