import type { Event } from '@ipledger/services';
import { writes, type Collector, type Part, type View } from './view.js';

/** How many addresses each namespace holds in each pool. In the columns of `namespaces` that do not say otherwise, cluster IPs. */
export const namespacesView: View = {
  tables: `
    CREATE TABLE namespace_usage (
      cluster text COLLATE "C" NOT NULL,
      namespace text COLLATE "C" NOT NULL,
      pool text NOT NULL,
      family text NOT NULL,
      kind text NOT NULL DEFAULT 'cluster-ip',
      allocated bigint NOT NULL,
      CONSTRAINT namespace_usage_pkey PRIMARY KEY (cluster, namespace, pool, family, kind)
    ) WITH (fillfactor = 50)`,
  stable: {
    namespace_usage: 'SELECT cluster, namespace, pool, family, allocated, kind FROM {set}.namespace_usage WHERE allocated > 0',
    namespaces: `SELECT cluster, namespace, sum(services)::bigint AS services, ${['cluster-ip', 'load-balancer'].flatMap((kind) => ['IPv4', 'IPv6'].map((family) =>
      `coalesce(sum(allocated) FILTER (WHERE kind = '${kind}' AND family = '${family}'), 0)::bigint AS ${kind === 'cluster-ip' ? '' : 'lb_'}${family.toLowerCase()}_allocated`)).join(', ')}
      FROM (
        SELECT cluster, namespace, services, NULL AS kind, NULL AS family, 0 AS allocated FROM {set}.service_counts
        UNION ALL SELECT cluster, namespace, 0, kind, family, allocated FROM {set}.namespace_usage
      ) AS counted GROUP BY cluster, namespace HAVING sum(services) > 0 OR sum(allocated) > 0`,
  },
  compared: { namespace_usage: 'allocated <> 0' },
};

/** Counts every address in the pool that holds it as usable; else (outside every CIDR, or a network address) in the pool ''. */
export const usagePool = ({ cidr, band }: { cidr: string | null; band: string | null }): string => (band === null ? '' : (cidr ?? ''));

export class NamespaceChanges implements Collector {
  private readonly changes = new Map<string, { namespace: string; pool: string; family: string; kind: string; by: number }>();

  take(event: Event): void {
    if (event.type !== 'ip.allocated' && event.type !== 'ip.released') return;
    const { service: { namespace }, family, kind = 'cluster-ip' } = event.data;
    const pool = usagePool(event.data);
    const key = `${namespace} ${pool} ${family} ${kind}`;
    const change = this.changes.get(key) ?? { namespace, pool, family, kind, by: 0 };
    change.by += event.type === 'ip.allocated' ? 1 : -1;
    this.changes.set(key, change);
  }

  parts(): Part[] {
    const changes = [...this.changes.values()].filter(({ by }) => by !== 0);
    return writes('namespaces', changes, (rows) => `INSERT INTO namespace_usage AS n (cluster, namespace, pool, family, kind, allocated)
      SELECT $1, r.namespace, r.pool, r.family, r.kind, r.by FROM json_to_recordset(${rows}::json) AS r (namespace text, pool text, family text, kind text, by bigint)
      ON CONFLICT ON CONSTRAINT namespace_usage_pkey DO UPDATE SET allocated = n.allocated + excluded.allocated`);
  }
}

/** All counts of a cluster anew, after its CIDRs have changed: a claim now counts where it lies now (design D11). */
export const recountNamespaces = [
  'DELETE FROM namespace_usage WHERE cluster = $1',
  `INSERT INTO namespace_usage (cluster, namespace, pool, family, kind, allocated)
   SELECT $1, h.namespace, coalesce(p.pool, ''), h.family, h.kind, count(*)
   FROM address_history h LEFT JOIN pool_usage p ON p.cluster = $1 AND h.address BETWEEN p.first_address AND p.last_address
   WHERE h.cluster = $1 AND h.released_revision IS NULL GROUP BY h.namespace, coalesce(p.pool, ''), h.family, h.kind`,
] as const;
