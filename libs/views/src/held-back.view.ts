import type { Event } from '@ipledger/services';
import { writes, type Collector, type Moment, type Part, type View } from './view.js';

/**
 * What is not handed out although nobody holds it: reservations, and addresses that cool down. Both end by themselves, which no
 * event says: whoever reads compares `until` with the present.
 */
export const heldBackView: View = {
  tables: `
    CREATE TABLE reservations (
      cluster text COLLATE "C" NOT NULL,
      name text COLLATE "C" NOT NULL,
      family text NOT NULL,
      first inet NOT NULL,
      last inet NOT NULL,
      until timestamptz,
      reason text NOT NULL,
      owner text NOT NULL,
      made_at timestamptz NOT NULL,
      made_revision bigint NOT NULL,
      CONSTRAINT reservations_pkey PRIMARY KEY (cluster, name)
    );
    CREATE TABLE cooling (
      cluster text COLLATE "C" NOT NULL,
      address inet NOT NULL,
      family text NOT NULL,
      until timestamptz NOT NULL,
      namespace text COLLATE "C" NOT NULL,
      name text COLLATE "C" NOT NULL,
      uid text NOT NULL,
      released_revision bigint NOT NULL,
      holder_cluster text,
      CONSTRAINT cooling_pkey PRIMARY KEY (cluster, address)
    )`,
  stable: {
    reservations: `SELECT r.cluster, r.name, r.family, r.first, r.last, (r.last - r.first + 1)::numeric AS addresses, r.until, r.reason, r.owner, r.made_at, r.made_revision
      FROM {set}.reservations r WHERE ${lasts('r')}`,
    cooling_addresses: `SELECT c.cluster, c.address, c.family, p.pool, c.until, c.namespace, c.name, c.uid, c.released_revision, c.holder_cluster
      FROM {set}.cooling c JOIN {set}.pool_usage p ON p.cluster = c.cluster AND c.address BETWEEN p.range_first AND p.range_last WHERE ${cools('c', 'p')}`,
  },
  compared: { reservations: 'until IS NULL OR until > now()', cooling: 'until > now()' },
};

/** Whether a reservation has not ended by itself. */
function lasts(reservation: string): string {
  return `(${reservation}.until IS NULL OR ${reservation}.until > now())`;
}

/** Whether a cool-down is in force: its time has not come, its pool has one at all, and nobody holds the address. */
function cools(cooling: string, pool: string): string {
  return `${cooling}.until > now() AND ${pool}.cool_down_seconds > 0 AND NOT EXISTS (SELECT FROM {set}.address_history h
    WHERE h.cluster = ${cooling}.cluster AND h.address = ${cooling}.address AND h.released_revision IS NULL)`;
}

/**
 * A join that counts what is held back of a range of a pool `p`: columns `reserved` and `cooling_down`, free addresses that cannot
 * be had. An address that is both counts as reserved.
 */
export const heldBackWithin = (first: string, last: string): string => `CROSS JOIN LATERAL (
    SELECT coalesce(sum(cut.last - cut.first + 1 - (SELECT count(*) FROM {set}.address_history h
      WHERE h.cluster = p.cluster AND h.released_revision IS NULL AND h.address BETWEEN cut.first AND cut.last)), 0)::numeric AS reserved
    FROM (SELECT greatest(r.first, ${first}) AS first, least(r.last, ${last}) AS last FROM {set}.reservations r
      WHERE r.cluster = p.cluster AND ${lasts('r')} AND r.first <= ${last} AND r.last >= ${first}) AS cut
  ) AS reservations_within CROSS JOIN LATERAL (
    SELECT count(*) AS cooling_down FROM {set}.cooling c
    WHERE c.cluster = p.cluster AND c.address BETWEEN ${first} AND ${last} AND ${cools('c', 'p')}
      AND NOT EXISTS (SELECT FROM {set}.reservations r WHERE r.cluster = p.cluster AND ${lasts('r')} AND c.address BETWEEN r.first AND r.last)
  ) AS cooling_within`;

export class HeldBackChanges implements Collector {
  /** Name -> row, or null when the reservation is over. */
  private readonly reservations = new Map<string, object | null>();
  private readonly cooling = new Map<string, object>();
  private cleared = false;

  take(event: Event, { revision, time }: Moment): void {
    if (event.type === 'reservation.made') {
      const { cidr: _, ...reservation } = event.data.reservation;
      this.reservations.set(reservation.name, { ...reservation, made_at: time, made_revision: revision });
    } else if (event.type === 'reservation.released') this.reservations.set(event.data.reservation.name, null);
    else if (event.type === 'ip.released' && event.data.coolsUntil !== undefined) {
      const { address, family, coolsUntil, cluster = null, service: { namespace, name, uid } } = event.data;
      this.cooling.set(address, { address, family, until: coolsUntil, namespace, name, uid, released_revision: revision, holder_cluster: cluster });
    } else if (event.type === 'cluster.removed') {
      this.cooling.clear();
      this.cleared = true;
    }
  }

  parts(): Part[] {
    const over = [...this.reservations].flatMap(([name, row]) => (row === null ? [name] : []));
    const made = [...this.reservations.values()].filter((row) => row !== null);
    return [
      ...writes('reservations_over', over, (names) => `DELETE FROM reservations r USING json_array_elements_text(${names}::json) AS over (name) WHERE r.cluster = $1 AND r.name = over.name`),
      ...writes('reservations_made', made, (rows) => `INSERT INTO reservations (cluster, name, family, first, last, until, reason, owner, made_at, made_revision)
        SELECT $1, r.* FROM json_to_recordset(${rows}::json) AS r (name text, family text, first inet, last inet, until timestamptz, reason text, owner text, made_at timestamptz, made_revision bigint)
        ON CONFLICT ON CONSTRAINT reservations_pkey DO UPDATE SET family = excluded.family, first = excluded.first, last = excluded.last, until = excluded.until,
          reason = excluded.reason, owner = excluded.owner, made_at = excluded.made_at, made_revision = excluded.made_revision`),
      ...writes('cooling', [...this.cooling.values()], (rows) => `INSERT INTO cooling (cluster, address, family, until, namespace, name, uid, released_revision, holder_cluster)
        SELECT $1, c.* FROM json_to_recordset(${rows}::json) AS c (address inet, family text, until timestamptz, namespace text, name text, uid text, released_revision bigint, holder_cluster text)
        ON CONFLICT ON CONSTRAINT cooling_pkey DO UPDATE SET until = excluded.until, namespace = excluded.namespace, name = excluded.name, uid = excluded.uid,
          released_revision = excluded.released_revision, holder_cluster = excluded.holder_cluster`),
      // What ended long ago goes when something new comes, but not a row that is written by the same statement.
      ...writes(this.cleared ? 'cooling_cleared' : 'cooling_over', this.cleared || this.cooling.size > 0 ? [[...this.cooling.keys()]] : [], (kept) => `DELETE FROM cooling
        WHERE cluster = $1 ${this.cleared ? '' : "AND until < now() - interval '1 day'"}
          AND address NOT IN (SELECT kept::inet FROM json_array_elements_text(${kept}::json -> 0) AS k (kept))`),
    ];
  }
}
