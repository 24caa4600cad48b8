import { formatAddress, parseAddress } from '@ipledger/ip';
import type pg from 'pg';
import type {
  Claim, ClusterHead, ClusterReader, Document, DocumentPage, LogRow, PortClaim, RecordedRequest, ServiceEntry, ServiceKey,
} from '../event-store.js';
import { storeErrorOf } from './sqlstate.js';

type Row = Record<string, never>; // pg's rows: columns are read once, in the functions at the end of this file

const headColumns = 'c.id, c.name, h.revision, h.epoch, c.definition FROM clusters c JOIN cluster_revisions h ON h.cluster_id = c.id';
export const logColumns = 'cluster_id, epoch, revision, "time", command_id, event_count, kind, request_id, actor, user_agent, traceparent, events';
const claimColumns = 'host(address) AS address, revision, since, namespace, name, uid';

/** The reads, over the pool or over the one connection of a lock. Named statements are those of the hot path. */
export abstract class PostgresReader implements ClusterReader {
  protected abstract readonly queryable: pg.Pool | pg.ClientBase;

  async head(clusterId: number): Promise<ClusterHead | undefined> {
    return (await this.rows(`SELECT ${headColumns} WHERE c.id = $1`, [clusterId], 'head')).map(headOf)[0];
  }

  async readLog(clusterId: number, after: number, limit: number): Promise<LogRow[]> {
    const text = `SELECT ${logColumns} FROM log WHERE cluster_id = $1 AND revision > $2 ORDER BY cluster_id, revision LIMIT $3`;
    return (await this.rows(text, [clusterId, after, limit], 'read_log')).map(logRowOf);
  }

  async logRowAt(clusterId: number, revision: number): Promise<LogRow | undefined> {
    return revision < 1 ? undefined : (await this.readLog(clusterId, revision - 1, 1))[0];
  }

  async documents(clusterId: number, keys: readonly ServiceKey[]): Promise<Document[]> {
    if (keys.length === 0) return [];
    const text = `SELECT namespace, name, uid, revision, document FROM documents
      WHERE cluster_id = $1 AND (namespace, name) IN (SELECT * FROM unnest($2::text[], $3::text[]))`;
    const values = [clusterId, keys.map(({ namespace }) => namespace), keys.map(({ name }) => name)];
    return (await this.rows(text, values, 'documents')).map(documentOf);
  }

  async listDocuments(clusterId: number, { namespace, after, limit }: DocumentPage): Promise<Document[]> {
    const text = `SELECT namespace, name, uid, revision, document FROM documents
      WHERE cluster_id = $1 AND (namespace, name) > ($2, $3) ${namespace === undefined ? '' : 'AND namespace = $5'}
      ORDER BY cluster_id, namespace, name LIMIT $4`;
    const values = [clusterId, after?.namespace ?? '', after?.name ?? '', limit];
    return (await this.rows(text, namespace === undefined ? values : [...values, namespace])).map(documentOf);
  }

  async countDocuments(clusterId: number, namespace?: string): Promise<number> {
    const text = `SELECT count(*) AS count FROM documents WHERE cluster_id = $1 ${namespace === undefined ? '' : 'AND namespace = $2'}`;
    const rows = await this.rows(text, namespace === undefined ? [clusterId] : [clusterId, namespace]);
    return Number(rows[0]?.['count']);
  }

  async requests(clusterId: number, keys: readonly string[]): Promise<RecordedRequest[]> {
    if (keys.length === 0) return [];
    const text = 'SELECT key, fingerprint, command_id, revision, status, created_at FROM requests WHERE cluster_id = $1 AND key = ANY ($2::text[])';
    return (await this.rows(text, [clusterId, keys], 'requests')).map(requestOf);
  }

  async claim(clusterId: number, address: string): Promise<Claim | undefined> {
    return (await this.rows(`SELECT ${claimColumns} FROM claims WHERE cluster_id = $1 AND address = $2::inet`, [clusterId, address])).map(claimOf)[0];
  }

  async listClaims(clusterId: number, after: string | undefined, limit: number): Promise<Claim[]> {
    const text = `SELECT ${claimColumns} FROM claims
      WHERE cluster_id = $1 ${after === undefined ? '' : 'AND claims.address > $3::inet'} ORDER BY cluster_id, claims.address LIMIT $2`;
    return (await this.rows(text, after === undefined ? [clusterId, limit] : [clusterId, limit, after])).map(claimOf);
  }

