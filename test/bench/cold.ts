import type pg from 'pg';
import type { Bench } from './bench.js';
import { figure, mebibytes, median, spread, table } from './figures.js';
import { filledSql, readSample, type SampleRows } from './rows.js';
import { poolCidrs, seedServices, settle } from './seed.js';
import { heapReportFlags, type BenchService } from './service.js';

const cluster = 'live';
const liveServices = 1_000_000;
const historyEvents = 10_000_000;
const eventsPerCommand = 3;
const fullPool = { cidr: '10.0.0.0/20', services: 4_093 } as const; // besides default/kubernetes
const connections = 16;

/** A start with a million live Services: how long until the first allocation, what each takes of the heap, and refusals once the pool is full. */
export const cold = async (bench: Bench): Promise<void> => {
  const { dataDir, services } = await seeded(bench, liveServices, async () => undefined);
  const service = await bench.startService({ dataDir, execArgv: heapReportFlags });
  try {
    const empty = await service.heapAfterGc();
    const firstMs = await firstAllocation(bench, service);
    const loaded = await service.heapAfterGc();
    const bytes = (loaded.heapUsed + loaded.external - empty.heapUsed - empty.external) / services;
    bench.print(`Cold start with ${figure(services)} live dual-stack Services`, table([
      ['first allocation after', 'heap per live Service', 'heap after GC', 'RSS', 'peak RSS'],
      [`${figure(firstMs / 1000, 2)} s`, `${figure(bytes)} B`, mebibytes(loaded.heapUsed + loaded.external), mebibytes(loaded.rss), mebibytes((await service.rssBytes()).peak)],
    ]));
    bench.print(null, 'Aims: below 10 s, below 600 B.');
    await refuse(bench, service);
  } finally {
    await service.stop();
  }
};

/** The same with a history of ten million events and few Services: a start costs as much as there are live Services. */
export const history = async (bench: Bench): Promise<void> => {
  const { dataDir } = await seeded(bench, 1_000, (client, sample) => seedHistory(bench, client, sample));
  const service = await bench.startService({ dataDir, execArgv: heapReportFlags });
  try {
    const firstMs = await firstAllocation(bench, service);
    bench.print(`Cold start with ${figure(historyEvents)} events of history and 1,000 live Services`, table([['first allocation after', 'RSS'], [`${figure(firstMs)} ms`, mebibytes((await service.rssBytes()).now)]]));
  } finally {
    await service.stop();
  }
};

/** A stopped service's folder with a cluster in it that was written by SQL. */
const seeded = async (bench: Bench, services: number, also: (client: pg.ClientBase, sample: SampleRows) => Promise<void>): Promise<{ dataDir: string; services: number }> => {
  const dataDir = await bench.folder();
  const before = await bench.startService({ dataDir });
  await before.post('/v1/clusters', { name: cluster, serviceCIDRs: poolCidrs });
  const sampleName = await bench.createSample(before, 'default');
  bench.progress(`cold: seeding ${figure(services)} Services`);
  const written = await bench.withDatabase(before, async (client) => {
    const sample = await readSample(client, 'default', sampleName);
    await also(client, sample);
    const count = await seedServices(client, sample, { cluster, perMille: 999, services });
    await settle(client);
    return count;
  });
  await before.stop(); // nothing of the seeding is in the memory that is measured
  return { dataDir, services: written };
};

/** Log rows of creates, in slices; the counter row follows. */
const seedHistory = async (bench: Bench, client: pg.ClientBase, sample: SampleRows): Promise<void> => {
  const { rows: [head] } = await client.query<{ id: number; revision: string }>('SELECT c.id, h.revision FROM clusters c JOIN cluster_revisions h ON h.cluster_id = c.id WHERE c.name = $1', [cluster]);
  if (head === undefined) throw new Error(`there is no cluster ${cluster}`);
  const events = filledSql(sample.events, { name: "'past-' || n", uid: 'md5(n::text)', ipv4: "'10.0.0.2'", ipv6: "'fd00:1:2:3::2'", revision: `(${head.revision} + n * ${eventsPerCommand})::text` });
  const commands = Math.floor(historyEvents / eventsPerCommand);
  const slice = 100_000;
  for (let from = 1; from <= commands; from += slice) {
    await client.query(`INSERT INTO log (cluster_id, epoch, revision, "time", command_id, event_count, kind, events)
      SELECT ${head.id}, 1, ${head.revision} + n * ${eventsPerCommand}, now(), md5('h' || n)::uuid, ${eventsPerCommand}, 'CreateService', ${events}
      FROM generate_series(${from}, ${Math.min(from + slice - 1, commands)}) AS n`);
    bench.progress(`history: ${figure(from + slice - 1)} of ${figure(commands)} commands`);
  }
  await client.query(`UPDATE cluster_revisions SET revision = revision + ${commands * eventsPerCommand} WHERE cluster_id = ${head.id}`);
};

const firstAllocation = async (bench: Bench, service: BenchService): Promise<number> => {
  const startMs = performance.now();
  await bench.createSample(service, cluster);
  return performance.now() - startMs;
};

/** Creates on a full pool against creates on one with room, in the same process. */
const refuse = async (bench: Bench, service: BenchService): Promise<void> => {
  await service.post('/v1/clusters', { name: 'full', serviceCIDRs: [fullPool.cidr, poolCidrs[1]] });
  for (let from = 0; from < fullPool.services; from += 1_000) {
    const items = Array.from({ length: Math.min(1_000, fullPool.services - from) }, (_, i) => ({ create: { metadata: { name: `s${from + i}` }, spec: { ports: [{ port: 80 }] } } }));
    await service.post('/v1/clusters/full/services:batch', { items });
  }
  const variants = [{ name: 'created', load: { cluster, mode: 'create' } }, { name: 'refused, the pool is full', load: { cluster: 'full', mode: 'refused' } }] as const;
  const found = await bench.alternate('full', variants, ({ load }) => bench.load(service, { ...load, connections }));
  bench.print(`Creates on a full pool, ${connections} connections`, table([
    ['creates', 'per s', 'p50 ms', 'p99 ms'],
    ...found.map(({ variant: { name }, results }) => [name, spread(results.map(({ perSecond }) => perSecond)), figure(median(results.map(({ p50Ms }) => p50Ms)), 1), figure(median(results.map(({ p99Ms }) => p99Ms)), 1)]),
  ]));
};
