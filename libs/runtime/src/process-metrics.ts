import { readdir } from 'node:fs/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { MetricsRegistry } from './metrics.js';

/** Between two looks at the clock; lag below it cannot be told from the timer itself. */
const resolutionMs = 20;

/**
 * Registers `process_*` and `nodejs_*` under the names that existing dashboards know.
 * Event loop lag is that since the previous scrape, so a stall shows once and then is over.
 */
export const registerProcessMetrics = (registry: MetricsRegistry): void => {
  registry.info({ name: 'nodejs_version_info', help: 'Node.js version.', values: { version: process.version } });
  const startTime = registry.gauge({ name: 'process_start_time_seconds', help: 'Start of the process, as Unix time.', unit: 'seconds' });
  startTime.set({}, Math.round(performance.timeOrigin) / 1000);

  const cpu = registry.counter({ name: 'process_cpu_seconds_total', help: 'Processor time used, user and system.', unit: 'seconds' });
  const resident = registry.gauge({ name: 'process_resident_memory_bytes', help: 'Resident memory.', unit: 'bytes' });
  const heapUsed = registry.gauge({ name: 'nodejs_heap_size_used_bytes', help: 'Heap in use.', unit: 'bytes' });
  const heapTotal = registry.gauge({ name: 'nodejs_heap_size_total_bytes', help: 'Heap taken from the system.', unit: 'bytes' });
  const external = registry.gauge({ name: 'nodejs_external_memory_bytes', help: 'Memory outside the heap, buffers included.', unit: 'bytes' });
  const resources = registry.gauge({ name: 'nodejs_active_resources', help: 'Handles and requests that keep the process alive.' });
  const openFiles = registry.gauge({ name: 'process_open_fds', help: 'Open file descriptors (Linux).' });
  const lags = ([['p50', 50], ['p99', 99], ['max', 100]] as const).map(([name, percentile]) => ({
    percentile,
    gauge: registry.gauge({ name: `nodejs_eventloop_lag_${name}_seconds`, help: `How late timers fired since the previous scrape: ${name}.`, unit: 'seconds' }),
  }));
  const delay = monitorEventLoopDelay({ resolution: resolutionMs });
  delay.enable();

  registry.onCollect(() => {
    const { user, system } = process.cpuUsage();
    cpu.set({}, (user + system) / 1e6);
    const memory = process.memoryUsage();
    resident.set({}, memory.rss);
    heapUsed.set({}, memory.heapUsed);
    heapTotal.set({}, memory.heapTotal);
    external.set({}, memory.external);
    resources.set({}, process.getActiveResourcesInfo().length);
    for (const { gauge, percentile } of lags) gauge.set({}, lagSeconds(delay.percentile(percentile)));
    delay.reset();
  });
  if (process.platform === 'linux') {
    registry.onCollect(async () => openFiles.set({}, (await readdir('/proc/self/fd')).length));
  }
};

/** The histogram holds whole intervals between timers, so an idle loop reads as one resolution and not as 0. */
const lagSeconds = (intervalNs: number): number => Math.max(0, intervalNs / 1e9 - resolutionMs / 1000);
