import type { RepairCounts } from '@ipledger/observability';
import type { MetricsRegistry } from '@ipledger/runtime';
import type { Difference, VerifiedCluster } from '@ipledger/verify';
import type { VerifyObserver } from './verify-regularly.js';

/** Upstream's words, and two for what it has none for. */
const types = ['leak', 'missing', 'duplicate', 'out_of_range', 'full', 'differs', 'broken'] as const;
type Type = (typeof types)[number];

/** Counts what a scheduled verification found. Its series begin, with 0, when it first looks at a cluster in this process. */
export class VerifyMetrics implements VerifyObserver {
  /** The same for addresses only, for kube-apiserver's names. */
  readonly repairs = new Map<string, RepairCounts>();
  private readonly differences;
  private readonly succeeded;
  private readonly interval;

  constructor(registry: MetricsRegistry) {
    this.interval = registry.gauge({ name: 'ipledger_verify_interval_seconds', help: 'How often the tables are to be compared with the log; absent = never.', unit: 'seconds' });
    this.differences = registry.counter<'cluster' | 'type'>({ name: 'ipledger_verify_differences_total', help: 'What scheduled verifications found to be other than the log says.', labels: ['cluster', 'type'] });
    this.succeeded = registry.gauge<'cluster'>({ name: 'ipledger_verify_last_success_timestamp_seconds', help: 'When a scheduled verification last came to its end, whatever it found.', labels: ['cluster'], unit: 'seconds' });
  }

  scheduled(intervalSeconds: number): void {
    this.interval.set({}, intervalSeconds);
  }

  awaits(cluster: string): boolean {
    if (this.repairs.has(cluster)) return false;
    this.repairsOf(cluster);
    for (const type of types) this.differences.inc({ cluster, type }, 0);
    return true;
  }

  verified({ cluster, differences, more, outOfRange, full }: VerifiedCluster): void {
    const repairs = this.repairsOf(cluster);
    for (const difference of differences) {
      const type = typeOf(difference);
      this.differences.inc({ cluster, type });
      if (difference.where === 'claims' || type === 'duplicate') repairs[type]++;
    }
    // What is too much to be listed is not told apart.
    this.differences.inc({ cluster, type: 'differs' }, more);
    for (const [type, count] of [['out_of_range', outOfRange], ['full', full]] as const) {
      this.differences.inc({ cluster, type }, count);
      repairs[type] += count;
    }
    this.succeeded.set({ cluster }, Date.now() / 1000);
  }

  failed(cluster: string): void {
    this.repairsOf(cluster).failedRuns++;
  }

  private repairsOf(cluster: string): RepairCounts {
    const known = this.repairs.get(cluster);
    const counts = known ?? { leak: 0, missing: 0, duplicate: 0, out_of_range: 0, full: 0, differs: 0, broken: 0, failedRuns: 0 };
    if (known === undefined) this.repairs.set(cluster, counts);
    return counts;
  }
}

/** A claim that differs is an address that the table gives to one Service and the log to another. */
const typeOf = ({ where, type }: Difference): Type => (type === 'differs' && (where === 'claims' || where === 'port claims') ? 'duplicate' : type);