  async listClaimedAddresses(clusterId: number, after: string | undefined, limit: number): Promise<string[]> {
    const text = `SELECT host(address) AS address FROM claims
      WHERE cluster_id = $1 ${after === undefined ? '' : 'AND claims.address > $3::inet'} ORDER BY cluster_id, claims.address LIMIT $2`;
    return (await this.rows(text, after === undefined ? [clusterId, limit] : [clusterId, limit, after])).map((row) => canonicalAddress(row['address']!));
  }

  async countClaims(clusterId: number, first: string, last: string): Promise<number> {
    const text = 'SELECT count(*) FROM claims WHERE cluster_id = $1 AND address BETWEEN $2 AND $3';
    return Number((await this.rows(text, [clusterId, first, last]))[0]?.['count']);
  }

  async listPortClaims(clusterId: number, after: number | undefined, limit: number): Promise<PortClaim[]> {
    const text = `SELECT port, purpose, namespace, name, uid, revision FROM port_claims
      WHERE cluster_id = $1 AND port > $2 ORDER BY cluster_id, port LIMIT $3`;
    return (await this.rows(text, [clusterId, after ?? 0, limit])).map(portClaimOf);
  }

  async listServiceEntries(clusterId: number, after: ServiceKey | undefined, limit: number): Promise<ServiceEntry[]> {
    const text = `SELECT namespace, name, uid, revision FROM documents
      WHERE cluster_id = $1 AND (namespace, name) > ($2, $3) ORDER BY cluster_id, namespace, name LIMIT $4`;
    return (await this.rows(text, [clusterId, after?.namespace ?? '', after?.name ?? '', limit])).map(entryOf);
  }

  protected async heads(where: string, values: unknown[]): Promise<ClusterHead[]> {
    return (await this.rows(`SELECT ${headColumns} ${where}`, values)).map(headOf);
  }

  protected async rows(text: string, values: unknown[], name?: string): Promise<Row[]> {
    try {
      return (await this.queryable.query<Row>({ ...(name !== undefined && { name }), text, values })).rows;
    } catch (error) {
      throw storeErrorOf(error);
    }
  }
}

/** bigint arrives as text. The table's check keeps revisions below 2^53. */
function headOf(row: Row): ClusterHead {
  return { id: row['id']!, name: row['name']!, revision: Number(row['revision']), epoch: row['epoch']!, definition: row['definition']! };
}

export function logRowOf(row: Row): LogRow {
  return {
    clusterId: row['cluster_id']!, revision: Number(row['revision']), eventCount: row['event_count']!, epoch: row['epoch']!, time: row['time']!,
    command: {
      id: row['command_id']!, kind: row['kind']!, requestId: row['request_id']!, actor: row['actor']!,
      userAgent: row['user_agent']!, traceparent: row['traceparent']!,
    },
    events: row['events']!,
  };
}

function entryOf(row: Row): ServiceEntry {
  return { namespace: row['namespace']!, name: row['name']!, uid: row['uid']!, revision: Number(row['revision']) };
}

function documentOf(row: Row): Document {
  return { ...entryOf(row), document: row['document']! };
}

/** host() shows ::a00:1 as ::10.0.0.1, which is not our canonical text. */
export function claimOf(row: Row): Claim {
  return { address: canonicalAddress(row['address']!), since: row['since']!, ...entryOf(row) };
}

/** Only these texts differ: a dotted tail in IPv6. */
function canonicalAddress(text: string): string {
  if (!text.includes(':') || !text.includes('.')) return text;
  const address = parseAddress(text);
  return address === undefined ? text : formatAddress(address);
}

function portClaimOf(row: Row): PortClaim {
  return { port: row['port']!, purpose: row['purpose']!, ...entryOf(row) };
}

function requestOf(row: Row): RecordedRequest {
  return {
    key: row['key']!, fingerprint: row['fingerprint']!, commandId: row['command_id']!, revision: Number(row['revision']),
    status: row['status']!, createdAt: row['created_at']!,
  };
}
