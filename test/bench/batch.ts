import type { Bench, MeasuredLoad } from './bench.js';
import { figure, median, spread, table } from './figures.js';
import { RawSql } from './raw.js';
import { poolCidrs } from './seed.js';

const services = 256;
const connectionCounts = [1, 2, 4] as const;

interface Round {
  perSecond: number;
  http: MeasuredLoad;
  own: number;
  json: number;
}

/** `services:batch` with 256 creates in a request, against the same rows as bare SQL in batches of 256. */
export const batch = async (bench: Bench): Promise<void> => {
  const service = await bench.startService();
  await service.post('/v1/clusters', { name: 'http', serviceCIDRs: poolCidrs });
  await bench.warmUp(service, 'http');
  const raw = await RawSql.open(bench, service, 'http');
  const { seconds } = bench.settings;
  try {
    const found = await bench.alternate('batch', connectionCounts.map((count) => ({ count, name: `${count} connections` })), async ({ count }): Promise<Round> => {
      const http = await bench.load(service, { cluster: 'http', connections: count, mode: 'batch', services });
      const [own, json] = [await raw.run('own', services, seconds), await raw.run('json', services, seconds)];
      return { http, perSecond: http.perSecond * services, own: own.perSecond, json: json.perSecond };
    });
    const rows = found.map(({ variant, results }) => {
      const of = (pick: (round: Round) => number): number[] => results.map(pick);
      const cpu = [({ http }: Round) => http.nodeUs, ({ http }: Round) => http.postgresUs, ({ http }: Round) => http.generatorUs].map((pick) => figure(median(of(pick)) / services)).join(' / ');
      return [
        String(variant.count), spread(of(({ perSecond }) => perSecond)), figure(median(of(({ http }) => http.p50Ms)), 1), figure(median(of(({ http }) => http.p99Ms)), 1),
        spread(of(({ json }) => json)), spread(of((round) => round.perSecond / round.json), 2), spread(of(({ own }) => own)), spread(of((round) => round.perSecond / round.own), 2), cpu,
      ];
    });
    bench.print(`services:batch with ${services} creates in a request`, table([
      ['connections', 'Services/s', 'p50 ms', 'p99 ms', 'bare SQL (JSON) rows/s', 'batch / it', 'bare SQL (binary arrays) rows/s', 'batch / it', 'CPU µs per Service: Node / Postgres / generator'], ...rows,
    ]));
    await bench.chart('batch', `services:batch, ${services} Services in a request`, 'Services per second', [
      ...found.map(({ variant, results }) => ({ label: variant.name, rounds: results.map(({ perSecond }) => perSecond) })),
      { label: `bare SQL, batch ${services}, JSON`, rounds: found.flatMap(({ results }) => results.map(({ json }) => json)) },
      { label: `bare SQL, batch ${services}, binary arrays`, rounds: found.flatMap(({ results }) => results.map(({ own }) => own)) },
    ]);
  } finally {
    await raw.close();
    await service.stop();
  }
};
