import type { AppendBatch } from '../event-store.js';
import { listed, type Part } from './append-part.js';

/** What a batch writes about LB pools: nothing, mostly. `held` replaces what was there, so one table needs two parts at most. */
export const lbParts: readonly Part[] = [
  {
    name: 'lb_joined',
    values: ({ lb }: AppendBatch) => listed(lb?.members.held ?? []),
    sql: (held) => `INSERT INTO lb_members (cluster_id, address, holder_cluster, namespace, name, uid, revision, sharing_key, ports, backend, wait)
      SELECT head.cluster_id, m.address, m.cluster, m.namespace, m.name, m.uid, m.revision, m."sharingKey", m.ports, m.backend, m.wait
      FROM head, json_to_recordset(${held}::json) AS m (address inet, cluster text, namespace text, name text, uid text, revision bigint,
        "sharingKey" text, ports text[], backend text, wait bigint)
      ON CONFLICT ON CONSTRAINT lb_members_pkey DO UPDATE SET uid = excluded.uid, revision = excluded.revision,
        sharing_key = excluded.sharing_key, ports = excluded.ports, backend = excluded.backend, wait = excluded.wait`,
  },
  {
    name: 'lb_left',
    values: ({ lb }) => listed(lb?.members.left ?? []),
    sql: (left) => `DELETE FROM lb_members t USING head, json_to_recordset(${left}::json) AS m (address inet, cluster text, namespace text, name text)
      WHERE t.cluster_id = head.cluster_id AND t.address = m.address AND t.holder_cluster = m.cluster AND t.namespace = m.namespace AND t.name = m.name`,
  },
  {
    name: 'lb_waits',
    values: ({ lb }) => listed(lb?.waiting.held ?? []),
    sql: (held) => `INSERT INTO lb_waiting (cluster_id, namespace, name, uid, revision, families, reason)
      SELECT head.cluster_id, w.namespace, w.name, w.uid, w.revision, w.families, w.reason
      FROM head, json_to_recordset(${held}::json) AS w (namespace text, name text, uid text, revision bigint, families text[], reason text)
      ON CONFLICT ON CONSTRAINT lb_waiting_pkey DO UPDATE SET
        uid = excluded.uid, revision = excluded.revision, families = excluded.families, reason = excluded.reason`,
  },
  {
    name: 'lb_waits_no_more',
    values: ({ lb }) => listed(lb?.waiting.left ?? []),
    sql: (left) => `DELETE FROM lb_waiting t USING head, json_to_recordset(${left}::json) AS w (namespace text, name text)
      WHERE t.cluster_id = head.cluster_id AND t.namespace = w.namespace AND t.name = w.name`,
  },
  {
    name: 'lb_attached_now',
    values: ({ lb }) => listed(lb?.attached.held ?? []),
    sql: (held) => `INSERT INTO lb_attached (cluster_id, pool, address, namespace, name, uid, revision)
      SELECT head.cluster_id, a.pool, a.address, a.namespace, a.name, a.uid, a.revision
      FROM head, json_to_recordset(${held}::json) AS a (pool text, address inet, namespace text, name text, uid text, revision bigint)
      ON CONFLICT ON CONSTRAINT lb_attached_pkey DO UPDATE SET uid = excluded.uid, revision = excluded.revision`,
  },
  {
    name: 'lb_detached',
    values: ({ lb }) => listed(lb?.attached.left ?? []),
    sql: (left) => `DELETE FROM lb_attached t USING head, json_to_recordset(${left}::json) AS a (pool text, address inet, namespace text, name text)
      WHERE t.cluster_id = head.cluster_id AND t.pool = a.pool AND t.address = a.address AND t.namespace = a.namespace AND t.name = a.name`,
  },
];
