import { invalidRequest, wholeNumberIn } from '@ipledger/runtime';
import { askedCluster, atIn, cutPage, encodeToken, thereAt, tokenIn, viewsOf, waitAsAsked, type At, type Sources } from './ask.js';

interface PortRow {
  port: number;
  purpose: string;
  namespace: string;
  name: string;
  uid: string;
  allocated_at: Date;
  allocated_revision: number;
  released_at: Date | null;
  released_revision: number | null;
  release_reason: string | null;
}

const columns = `h.port, h.purpose, h.namespace, h.name, h.uid, h.allocated_at, h.allocated_revision::float8 AS allocated_revision,
  h.released_at, h.released_revision::float8 AS released_revision, h.release_reason`;
const there = (at: At, parameter: string) =>
  thereAt(at, { revision: 'h.allocated_revision', time: 'h.allocated_at' }, { revision: 'h.released_revision', time: 'h.released_at' }, parameter);

/** Who holds which node port, in order of port, now or at a moment of the past. Health check ports are among them. */
export const queryNodePorts = async (sources: Sources, name: string, query: unknown): Promise<object> => {
  const views = viewsOf(sources);
  const cluster = await askedCluster(sources, name);
  const limit = wholeNumberIn(query, 'limit', { min: 1, max: 1000, otherwise: 100 });
  const [after = 0, fixed] = (tokenIn(query) ?? []) as [number?, At?];
  const at = fixed ?? atIn(query, cluster.revision);
  await waitAsAsked(views, cluster, query, at);
  const when = at === undefined ? { sql: 'h.released_revision IS NULL', value: null } : there(at, '$4');
  const { asOf, rows } = await views.read<PortRow>(name,
    `SELECT ${columns} FROM views.node_port_history h WHERE h.cluster = $1 AND h.port > $2::int AND ${when.sql} ORDER BY h.port LIMIT $3`, [after, limit + 1, ...(at === undefined ? [] : [when.value])]);
  const { page, last } = cutPage(rows, limit);
  return {
    items: page.map((row) => ({ port: row.port, ...holderOf(row) })), range: cluster.definition.nodePortRange, asOf, ...(at && { at }),
    // The next page is of the same moment: what happens in between neither repeats nor hides a port.
    ...(last && { continue: encodeToken([last.port, at ?? { revision: asOf.revision }]) }),
  };
};

/** Who holds one port, and who held it before, newest first. */
export const queryNodePort = async (sources: Sources, name: string, text: string, query: unknown): Promise<object> => {
  const views = viewsOf(sources);
  const cluster = await askedCluster(sources, name);
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65535) throw invalidRequest('port', text, 'is not a port; write a number from 1 to 65535');
  const at = atIn(query, cluster.revision);
  const limit = wholeNumberIn(query, 'limit', { min: 1, max: 1000, otherwise: 100 });
  await waitAsAsked(views, cluster, query, at);
  const when = at === undefined ? { sql: 'true', value: null } : there(at, '$4');
  const { asOf, rows } = await views.read<PortRow>(name,
    `SELECT ${columns} FROM views.node_port_history h WHERE h.cluster = $1 AND h.port = $2::int AND ${when.sql} ORDER BY h.allocated_revision DESC LIMIT $3`, [port, limit, ...(at === undefined ? [] : [when.value])]);
  const holder = at === undefined ? rows.find(({ released_revision }) => released_revision === null) : rows[0];
  return {
    port, holder: holder === undefined ? null : holderOf(holder), asOf,
    ...(at === undefined ? { history: rows.map((row) => ({ ...holderOf(row), until: endOf(row) })) } : { at }),
  };
};

const holderOf = (row: PortRow) => ({
  purpose: row.purpose, namespace: row.namespace, name: row.name, uid: row.uid, since: row.allocated_at.toISOString(), revision: row.allocated_revision,
});

const endOf = ({ released_revision, released_at, release_reason }: PortRow) =>
  released_revision === null ? null : { revision: released_revision, time: released_at?.toISOString() ?? null, reason: release_reason };
