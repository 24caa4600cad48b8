import type { LbWaits } from '@ipledger/event-store';
import type { MetricsRegistry } from '@ipledger/runtime';
import { notServedReason } from '@ipledger/services';
import type { Step, StepObserver, StepResult } from './steps.js';

const steps: readonly Step[] = ['assign', 'claim', 'attach', 'release', 'report'];
const results: readonly StepResult[] = ['done', 'nothing', 'refused', 'failed'];

/**
 * What is told of the assigner. Who waits is read from the database, so that a process that stands by tells it too: the alert must not
 * go silent with the assigner.
 */
export const observeAssigner = (registry: MetricsRegistry, isActive: () => boolean, readWaits: () => Promise<LbWaits[]>): StepObserver => {
  const active = registry.gauge({ name: 'ipledger_lb_assigner_active', help: 'Whether this process is the one that assigns load balancer addresses.' });
  const stepped = registry.counter<'step' | 'result'>({
    name: 'ipledger_lb_assigner_steps_total', labels: ['step', 'result'],
    help: 'Steps of this process: assign from a pool of the cluster; of a shared pool claim, attach, release; report why they had nothing. An attach that does nothing is compensated by a release.',
  });
  const waiting = registry.gauge<'cluster' | 'reason'>({ name: 'ipledger_lb_waiting_services', help: 'Services that lack load balancer addresses.', labels: ['cluster', 'reason'] });
  const oldest = registry.gauge<'cluster'>({
    name: 'ipledger_lb_oldest_wait_seconds', help: 'Since when the first of the Services that lack load balancer addresses is as it is; 0 when there is none.', labels: ['cluster'], unit: 'seconds',
  });
  for (const step of steps) for (const result of results) stepped.inc({ step, result }, 0);
  /** Clusters that were shown: their age goes back to 0 rather than away. */
  const shown = new Set<string>();
  registry.onCollect(async () => {
    active.set({}, isActive() ? 1 : 0);
    const waits = (await readWaits()).filter(({ reason }) => reason !== notServedReason);
    const nowMs = Date.now();
    for (const { cluster } of waits) shown.add(cluster);
    waiting.replace(waits.map(({ cluster, reason, services }) => [{ cluster, reason }, services]));
    oldest.replace([...shown].map((cluster) => [{ cluster }, Math.max(0, ...waits.filter((one) => one.cluster === cluster).map((one) => (nowMs - one.oldest.getTime()) / 1000))]));
  });
  return { stepped: (step, result) => stepped.inc({ step, result }) };
};
