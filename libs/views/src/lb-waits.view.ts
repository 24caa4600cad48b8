import { lackOf, type Event, type ServiceRef } from '@ipledger/services';
import { ends, writes, type Collector, type Moment, type Part, type View } from './view.js';

/**
 * Services that lack addresses of LB pools: which families, why, and since when without a break. `revision` is that of the
 * Service's last event: the wait that a claim of a shared pool is made for (ADR 0004).
 */
export const lbWaitsView: View = {
  tables: `
    CREATE TABLE lb_waits (
      cluster text COLLATE "C" NOT NULL,
      namespace text COLLATE "C" NOT NULL,
      name text COLLATE "C" NOT NULL,
      uid text NOT NULL,
      revision bigint NOT NULL,
      families text[] NOT NULL,
      reason text NOT NULL,
      since timestamptz NOT NULL,
      since_revision bigint NOT NULL,
      CONSTRAINT lb_waits_pkey PRIMARY KEY (cluster, namespace, name)
    ) WITH (fillfactor = 70)`,
  stable: { lb_waits: 'SELECT cluster, namespace, name, uid, families, reason, since, since_revision, revision FROM {set}.lb_waits' },
  compared: { lb_waits: 'true' },
};

interface Wait extends ServiceRef {
  revision: number;
  families: readonly string[];
  reason: string;
  since: string;
  since_revision: number;
}

export class LbWaitChanges implements Collector {
  /** `namespace/name` -> how it waits at the end of the run. */
  private readonly waits = new Map<string, Wait>();
  /** Those that did not wait, at the end of the run or in between: a wait of before has ended. */
  private readonly over = new Map<string, Pick<ServiceRef, 'namespace' | 'name'>>();

  take(event: Event, { revision, time }: Moment): void {
    if (event.type !== 'service.created' && event.type !== 'service.updated' && event.type !== 'service.deleted') return;
    const { service, object } = event.data;
    const key = `${service.namespace}/${service.name}`;
    const lack = event.type !== 'service.deleted' && object.spec.type === 'LoadBalancer' ? lackOf(object) : undefined;
    if (lack !== undefined) {
      const { since, since_revision } = this.waits.get(key) ?? { since: time, since_revision: revision };
      this.waits.set(key, { ...service, ...lack, revision, since, since_revision });
    } else if (event.type !== 'service.created' && event.data.previous.type === 'LoadBalancer') {
      this.waits.delete(key);
      this.over.set(key, { namespace: service.namespace, name: service.name });
    }
  }

  parts(): Part[] {
    return [
      ...ends('waits_over', [...this.over.values()], (rows) => `DELETE FROM lb_waits w USING json_to_recordset(${rows}::json) AS r (namespace text, name text)
        WHERE w.cluster = $1 AND w.namespace = r.namespace AND w.name = r.name`),
      // One that waited before this run goes on waiting since then.
      ...writes('waits', [...this.waits.values()], (rows) => `INSERT INTO lb_waits (cluster, namespace, name, uid, revision, families, reason, since, since_revision)
        SELECT $1, r.* FROM json_to_recordset(${rows}::json) AS r (namespace text, name text, uid text, revision bigint, families text[], reason text, since timestamptz, since_revision bigint)
        ON CONFLICT ON CONSTRAINT lb_waits_pkey DO UPDATE SET uid = excluded.uid, revision = excluded.revision, families = excluded.families, reason = excluded.reason`),
    ];
  }
}
