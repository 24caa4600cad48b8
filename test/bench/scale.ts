import type { Bench, MeasuredLoad } from './bench.js';
import { figure, median, spread, table } from './figures.js';
import { Generator } from './load.js';
import { poolCidrs } from './seed.js';
import type { BenchService } from './service.js';

const connections = 128;
const manyClusters = 1_000;

/** Allocators on one Postgres: one alone, then 2 and 4 on the same cluster, and on a cluster each. */
export const processes = async (bench: Bench): Promise<void> => {
  const host = await bench.startService();
  const clusters = ['same', 'own0', 'own1', 'own2', 'own3'];
  for (const name of clusters) await host.post('/v1/clusters', { name, serviceCIDRs: poolCidrs });
  const services: BenchService[] = [];
  for (let i = 0; i < 4; i++) services.push(await bench.startService({ postgresOf: host }));
  const generators = services.map(() => new Generator());
  try {
    for (const [i, service] of services.entries()) await bench.warmUp(service, `own${i}`);
    const variants = [1, 2, 4].flatMap((count) => [true, false].filter((same) => count > 1 || same).map((same) => ({ count, same, name: `${count} allocators on ${same ? 'one cluster' : 'a cluster each'}` })));
    const found = await bench.alternate('processes', variants, async ({ count, same }) => {
      const run = (): Promise<number[]> => Promise.all(services.slice(0, count).map(async (service, i) =>
        (await generators[i]?.run(service.url, { cluster: same ? 'same' : `own${i}`, connections: connections / count, mode: 'create', seconds: bench.settings.seconds }))?.perSecond ?? NaN));
      await run(); // an allocator that others wrote beside reads all of it with its first command, holding the row meanwhile
      const shares = await run();
      return { perSecond: shares.reduce((sum, share) => sum + share, 0), shares };
    });
    const alone = found[0]?.results ?? [];
    bench.print(`Allocator processes on one Postgres, ${connections} connections in all`, table([
      ['allocators', 'clusters', 'creates/s, all together', 'ratio to one alone', 'least share of an allocator'],
      ...found.map(({ variant: { count, same }, results }) => [
        String(count), same ? 'one' : 'one each', spread(results.map(({ perSecond }) => perSecond)),
        spread(results.map(({ perSecond }, round) => perSecond / (alone[round]?.perSecond ?? NaN)), 2),
        spread(results.map(({ shares, perSecond }) => (Math.min(...shares) / perSecond) * count), 2),
      ]),
    ]));
    bench.print(null, 'A share of 1.00 is an equal part. Aims: four on one cluster at least 0.5 of one alone and none starves; four on four clusters at least 1.');
    await bench.chart('processes', 'Allocator processes on one Postgres', 'creates per second, all together', found.map(({ variant: { name }, results }) => ({ label: name, rounds: results.map(({ perSecond }) => perSecond) })));
  } finally {
    for (const generator of generators) generator.stop();
    for (const service of services) await service.stop();
    await host.stop();
  }
};

/** The same load on one cluster and spread over a thousand; create and delete on IPv4 and IPv6 pools alone. */
export const clusters = async (bench: Bench): Promise<void> => {
  const service = await bench.startService();
  for (const [name, serviceCIDRs] of [['one', poolCidrs], ['v4', poolCidrs.slice(0, 1)], ['v6', poolCidrs.slice(1)]] as const) await service.post('/v1/clusters', { name, serviceCIDRs });
  bench.progress(`clusters: registering ${figure(manyClusters)}`);
  for (let i = 0; i < manyClusters; i++) await service.post('/v1/clusters', { name: `many-${String(i).padStart(4, '0')}`, serviceCIDRs: poolCidrs });
  await bench.warmUp(service, 'one');
  const variants = [
    { name: 'creates, 1 cluster', load: { cluster: 'one', mode: 'create' } },
    { name: `creates, ${figure(manyClusters)} clusters`, load: { cluster: 'many', clusters: manyClusters, mode: 'create' } },
    { name: 'creates and deletes, /12', load: { cluster: 'v4', mode: 'churn' } },
    { name: 'creates and deletes, /64', load: { cluster: 'v6', mode: 'churn' } },
  ] as const;
  for (const { load } of variants) await bench.load(service, { ...load, connections }); // clusters are loaded, pages are there
  const found = await bench.alternate('clusters', variants, ({ load }) => bench.load(service, { ...load, connections }));
  const rows = found.map(({ variant: { name }, results }, index) => {
    const base = found[index - (index % 2)]?.results ?? [];
    const mid = (pick: (run: MeasuredLoad) => number, digits: number): string => figure(median(results.map(pick)), digits);
    return [name, spread(results.map(({ perSecond }) => perSecond)), mid(({ p99Ms }) => p99Ms, 1), spread(results.map(({ perSecond }, round) => perSecond / (base[round]?.perSecond ?? NaN)), 2), mid(({ nodeUs }) => nodeUs, 0), mid(({ otherCores }) => otherCores, 2)];
  });
  bench.print(`One cluster and many, IPv4 and IPv6, ${connections} connections`, table([['load', 'per s', 'p99 ms', 'ratio to the row before', 'Node CPU µs per request', 'cores of others'], ...rows.map((row, index) => (index % 2 === 0 ? row.with(3, '') : row))]));
  await bench.chart('clusters', 'One cluster and many, IPv4 and IPv6', 'requests per second', found.map(({ variant: { name }, results }) => ({ label: name, rounds: results.map(({ perSecond }) => perSecond) })));
  await service.stop();
};
