import type { Event } from '@ipledger/services';
import { holdingDdl, HoldingChanges, type HoldingTable } from './holding-history.js';
import type { Collector, Moment, Part, View } from './view.js';

const table: HoldingTable = {
  table: 'address_history',
  keys: { address: 'inet' },
  facts: {
    family: 'text NOT NULL', pool: 'text NOT NULL', band: 'text', scope: 'text NOT NULL', kind: 'text NOT NULL', lb_pool: 'text', holder_cluster: 'text', sharing_group: 'text',
  },
};

/**
 * Who held which address, from when to when, and why it was released. The rows that were not released say who holds what now.
 * `pool` and `band` are those at the time of the allocation; the view `addresses` derives the present ones (design D11).
 */
export const addressesView: View = {
  tables: holdingDdl(table),
  stable: {
    address_history: `SELECT cluster, address, family, namespace, name, uid, allocated_at, allocated_revision, released_at, released_revision, release_reason,
        pool, band, scope, kind, lb_pool, holder_cluster, sharing_group FROM {set}.address_history`,
    addresses: `SELECT h.cluster, h.address, h.family, coalesce(p.pool, '') AS pool,
        CASE WHEN h.address BETWEEN p.static_first_address AND p.static_last_address THEN 'static'
             WHEN h.address BETWEEN p.dynamic_first_address AND p.dynamic_last_address THEN 'dynamic' END AS band,
        h.namespace, h.name, h.uid, h.scope, h.allocated_at, h.allocated_revision, h.kind, h.lb_pool, h.holder_cluster, h.sharing_group
      FROM {set}.address_history h LEFT JOIN {set}.pool_usage p ON p.cluster = h.cluster AND h.address BETWEEN p.range_first AND p.range_last
      WHERE h.released_revision IS NULL`,
  },
  compared: { address_history: 'true' },
};

export class AddressChanges implements Collector {
  private readonly holdings = new HoldingChanges(table);

  take(event: Event, moment: Moment): void {
    if (event.type === 'ip.allocated') {
      const { address, family, cidr, band, scope, service, kind = 'cluster-ip', lbPool = null, cluster = null, sharingGroup = null } = event.data;
      this.holdings.begin({ address }, service, { family, pool: cidr ?? '', band, scope, kind, lb_pool: lbPool, holder_cluster: cluster, sharing_group: sharingGroup }, moment);
    } else if (event.type === 'ip.released') this.holdings.end({ address: event.data.address }, event.data.reason, moment);
  }

  parts(): Part[] {
    return this.holdings.parts();
  }
}
