import { PostgresEventStore } from '@ipledger/event-store';
import type { Bench, MeasuredLoad } from './bench.js';
import { figure, median, spread, table } from './figures.js';
import { BatchMaker, readSample } from './rows.js';
import { poolCidrs } from './seed.js';
import type { BenchService } from './service.js';

const sizes = [1, 16, 128] as const;
/** Rows made at a time, outside the measured time. */
const rowsMadeAhead = 2_048;

interface Round {
  http: MeasuredLoad;
  raw: RawResult;
}

interface RawResult {
  perSecond: number;
  /** CPU microseconds per row: our own process, which makes the parameters, and Postgres. */
  ownUs: number;
  postgresUs: number;
}

/** Creates over HTTP at 1, 16 and 128 connections against the same rows as bare SQL in batches of 1, 16 and 128. */
export const creates = async (bench: Bench): Promise<void> => {
  const service = await bench.startService();
  for (const name of ['http', 'raw']) await service.post('/v1/clusters', { name, serviceCIDRs: poolCidrs });
  await bench.warmUp(service, 'http');
  const store = new PostgresEventStore({ url: service.databaseUrl, max: 1 });
  try {
    const sampleName = await bench.createSample(service, 'http');
    const sample = await bench.withDatabase(service, (client) => readSample(client, 'http', sampleName));
    const head = await store.clusterByName('raw');
    if (head === undefined) throw new Error('the cluster "raw" is not there');
    const maker = new BatchMaker(sample, head.id, head.epoch, head.revision);
    await appendFor(service, store, maker, 128, bench.settings.seconds); // the plans of the statement, and our own code, warm up
    const rounds = new Map<number, Round[]>(sizes.map((size) => [size, []]));
    for (let round = 0; round < bench.settings.rounds; round++) {
      for (const size of sizes) {
        const http = await bench.load(service, { cluster: 'http', connections: size, mode: 'create' });
        const raw = await appendFor(service, store, maker, size, bench.settings.seconds);
        rounds.get(size)?.push({ http, raw });
        bench.progress(`creates ${round + 1}/${bench.settings.rounds}: ${size} connections ${figure(http.perSecond)}/s, bare SQL at batch ${size} ${figure(raw.perSecond)}/s, others ${figure(http.otherCores, 2)} cores`);
      }
    }
    report(bench, rounds);
  } finally {
    await store.close();
    await service.stop();
  }
};

const report = (bench: Bench, rounds: ReadonlyMap<number, readonly Round[]>): void => {
  const rows = [...rounds].map(([size, found]) => {
    const of = (pick: (round: Round) => number): number[] => found.map(pick);
    const mid = (pick: (round: Round) => number, digits: number): string => figure(median(of(pick)), digits);
    return [
      String(size), spread(of(({ http }) => http.perSecond)), mid(({ http }) => http.p50Ms, 1), mid(({ http }) => http.p99Ms, 1),
      spread(of(({ raw }) => raw.perSecond)), spread(of(({ http, raw }) => http.perSecond / raw.perSecond), 2),
      `${mid(({ http }) => http.nodeUs, 0)} / ${mid(({ http }) => http.postgresUs, 0)} / ${mid(({ http }) => http.generatorUs, 0)}`, `${mid(({ raw }) => raw.ownUs, 0)} / ${mid(({ raw }) => raw.postgresUs, 0)}`, mid(({ http }) => http.otherCores, 2),
    ];
  });
  bench.print('Dual-stack creates', table([
    ['connections, batch', 'HTTP creates/s', 'p50 ms', 'p99 ms', 'bare SQL rows/s', 'HTTP / bare SQL', 'CPU µs per create: Node / Postgres / generator', 'CPU µs per row: client / Postgres', 'cores of others'], ...rows,
  ]));
  const headline = median((rounds.get(128) ?? []).map(({ http, raw }) => http.perSecond / raw.perSecond));
  bench.print(null, `HTTP reaches ${figure(headline, 2)} of bare SQL at 128 connections (aim: at least 0.35).`);
};

/** Counts only the time in which the store works; batches are made before, in slices. */
const appendFor = async (service: BenchService, store: PostgresEventStore, maker: BatchMaker, size: number, seconds: number): Promise<RawResult> => {
  let rows = 0;
  let spentMs = 0;
  let ownUs = 0;
  const before = await service.cpu();
  while (spentMs < seconds * 1000) {
    const batches = Array.from({ length: Math.max(1, Math.floor(Math.min(rowsMadeAhead, size * 400) / size)) }, () => maker.next(size));
    const [startMs, cpu] = [performance.now(), process.cpuUsage()];
    for (const batch of batches) await store.append(batch);
    spentMs += performance.now() - startMs;
    const { user, system } = process.cpuUsage(cpu);
    ownUs += user + system;
    rows += batches.length * size;
  }
  const after = await service.cpu();
  return { perSecond: rows / (spentMs / 1000), ownUs: ownUs / rows, postgresUs: ((after.postgres - before.postgres) / rows) * 1e6 };
};
