import type { Bench } from './bench.js';
import { figure, mebibytes, table } from './figures.js';
import { readSample } from './rows.js';
import { poolCidrs, seedServices, settle } from './seed.js';
import { heapReportFlags } from './service.js';

const services = 100_000;
const cluster = 'live';

/** The service's memory with 100,000 live Services, and how long it takes to load them. */
export const memory = async (bench: Bench): Promise<void> => {
  const dataDir = await bench.folder();
  const before = await bench.startService({ dataDir });
  await before.post('/v1/clusters', { name: cluster, serviceCIDRs: poolCidrs });
  const sampleName = await bench.createSample(before, 'default');
  bench.progress(`memory: seeding ${figure(services)} Services`);
  await bench.withDatabase(before, async (client) => {
    await seedServices(client, await readSample(client, 'default', sampleName), { cluster, perMille: 999, services });
    await settle(client);
  });
  // Started anew, so that nothing of the seeding is in its memory.
  await before.stop();
  const service = await bench.startService({ dataDir, execArgv: heapReportFlags });
  const idle = await service.rssBytes();
  const startMs = performance.now();
  await bench.createSample(service, cluster);
  const loadMs = performance.now() - startMs;
  const loaded = await service.rssBytes();
  const { perSecond } = await bench.generator.run(service.url, { cluster, connections: 128, seconds: bench.settings.seconds * 2, mode: 'churn' });
  const loadedAndUsed = await service.rssBytes();
  const heap = await service.heapAfterGc();
  await service.stop();
  bench.print(`Memory of the Node process at ${figure(services)} live dual-stack Services`, table([
    ['RSS before the load', 'cold load and first create', 'RSS after the load', `RSS after ${bench.settings.seconds * 2} s of churn at 128 connections`, 'peak RSS', 'heap after GC', 'RSS after GC'],
    [mebibytes(idle.now), `${figure(loadMs)} ms`, mebibytes(loaded.now), `${mebibytes(loadedAndUsed.now)} (${figure(perSecond)}/s)`, mebibytes(loadedAndUsed.peak), mebibytes(heap.heapUsed + heap.external), mebibytes(heap.rss)],
  ]));
  bench.print(null, `RSS is ${mebibytes(loaded.now)} once loaded (aim: below 300 MB).`);
};
