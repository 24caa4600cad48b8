import { ClusterState, compileDefinition, evolve, isDefining, sharedPoolLog, type ClusterDefinition, type Event } from '@ipledger/services';
import { poolColumns } from './pool-usage.view.js';
import { writes, type Collector, type Moment, type Part, type View } from './view.js';

/**
 * How far each log is reflected, and what it is. A cluster that was removed has no row in `clusters`. A shared LB pool has a row of the
 * table under the name of its log, but is no cluster to those who read: it stands in `lb_pools`, as the pools of clusters do.
 */
export const clustersView: View = {
  tables: `
    CREATE TABLE checkpoints (
      cluster text COLLATE "C" NOT NULL CONSTRAINT checkpoints_pkey PRIMARY KEY,
      epoch int NOT NULL,
      revision bigint NOT NULL,
      event_time timestamptz,
      newest_time timestamptz,
      stopped_at timestamptz,
      stopped_reason text
    ) WITH (fillfactor = 20);
    CREATE TABLE clusters (
      cluster text COLLATE "C" NOT NULL CONSTRAINT clusters_pkey PRIMARY KEY,
      definition text NOT NULL,
      service_cidrs text[] NOT NULL,
      families text[] NOT NULL,
      node_port_range text NOT NULL,
      node_ports_capacity int NOT NULL,
      node_ports_allocated int NOT NULL,
      created_at timestamptz NOT NULL
    ) WITH (fillfactor = 50)`,
  stable: {
    checkpoints: 'SELECT cluster, epoch, revision, event_time, stopped_at, stopped_reason FROM {set}.checkpoints',
    clusters: `SELECT c.cluster, c.families[1] AS primary_family, c.families, c.service_cidrs, c.node_port_range, c.node_ports_capacity, c.node_ports_allocated,
        c.created_at, k.revision, k.event_time, c.definition FROM {set}.clusters c JOIN {set}.checkpoints k ON k.cluster = c.cluster
      WHERE c.cluster NOT LIKE '${sharedPoolLog('%')}'`,
    lb_pools: `SELECT c.cluster, p.pool ->> 'name' AS lb_pool, p.pool -> 'clusters' IS NOT NULL AS shared, p.pool -> 'clusters' AS clusters, p.pool -> 'addresses' AS addresses,
        (p.pool ->> 'autoAssign')::boolean AS auto_assign, (p.pool ->> 'priority')::int AS priority, p.pool -> 'namespaces' AS namespaces, p.pool ->> 'selector' AS selector,
        (p.pool ->> 'createdAt')::timestamptz AS created_at, k.revision, k.event_time
      FROM {set}.clusters c JOIN {set}.checkpoints k ON k.cluster = c.cluster CROSS JOIN LATERAL jsonb_array_elements(coalesce(c.definition::jsonb -> 'lbPools', '[]')) AS p (pool)`,
  },
  compared: { clusters: 'true' },
};

/** The cluster itself, and how many of its node ports are taken. */
export class ClusterChanges implements Collector {
  private changed = false;

  /** @param definition null while the cluster is not registered */
  constructor(public definition: ClusterDefinition | null, private portsAllocated: number) {}

  take(event: Event, { revision }: Moment): void {
    if (event.type === 'port.allocated' || event.type === 'port.released') {
      this.portsAllocated += event.type === 'port.allocated' ? 1 : -1;
      this.changed = true;
    } else if (isDefining(event.type)) {
      // The rule of what an event makes of a definition stands in the domain, once.
      const state = new ClusterState();
      state.define(this.definition);
      evolve(state, event, revision);
      this.definition = state.definition;
      this.changed = true;
    }
  }

  parts(): Part[] {
    if (!this.changed) return [];
    if (this.definition === null) return writes('cluster_gone', [{}], (row) => `DELETE FROM clusters WHERE cluster = $1 AND ${row}::json IS NOT NULL`);
    const { families, nodePorts } = compileDefinition(this.definition);
    const row = {
      definition: JSON.stringify(this.definition), service_cidrs: this.definition.serviceCIDRs, families, node_port_range: this.definition.nodePortRange,
      node_ports_capacity: nodePorts.last - nodePorts.first + 1, node_ports_allocated: this.portsAllocated, created_at: this.definition.createdAt,
    };
    return writes('cluster', [row], (rows) => `INSERT INTO clusters (cluster, definition, service_cidrs, families, node_port_range, node_ports_capacity, node_ports_allocated, created_at)
      SELECT $1, r.* FROM json_to_recordset(${rows}::json) AS r (definition text, service_cidrs text[], families text[], node_port_range text,
        node_ports_capacity int, node_ports_allocated int, created_at timestamptz)
      ON CONFLICT ON CONSTRAINT clusters_pkey DO UPDATE SET definition = excluded.definition, service_cidrs = excluded.service_cidrs, families = excluded.families,
        node_port_range = excluded.node_port_range, node_ports_capacity = excluded.node_ports_capacity, node_ports_allocated = excluded.node_ports_allocated, created_at = excluded.created_at`);
  }
}

/** A row for each pool of the cluster; where there is none, one whose `pool` is null. The definition, which may be long, stands in the first alone. */
export const selectBase = `SELECT k.epoch, k.revision, k.event_time, k.newest_time, CASE row_number() OVER () WHEN 1 THEN c.definition END AS definition, c.node_ports_allocated, ${poolColumns('p')}
  FROM checkpoints k LEFT JOIN clusters c ON c.cluster = k.cluster LEFT JOIN pool_usage p ON p.cluster = k.cluster WHERE k.cluster = $1`;
