import type { Event } from '@ipledger/services';
import { holdingDdl, HoldingChanges, type HoldingTable } from './holding-history.js';
import type { Collector, Moment, Part, View } from './view.js';

const table: HoldingTable = { table: 'node_port_history', keys: { port: 'int' }, facts: { purpose: 'text NOT NULL', scope: 'text NOT NULL' } };

/** Who held which node port or health check port, from when to when, and why it was released. A number is held for all protocols. */
export const nodePortsView: View = {
  tables: holdingDdl(table),
  stable: {
    node_port_history: `SELECT cluster, port, purpose, namespace, name, uid, allocated_at, allocated_revision, released_at, released_revision, release_reason, scope
      FROM {set}.node_port_history`,
    node_ports: `SELECT cluster, port, purpose, namespace, name, uid, scope, allocated_at, allocated_revision
      FROM {set}.node_port_history WHERE released_revision IS NULL`,
  },
  compared: { node_port_history: 'true' },
};

export class NodePortChanges implements Collector {
  private readonly holdings = new HoldingChanges(table);

  take(event: Event, moment: Moment): void {
    if (event.type === 'port.allocated') {
      const { port, purpose, scope, service } = event.data;
      this.holdings.begin({ port }, service, { purpose, scope }, moment);
    } else if (event.type === 'port.released') this.holdings.end({ port: event.data.port }, event.data.reason, moment);
  }

  parts(): Part[] {
    return this.holdings.parts();
  }
}
