import type { Event } from '@ipledger/services';
import { ends, writes, type Collector, type Moment, type Part, type View } from './view.js';

/**
 * Who held which address, from when to when, and why it was released. The rows that were not released say who holds what now.
 * `pool` and `band` are those at the time of the allocation; the view `addresses` derives the present ones (design D11).
 */
export const addressesView: View = {
  tables: `
    CREATE TABLE address_history (
      cluster text COLLATE "C" NOT NULL,
      address inet NOT NULL,
      allocated_revision bigint NOT NULL,
      allocated_at timestamptz NOT NULL,
      family text NOT NULL,
      pool text NOT NULL,
      band text,
      scope text NOT NULL,
      namespace text COLLATE "C" NOT NULL,
      name text COLLATE "C" NOT NULL,
      uid text NOT NULL,
      released_revision bigint,
      released_at timestamptz,
      release_reason text,
      CONSTRAINT address_history_pkey PRIMARY KEY (cluster, address, allocated_revision)
    );
    CREATE UNIQUE INDEX address_history_held ON address_history (cluster, address) WHERE released_revision IS NULL`,
  stable: {
    address_history: `SELECT cluster, address, family, namespace, name, uid, allocated_at, allocated_revision, released_at, released_revision, release_reason,
        pool, band, scope FROM {set}.address_history`,
    addresses: `SELECT h.cluster, h.address, h.family, coalesce(p.pool, '') AS pool,
        CASE WHEN h.address BETWEEN p.static_first_address AND p.static_last_address THEN 'static'
             WHEN h.address BETWEEN p.dynamic_first_address AND p.dynamic_last_address THEN 'dynamic' END AS band,
        h.namespace, h.name, h.uid, h.scope, h.allocated_at, h.allocated_revision
      FROM {set}.address_history h LEFT JOIN {set}.pool_usage p ON p.cluster = h.cluster AND h.address <<= p.range
      WHERE h.released_revision IS NULL`,
  },
  compared: { address_history: 'true' },
};

interface Holding {
  address: string;
  allocated_revision: number;
  allocated_at: string;
  family: string;
  pool: string;
  band: string | null;
  scope: string;
  namespace: string;
  name: string;
  uid: string;
  released_revision: number | null;
  released_at: string | null;
  release_reason: string | null;
}
type Release = Pick<Holding, 'address' | 'released_revision' | 'released_at' | 'release_reason'>;

export class AddressChanges implements Collector {
  private readonly allocated: Holding[] = [];
  /** What is held at the end of the run and was allocated in it. */
  private readonly held = new Map<string, Holding>();
  private readonly released: Release[] = [];

  take(event: Event, { revision, time }: Moment): void {
    if (event.type === 'ip.allocated') {
      const { address, family, cidr, band, scope, service } = event.data;
      const holding: Holding = {
        address, allocated_revision: revision, allocated_at: time, family, pool: cidr ?? '', band, scope, ...service,
        released_revision: null, released_at: null, release_reason: null,
      };
      this.allocated.push(holding);
      this.held.set(address, holding);
    } else if (event.type === 'ip.released') {
      const { address, reason } = event.data;
      const release: Release = { address, released_revision: revision, released_at: time, release_reason: reason };
      const holding = this.held.get(address);
      if (holding === undefined) this.released.push(release);
      else Object.assign(holding, release);
      this.held.delete(address);
    }
  }

  parts(): Part[] {
    return [
      ...ends('addresses_released', this.released, (rows) => `UPDATE address_history h
        SET released_revision = r.released_revision, released_at = r.released_at, release_reason = r.release_reason
        FROM json_to_recordset(${rows}::json) AS r (address inet, released_revision bigint, released_at timestamptz, release_reason text)
        WHERE h.cluster = $1 AND h.address = r.address AND h.released_revision IS NULL`),
      ...writes('addresses_allocated', this.allocated, (rows) => `INSERT INTO address_history
          (cluster, address, allocated_revision, allocated_at, family, pool, band, scope, namespace, name, uid, released_revision, released_at, release_reason)
        SELECT $1, r.* FROM json_to_recordset(${rows}::json) AS r (address inet, allocated_revision bigint, allocated_at timestamptz, family text, pool text,
          band text, scope text, namespace text, name text, uid text, released_revision bigint, released_at timestamptz, release_reason text)`),
    ];
  }
}
