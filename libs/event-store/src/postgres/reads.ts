import { formatAddress, parseAddress } from '@ipledger/ip';
import type pg from 'pg';
import type {
  Claim, ClusterHead, ClusterReader, CoolingAddress, Document, DocumentPage, LbAttachedKey, LbMemberKey, LogRow, PortClaim, RecordedRequest, ServiceEntry, ServiceKey, ServiceRevision, StoredLbAttached,
  StoredLbMember, StoredLbWaiting, StoredReservation,
} from '../event-store.js';
import { storeErrorOf } from './sqlstate.js';

type Row = Record<string, never>; // pg's rows: columns are read once, in the functions at the end of this file

const headColumns = 'c.id, c.name, h.revision, h.epoch, c.definition FROM clusters c JOIN cluster_revisions h ON h.cluster_id = c.id';
export const logColumns = 'cluster_id, epoch, revision, "time", command_id, event_count, kind, request_id, actor, user_agent, traceparent, events';
const reservationColumns = 'name, revision, created_at, cidr, host(first) AS first, host(last) AS last, until, reason, owner FROM reservations';
const coolingColumns = 'host(address) AS address, until, namespace, name, uid, revision, holder_cluster FROM cooling';
export const memberColumns = 'host(address) AS address, holder_cluster, namespace, name, uid, revision, sharing_key, ports, backend, wait FROM lb_members';
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

  async logRowsAt(clusterId: number, revisions: readonly number[]): Promise<Map<number, LogRow>> {
    if (revisions.length === 0) return new Map();
    const text = `SELECT asked.revision AS asked, l.* FROM unnest($2::bigint[]) AS asked (revision) CROSS JOIN LATERAL (
      SELECT ${logColumns} FROM log WHERE cluster_id = $1 AND log.revision >= asked.revision ORDER BY cluster_id, log.revision LIMIT 1) l WHERE l.revision - l.event_count < asked.revision`;
    return new Map((await this.rows(text, [clusterId, revisions], 'log_rows_at')).map((row) => [Number(row['asked']), logRowOf(row)]));
  }

  async findCommands(clusterId: number, commandIds: readonly string[]): Promise<Map<string, number>> {
    const rows = await this.rows('SELECT command_id, revision FROM log WHERE cluster_id = $1 AND command_id = ANY ($2::uuid[])', [clusterId, commandIds]);
    return new Map(rows.map((row) => [row['command_id']!, Number(row['revision'])]));
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
    const text = `SELECT string_agg(host(page.address), ',') AS page FROM (SELECT address FROM claims
      WHERE cluster_id = $1 ${after === undefined ? '' : 'AND claims.address > $3::inet'} ORDER BY cluster_id, claims.address LIMIT $2) AS page`;
    return (await this.page(text, after === undefined ? [clusterId, limit] : [clusterId, limit, after])).map(canonicalAddress);
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

  async listReservations(clusterId: number, after: string | undefined, limit: number): Promise<StoredReservation[]> {
    const text = `SELECT ${reservationColumns} WHERE cluster_id = $1 AND name > $2 ORDER BY cluster_id, name LIMIT $3`;
    return (await this.rows(text, [clusterId, after ?? '', limit])).map(reservationOf);
  }

  async reservation(clusterId: number, name: string): Promise<StoredReservation | undefined> {
    return (await this.rows(`SELECT ${reservationColumns} WHERE cluster_id = $1 AND name = $2`, [clusterId, name])).map(reservationOf)[0];
  }

  async listCooling(clusterId: number, after: string | undefined, limit: number): Promise<CoolingAddress[]> {
    const text = `SELECT ${coolingColumns} WHERE cluster_id = $1 ${after === undefined ? '' : 'AND cooling.address > $3::inet'} ORDER BY cluster_id, cooling.address LIMIT $2`;
    return (await this.rows(text, after === undefined ? [clusterId, limit] : [clusterId, limit, after])).map(coolingOf);
  }

  async countHeldBack(clusterId: number, first: string, last: string, at: Date): Promise<{ reserved: bigint; coolingDown: bigint }> {
    const text = `WITH cut AS (
        SELECT greatest(r.first, $2::inet) AS first, least(r.last, $3::inet) AS last FROM reservations r
        WHERE r.cluster_id = $1 AND (r.until IS NULL OR r.until > $4) AND r.first <= $3::inet AND r.last >= $2::inet
      ) SELECT (SELECT coalesce(sum(cut.last - cut.first + 1 - (
          SELECT count(*) FROM claims WHERE cluster_id = $1 AND address BETWEEN cut.first AND cut.last)), 0) FROM cut)::text AS reserved,
        (SELECT count(*) FROM cooling c WHERE c.cluster_id = $1 AND c.address BETWEEN $2::inet AND $3::inet AND c.until > $4
          AND NOT EXISTS (SELECT FROM claims h WHERE h.cluster_id = $1 AND h.address = c.address)
          AND NOT EXISTS (SELECT FROM cut WHERE c.address BETWEEN cut.first AND cut.last))::text AS cooling_down`;
    const [row] = await this.rows(text, [clusterId, first, last, at]);
    return { reserved: BigInt(row?.['reserved'] ?? 0), coolingDown: BigInt(row?.['cooling_down'] ?? 0) };
  }

  async heldBack(clusterId: number, address: string, at: Date): Promise<{ reservation: StoredReservation | undefined; cooling: CoolingAddress | undefined }> {
    const [reservations, cooling] = await Promise.all([
      this.rows(`SELECT ${reservationColumns} WHERE cluster_id = $1 AND (until IS NULL OR until > $3) AND first <= $2::inet AND last >= $2::inet LIMIT 1`, [clusterId, address, at]),
      this.rows(`SELECT ${coolingColumns} WHERE cluster_id = $1 AND cooling.address = $2::inet AND until > $3`, [clusterId, address, at]),
    ]);
    return { reservation: reservations.map(reservationOf)[0], cooling: cooling.map(coolingOf)[0] };
  }

  async listLbMembers(clusterId: number, after: LbMemberKey | undefined, limit: number): Promise<StoredLbMember[]> {
    const past = after && [after.address, after.cluster, after.namespace, after.name];
    const text = `SELECT ${memberColumns} WHERE cluster_id = $1 ${past === undefined ? '' : 'AND (lb_members.address, holder_cluster, namespace, name) > ($3::inet, $4, $5, $6)'}
      ORDER BY cluster_id, lb_members.address, holder_cluster, namespace, name LIMIT $2`;
    return (await this.rows(text, [clusterId, limit, ...(past ?? [])])).map(memberOf);
  }

  async lbMembers(clusterId: number, address: string): Promise<StoredLbMember[]> {
    const text = `SELECT ${memberColumns} WHERE cluster_id = $1 AND lb_members.address = $2::inet ORDER BY holder_cluster, namespace, name`;
    return (await this.rows(text, [clusterId, address])).map(memberOf);
  }

  async listLbWaiting(clusterId: number, after: ServiceKey | undefined, limit: number, but?: string): Promise<StoredLbWaiting[]> {
    const text = `SELECT namespace, name, uid, revision, families, reason FROM lb_waiting
      WHERE cluster_id = $1 AND (namespace, name) > ($2, $3) ${but === undefined ? '' : 'AND reason <> $5'} ORDER BY cluster_id, namespace, name LIMIT $4`;
    const rows = await this.rows(text, [clusterId, after?.namespace ?? '', after?.name ?? '', limit, ...(but === undefined ? [] : [but])]);
    return rows.map((row) => ({ ...entryOf(row), families: row['families']!, reason: row['reason']! }));
  }

  async listLbAttached(clusterId: number, after: LbAttachedKey | undefined, limit: number): Promise<StoredLbAttached[]> {
    const past = after && [after.pool, after.address, after.namespace, after.name];
    const text = `SELECT pool, host(address) AS address, namespace, name, uid, revision FROM lb_attached
      WHERE cluster_id = $1 ${past === undefined ? '' : 'AND (pool, lb_attached.address, namespace, name) > ($3, $4::inet, $5, $6)'}
      ORDER BY cluster_id, pool, lb_attached.address, namespace, name LIMIT $2`;
    return (await this.rows(text, [clusterId, limit, ...(past ?? [])])).map(attachedOf);
  }

  async lbAttachedOf(clusterId: number, keys: readonly ServiceKey[]): Promise<StoredLbAttached[]> {
    if (keys.length === 0) return [];
    const text = `SELECT pool, host(address) AS address, namespace, name, uid, revision FROM lb_attached
      WHERE cluster_id = $1 AND (namespace, name) IN (SELECT * FROM unnest($2::text[], $3::text[])) ORDER BY pool, lb_attached.address, namespace, name`;
    return (await this.rows(text, [clusterId, keys.map(({ namespace }) => namespace), keys.map(({ name }) => name)])).map(attachedOf);
  }

  async listServiceRevisions(clusterId: number, after: ServiceKey | undefined, limit: number): Promise<ServiceRevision[]> {
    const text = `SELECT string_agg(page.namespace || ' ' || page.name || ' ' || page.revision, ',') AS page FROM (SELECT namespace, name, revision FROM documents
      WHERE cluster_id = $1 AND (namespace, name) > ($2, $3) ORDER BY cluster_id, namespace, name LIMIT $4) AS page`;
    return (await this.page(text, [clusterId, after?.namespace ?? '', after?.name ?? '', limit])).map((entry) => {
      const [namespace = '', name = '', revision] = entry.split(' '); // a name has neither spaces nor commas
      return { namespace, name, revision: Number(revision) };
    });
  }

  /** What `string_agg` has made one text of: a row for each of millions costs more to read than what is in it. */
  private async page(text: string, values: unknown[]): Promise<string[]> {
    const page: unknown = (await this.rows(text, values))[0]?.['page'];
    return typeof page === 'string' ? page.split(',') : [];
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

function reservationOf(row: Row): StoredReservation {
  const until: Date | null = row['until']!;
  const first = canonicalAddress(row['first']!);
  return {
    name: row['name']!, family: first.includes(':') ? 'IPv6' : 'IPv4', cidr: canonicalCidr(row['cidr']!), first, last: canonicalAddress(row['last']!),
    reason: row['reason']!, owner: row['owner']!, until: until === null ? null : new Date(until).toISOString(), createdAt: row['created_at']!, revision: Number(row['revision']),
  };
}

function coolingOf(row: Row): CoolingAddress {
  const cluster: string = row['holder_cluster']!;
  return { address: canonicalAddress(row['address']!), until: row['until']!, ...entryOf(row), ...(cluster !== '' && { cluster }) };
}

function attachedOf(row: Row): StoredLbAttached {
  return { ...entryOf(row), pool: row['pool']!, address: canonicalAddress(row['address']!) };
}

export function memberOf(row: Row): StoredLbMember {
  return {
    ...entryOf(row), address: canonicalAddress(row['address']!), cluster: row['holder_cluster']!, sharingKey: row['sharing_key']!,
    ports: row['ports']!, backend: row['backend']!, wait: row['wait'] === null ? null : Number(row['wait']),
  };
}

/** Rows of old schemas held Postgres' own spelling of CIDRs; a range that is none is as it was written. */
function canonicalCidr(text: string): string {
  if (!text.includes('/')) return text;
  const [address = '', length = ''] = text.split('/');
  return `${canonicalAddress(address)}/${length}`;
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
