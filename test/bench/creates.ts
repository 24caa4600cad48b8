import type { Bench, MeasuredLoad } from './bench.js';
import { figure, median, spread, table } from './figures.js';
import { RawSql, type RawResult } from './raw.js';
import { poolCidrs } from './seed.js';

const sizes = [1, 16, 128] as const;

interface Round {
  http: MeasuredLoad;
  own: RawResult;
  json: RawResult;
}

/** Creates over HTTP at 1, 16 and 128 connections against the same rows as bare SQL in batches of 1, 16 and 128. */
export const creates = async (bench: Bench): Promise<void> => {
  const service = await bench.startService();
  await service.post('/v1/clusters', { name: 'http', serviceCIDRs: poolCidrs });
  await bench.warmUp(service, 'http');
  const raw = await RawSql.open(bench, service, 'http');
  const { seconds } = bench.settings;
  try {
    const found = await bench.alternate('creates', sizes.map((size) => ({ size, name: `${size} connections` })), async ({ size }): Promise<Round & { perSecond: number }> => {
      const http = await bench.load(service, { cluster: 'http', connections: size, mode: 'create' });
      return { http, perSecond: http.perSecond, own: await raw.run('own', size, seconds), json: await raw.run('json', size, seconds) };
    });
    report(bench, found.map(({ variant, results }) => ({ size: variant.size, rounds: results })));
    await bench.chart('creates', 'Dual-stack creates', 'Services per second', found.flatMap(({ variant: { size }, results }) => [
      { label: `HTTP, ${size} connections`, rounds: results.map(({ http }) => http.perSecond) },
      { label: `bare SQL, batch ${size}, JSON`, rounds: results.map(({ json }) => json.perSecond) },
      { label: `bare SQL, batch ${size}, binary arrays`, rounds: results.map(({ own }) => own.perSecond) },
    ]));
  } finally {
    await raw.close();
    await service.stop();
  }
};

const report = (bench: Bench, found: readonly { size: number; rounds: readonly Round[] }[]): void => {
  const rows = found.map(({ size, rounds }) => {
    const of = (pick: (round: Round) => number): number[] => rounds.map(pick);
    const mid = (pick: (round: Round) => number, digits: number): string => figure(median(of(pick)), digits);
    return [
      String(size), spread(of(({ http }) => http.perSecond)), mid(({ http }) => http.p50Ms, 1), mid(({ http }) => http.p99Ms, 1),
      spread(of(({ json }) => json.perSecond)), spread(of(({ http, json }) => http.perSecond / json.perSecond), 2),
      spread(of(({ own }) => own.perSecond)), spread(of(({ http, own }) => http.perSecond / own.perSecond), 2),
      `${mid(({ http }) => http.nodeUs, 0)} / ${mid(({ http }) => http.postgresUs, 0)} / ${mid(({ http }) => http.generatorUs, 0)}`,
      `${mid(({ own }) => own.ownUs, 0)} / ${mid(({ own }) => own.postgresUs, 0)}`, mid(({ http }) => http.otherCores, 2),
    ];
  });
  bench.print('Dual-stack creates', table([
    ['connections, batch', 'HTTP creates/s', 'p50 ms', 'p99 ms', 'bare SQL (JSON) rows/s', 'HTTP / it', 'bare SQL (binary arrays) rows/s', 'HTTP / it', 'CPU µs per create: Node / Postgres / generator', 'CPU µs per row (binary): client / Postgres', 'cores of others'], ...rows,
  ]));
  const of = (pick: (round: Round) => RawResult): string => figure(median((found.find(({ size }) => size === 128)?.rounds ?? []).map((round) => round.http.perSecond / pick(round).perSecond)), 2);
  bench.print(null, `HTTP reaches ${of(({ json }) => json)} of bare SQL with JSON parameters and ${of(({ own }) => own)} of the program's own append at 128 connections (aim: at least 0.5).`);
};
