import type { Bench, MeasuredLoad } from './bench.js';
import { figure, mebibytes, median, spread, table } from './figures.js';
import { readSample } from './rows.js';
import { poolCidrs, seedServices, settle } from './seed.js';
import type { BenchService } from './service.js';

const levels = [
  { cluster: 'empty', title: 'empty', perMille: 0 },
  { cluster: 'full90', title: '90 %', perMille: 900 },
  { cluster: 'full999', title: '99.9 %', perMille: 999 },
] as const;
const connections = 128;

/**
 * Create and delete at constant fill. Each level has a service of its own over the one Postgres, so that it bears the memory
 * of its own cluster only and shares everything else.
 */
export const churn = async (bench: Bench): Promise<void> => {
  const host = await bench.startService();
  for (const { cluster } of levels) await host.post('/v1/clusters', { name: cluster, serviceCIDRs: poolCidrs });
  const services = new Map<string, number>();
  const sampleName = await bench.createSample(host, 'default');
  await bench.withDatabase(host, async (client) => {
    const sample = await readSample(client, 'default', sampleName);
    for (const { cluster, perMille } of levels) {
      bench.progress(`churn: seeding ${cluster}`);
      services.set(cluster, await seedServices(client, sample, { cluster, perMille, services: 2 ** 20 }));
    }
    await settle(client);
  });
  // The host goes on, since it is the one that runs Postgres; it has loaded none of the clusters but `default`.
  const measured: { level: (typeof levels)[number]; service: BenchService; loadMs: number; runs: MeasuredLoad[] }[] = [];
  for (const level of levels) {
    const service = await bench.startService({ postgresOf: host });
    const startMs = performance.now();
    await bench.createSample(service, level.cluster);
    measured.push({ level, service, loadMs: performance.now() - startMs, runs: [] });
    await bench.warmUp(service, level.cluster, 'churn');
  }
  for (let round = 0; round < bench.settings.rounds; round++) {
    for (const { level, service, runs } of measured) {
      const result = await bench.load(service, { cluster: level.cluster, connections, mode: 'churn' });
      runs.push(result);
      bench.progress(`churn ${round + 1}/${bench.settings.rounds}: ${level.title} ${figure(result.perSecond)}/s, others ${figure(result.otherCores, 2)} cores`);
    }
  }
  const base = measured[0]?.runs ?? [];
  const ratios = (runs: readonly MeasuredLoad[]): number[] => runs.map(({ perSecond }, round) => perSecond / (base[round]?.perSecond ?? NaN));
  bench.print(`Create and delete at constant fill, ${connections} connections`, table([
    ['fill of the /12', 'live Services', 'creates + deletes per s', 'p99 ms', 'ratio to empty', 'Node CPU µs per request', 'load and first create', 'RSS after', 'cores of others'],
    ...(await Promise.all(measured.map(async ({ level, service, loadMs, runs }) => {
      const mid = (pick: (run: MeasuredLoad) => number, digits: number): string => figure(median(runs.map(pick)), digits);
      return [
        level.title, figure(services.get(level.cluster) ?? NaN), spread(runs.map(({ perSecond }) => perSecond)), mid(({ p99Ms }) => p99Ms, 1), spread(ratios(runs), 2),
        mid(({ nodeUs }) => nodeUs, 0), `${figure(loadMs / 1000, 2)} s`, mebibytes((await service.rssBytes()).now), mid(({ otherCores }) => otherCores, 2),
      ];
    }))),
  ]));
  bench.print(null, `99.9 % full runs at ${figure(median(ratios(measured.at(-1)?.runs ?? [])), 2)} of empty (aim: at least 0.75).`);
  for (const { service } of measured) await service.stop();
  await host.stop();
};
