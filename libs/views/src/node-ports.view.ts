import type { Event } from '@ipledger/services';
import { ends, writes, type Collector, type Moment, type Part, type View } from './view.js';

/** Who held which node port or health check port, from when to when, and why it was released. A number is held for all protocols. */
export const nodePortsView: View = {
  tables: `
    CREATE TABLE node_port_history (
      cluster text COLLATE "C" NOT NULL,
      port int NOT NULL,
      allocated_revision bigint NOT NULL,
      allocated_at timestamptz NOT NULL,
      purpose text NOT NULL,
      scope text NOT NULL,
      namespace text COLLATE "C" NOT NULL,
      name text COLLATE "C" NOT NULL,
      uid text NOT NULL,
      released_revision bigint,
      released_at timestamptz,
      release_reason text,
      CONSTRAINT node_port_history_pkey PRIMARY KEY (cluster, port, allocated_revision)
    );
    CREATE UNIQUE INDEX node_port_history_held ON node_port_history (cluster, port) WHERE released_revision IS NULL`,
  stable: {
    node_port_history: `SELECT cluster, port, purpose, namespace, name, uid, allocated_at, allocated_revision, released_at, released_revision, release_reason, scope
      FROM {set}.node_port_history`,
    node_ports: `SELECT cluster, port, purpose, namespace, name, uid, scope, allocated_at, allocated_revision
      FROM {set}.node_port_history WHERE released_revision IS NULL`,
  },
  compared: { node_port_history: 'true' },
};

interface PortHolding {
  port: number;
  allocated_revision: number;
  allocated_at: string;
  purpose: string;
  scope: string;
  namespace: string;
  name: string;
  uid: string;
  released_revision: number | null;
  released_at: string | null;
  release_reason: string | null;
}
type PortRelease = Pick<PortHolding, 'port' | 'released_revision' | 'released_at' | 'release_reason'>;

export class NodePortChanges implements Collector {
  private readonly allocated: PortHolding[] = [];
  /** What is held at the end of the run and was allocated in it. */
  private readonly held = new Map<number, PortHolding>();
  private readonly released: PortRelease[] = [];

  take(event: Event, { revision, time }: Moment): void {
    if (event.type === 'port.allocated') {
      const { port, purpose, scope, service } = event.data;
      const holding: PortHolding = {
        port, allocated_revision: revision, allocated_at: time, purpose, scope, ...service, released_revision: null, released_at: null, release_reason: null,
      };
      this.allocated.push(holding);
      this.held.set(port, holding);
    } else if (event.type === 'port.released') {
      const { port, reason } = event.data;
      const release: PortRelease = { port, released_revision: revision, released_at: time, release_reason: reason };
      const holding = this.held.get(port);
      if (holding === undefined) this.released.push(release);
      else Object.assign(holding, release);
      this.held.delete(port);
    }
  }

  parts(): Part[] {
    return [
      ...ends('ports_released', this.released, (rows) => `UPDATE node_port_history h
        SET released_revision = r.released_revision, released_at = r.released_at, release_reason = r.release_reason
        FROM json_to_recordset(${rows}::json) AS r (port int, released_revision bigint, released_at timestamptz, release_reason text)
        WHERE h.cluster = $1 AND h.port = r.port AND h.released_revision IS NULL`),
      ...writes('ports_allocated', this.allocated, (rows) => `INSERT INTO node_port_history
          (cluster, port, allocated_revision, allocated_at, purpose, scope, namespace, name, uid, released_revision, released_at, release_reason)
        SELECT $1, r.* FROM json_to_recordset(${rows}::json) AS r (port int, allocated_revision bigint, allocated_at timestamptz, purpose text, scope text,
          namespace text, name text, uid text, released_revision bigint, released_at timestamptz, release_reason text)`),
    ];
  }
}
