import type { Event } from '@ipledger/services';
import { holdingDdl, HoldingChanges, type HoldingTable } from './holding-history.js';
import type { Collector, Moment, Part, View } from './view.js';

const members: HoldingTable = {
  table: 'lb_member_history',
  keys: { address: 'inet', holder_cluster: 'text', namespace: 'text', name: 'text' },
  facts: { family: 'text NOT NULL', lb_pool: 'text NOT NULL', sharing_group: 'text' },
};
const attached: HoldingTable = {
  table: 'lb_attached_history',
  keys: { lb_pool: 'text', address: 'inet', namespace: 'text', name: 'text' },
  facts: { family: 'text NOT NULL' },
};

/**
 * Which Services have which addresses of LB pools, from when to when: in the log of their pool as members, one or several of an
 * address; and in the log of their cluster, what they have of shared pools. `holder_cluster` is the cluster of the Service in the
 * log of a shared pool, else ''.
 */
export const lbAddressesView: View = {
  tables: `${holdingDdl(members)};${holdingDdl(attached)}`,
  stable: {
    lb_member_history: `SELECT cluster, lb_pool, address, family, holder_cluster, namespace, name, uid, sharing_group, allocated_at AS joined_at, allocated_revision AS joined_revision,
        released_at AS left_at, released_revision AS left_revision, release_reason AS leave_reason FROM {set}.lb_member_history`,
    lb_members: `SELECT cluster, lb_pool, address, family, holder_cluster, namespace, name, uid, sharing_group, allocated_at AS joined_at, allocated_revision AS joined_revision
      FROM {set}.lb_member_history WHERE released_revision IS NULL`,
    lb_attached_history: `SELECT cluster, lb_pool, address, family, namespace, name, uid, allocated_at AS attached_at, allocated_revision AS attached_revision,
        released_at AS detached_at, released_revision AS detached_revision, release_reason AS detach_reason FROM {set}.lb_attached_history`,
    lb_attached: `SELECT cluster, lb_pool, address, family, namespace, name, uid, allocated_at AS attached_at, allocated_revision AS attached_revision
      FROM {set}.lb_attached_history WHERE released_revision IS NULL`,
  },
  compared: { lb_member_history: 'true', lb_attached_history: 'true' },
};

export class LbAddressChanges implements Collector {
  private readonly members = new HoldingChanges(members);
  private readonly attached = new HoldingChanges(attached);

  take(event: Event, moment: Moment): void {
    switch (event.type) {
      case 'lb-member.joined':
      case 'lb-member.left': {
        const { address, cluster = '', service, family, lbPool, sharingGroup } = event.data;
        const keys = { address, holder_cluster: cluster, namespace: service.namespace, name: service.name };
        if (event.type === 'lb-member.left') this.members.end(keys, event.data.reason, moment);
        // Asked again for what it has: it goes on having it.
        else if (event.data.renews === undefined) this.members.begin(keys, service, { family, lb_pool: lbPool, sharing_group: sharingGroup }, moment);
        break;
      }
      case 'lb-address.attached':
      case 'lb-address.detached': {
        const { address, lbPool, family, service } = event.data;
        const keys = { lb_pool: lbPool, address, namespace: service.namespace, name: service.name };
        if (event.type === 'lb-address.detached') this.attached.end(keys, event.data.reason, moment);
        else this.attached.begin(keys, service, { family }, moment);
      }
    }
  }

  parts(): Part[] {
    return [...this.members.parts(), ...this.attached.parts()];
  }
}
