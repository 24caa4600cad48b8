import { latencyBucketsSeconds, MetricsRegistry, type ExpositionFormat } from '@ipledger/runtime';
import { sharedPoolOf } from '@ipledger/services';
import { poolFigures, type ClusterUsage } from './usage.js';

type Scope = 'static' | 'dynamic';

/** Attempts in one pool since this process began, for kube-apiserver's names. */
interface Attempts {
  succeeded: Record<Scope, number>;
  failed: Record<Scope, number>;
  /** Of what succeeded, by bucket of `latencyBucketsSeconds`, the infinite one last. */
  durations: { counts: number[]; sum: number };
}
const noAttempts = (): Attempts => ({
  succeeded: { static: 0, dynamic: 0 }, failed: { static: 0, dynamic: 0 },
  durations: { counts: new Array<number>(latencyBucketsSeconds.length + 1).fill(0), sum: 0 },
});
const none: Readonly<Attempts> = noAttempts();

/** Counts what kube-apiserver counts per CIDR. Only pools that this process has served are here; upstream has no series without a CIDR. */
export class PoolAttempts {
  private readonly clusters = new Map<string, Map<string, Attempts>>();

  succeeded(cluster: string, pool: string, scope: Scope, seconds: number): void {
    if (pool === '') return;
    const { succeeded, durations } = this.madeOf(cluster, pool);
    const bucket = latencyBucketsSeconds.findIndex((bound) => seconds <= bound);
    succeeded[scope]++;
    durations.counts[bucket < 0 ? latencyBucketsSeconds.length : bucket]! += 1;
    durations.sum += seconds;
  }

  failed(cluster: string, pool: string, scope: Scope): void {
    if (pool !== '') this.madeOf(cluster, pool).failed[scope]++;
  }

  of(cluster: string, pool: string): Readonly<Attempts> {
    return this.clusters.get(cluster)?.get(pool) ?? none;
  }

  private madeOf(cluster: string, pool: string): Attempts {
    let pools = this.clusters.get(cluster);
    if (pools === undefined) this.clusters.set(cluster, (pools = new Map()));
    let attempts = pools.get(pool);
    if (attempts === undefined) pools.set(pool, (attempts = noAttempts()));
    return attempts;
  }
}

/** What scheduled verifications found wrong with addresses since this process began, by type, and how many failed. */
export type RepairCounts = Record<'leak' | 'missing' | 'duplicate' | 'out_of_range' | 'full' | 'differs' | 'broken' | 'failedRuns', number>;

/** Type -> what upstream's repair loop calls it. */
const repairTypes = { leak: 'leak', missing: 'repair', duplicate: 'duplicate', out_of_range: 'outOfRange', full: 'full', differs: 'unknown', broken: 'invalid' } as const;

/**
 * The same numbers under kube-apiserver's names, for dashboards and alerts that exist. Other than there they are right from the
 * first scrape, and each CIDR counts what lies in it.
 * @param only one cluster, whose series then carry no `cluster` label, as upstream's do; without it every series has the
 *   label, since two clusters may have the same CIDR
 * @see pkg/registry/core/service/ipallocator/metrics.go and portallocator/metrics.go, Kubernetes v1.37.2
 */
export const renderKubernetesMetrics = (clusters: readonly ClusterUsage[], attempts: PoolAttempts, repairs: ReadonlyMap<string, RepairCounts>, format: ExpositionFormat, only?: string): Promise<string> => {
  const registry = new MetricsRegistry({ observesItself: false });
  const shown = only === undefined ? clusters : clusters.filter(({ cluster }) => cluster === only);
  const of = (cluster: string): Record<string, string> => (only === undefined ? { cluster } : {});
  const labels = (...names: string[]): string[] => (only === undefined ? ['cluster', ...names] : names);
  const pools = shown.flatMap(({ cluster, pools: found }) => found.filter(({ pool }) => pool !== '')
    .map((pool) => ({ cidr: { ...of(cluster), cidr: pool.pool }, figures: poolFigures(pool), attempts: attempts.of(cluster, pool.pool) })));
  const clusterIps = 'kube_apiserver_clusterip_allocator';
  registry.gauge({ name: `${clusterIps}_allocated_ips`, help: 'Addresses of the range that are held.', labels: labels('cidr') })
    .replace(pools.map(({ cidr, figures }) => [cidr, Number(figures.allocated)]));
  registry.gauge({ name: `${clusterIps}_available_ips`, help: 'Addresses of the range that further Services can get.', labels: labels('cidr') })
    .replace(pools.map(({ cidr, figures }) => [cidr, Number(figures.available.static + figures.available.dynamic)]));
  for (const [name, help, result] of [['allocation', 'Addresses allocated.', 'succeeded'], ['allocation_errors', 'Attempts that failed.', 'failed']] as const) {
    registry.counter({ name: `${clusterIps}_${name}_total`, help, labels: labels('cidr', 'scope') }).replace(pools.flatMap(({ cidr, attempts: counted }) =>
      (['static', 'dynamic'] as const).map((scope) => [{ ...cidr, scope }, counted[result][scope]] as const)));
  }
  registry.histogram({ name: `${clusterIps}_allocation_duration_seconds`, help: 'From queueing a command to its commit, on success.', labels: labels('cidr'), unit: 'seconds' })
    .replace(pools.map(({ cidr, attempts: { durations } }) => [cidr, durations]));
  const ported = shown.flatMap(({ cluster, nodePorts }) => (nodePorts === null ? [] : [{ cluster: of(cluster), ...nodePorts }]));
  registry.gauge({ name: 'kube_apiserver_nodeport_allocator_allocated_ports', help: 'Node ports held.', labels: labels() }).replace(ported.map(({ cluster, allocated }) => [cluster, allocated]));
  registry.gauge({ name: 'kube_apiserver_nodeport_allocator_available_ports', help: 'Node ports left.', labels: labels() })
    .replace(ported.map(({ cluster, allocated, capacity }) => [cluster, Math.max(0, capacity - allocated)]));
  const repaired = [...repairs].filter(([cluster]) => (only === undefined ? sharedPoolOf(cluster) === undefined : cluster === only));
  registry.counter({ name: 'apiserver_clusterip_repair_ip_errors_total', help: 'What verifications found wrong with addresses.', labels: labels('type') }).replace(repaired.flatMap(([cluster, counts]) =>
    Object.entries(repairTypes).map(([type, theirs]) => [{ ...of(cluster), type: theirs }, counts[type as keyof typeof repairTypes]] as const)));
  registry.counter({ name: 'apiserver_clusterip_repair_reconcile_errors_total', help: 'Verifications that failed.', labels: labels() })
    .replace(repaired.map(([cluster, { failedRuns }]) => [of(cluster), failedRuns]));
  return registry.render(format);
};
