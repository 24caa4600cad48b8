import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type pg from 'pg';
import type { Bench } from './bench.js';
import { figure, mebibytes, median, spread, table } from './figures.js';
import { rssBytesOf } from './machine.js';
import { Past } from './past.js';
import { poolCidrs } from './seed.js';
import type { BenchService } from './service.js';

const admin = join(fileURLToPath(new URL('../../', import.meta.url)), 'dist/apps/admin/src/main.js');
const cluster = 'a-past'; // verified first
const liveServices = 1_000;
const scheduledEvents = 3_000_000;
const connections = 128;
const roundsMax = 8;
const startMsMax = 180_000;

/** `admin verify` over longer and longer pasts with few live Services: what it takes of memory and time. */
export const verify = async (bench: Bench): Promise<void> => {
  const service = await bench.startService({ layout: 'allocator', env: { VERIFY_INTERVAL_SECONDS: '0' } });
  const rows: string[][] = [];
  await withPast(bench, service, async (past) => {
    for (const events of [1_000_000, 3_000_000, 10_000_000]) {
      await past.reach(events, (text) => bench.progress(text));
      const { seconds, peakBytes } = await verifyOnce(service.databaseUrl);
      rows.push([figure(events), mebibytes(peakBytes), `${figure(seconds, 1)} s`, figure(events / seconds)]);
      bench.progress(`verify: ${rows.at(-1)?.join(', ')}`);
    }
  });
  await service.stop();
  bench.print(`admin verify --part tables, ${figure(liveServices)} live Services`, table([['events', 'peak RSS', 'time', 'events/s'], ...rows]));
};

/** What creates cost while the scheduled verification is at work in the same process, and while it is not. */
export const verifying = async (bench: Bench): Promise<void> => {
  const dataDir = await bench.folder();
  const before = await bench.startService({ dataDir, layout: 'allocator', env: { VERIFY_INTERVAL_SECONDS: '0' } });
  await withPast(bench, before, (past) => past.reach(scheduledEvents, (text) => bench.progress(text)));
  await before.stop();
  const service = await bench.startService({ dataDir, layout: 'allocator', env: { VERIFY_INTERVAL_SECONDS: '1' } });
  await service.post('/v1/clusters', { name: 'http', serviceCIDRs: poolCidrs });
  await bench.warmUp(service, 'http');
  const load = () => bench.load(service, { cluster: 'http', connections, mode: 'create' }, bench.settings.seconds * 2);
  const runs: Record<'resting' | 'verifying', Awaited<ReturnType<typeof load>>[]> = { resting: [], verifying: [] };
  const sinceMs = performance.now();
  await bench.withDatabase(service, async (client) => {
    while ((await phase(client)) === 'resting') {
      if (performance.now() - sinceMs > startMsMax) throw new Error('the verification did not begin');
      if (runs.resting.length < roundsMax) runs.resting.push(await load());
      else await new Promise((resolve) => { setTimeout(resolve, 500); });
    }
    while (runs.verifying.length < roundsMax && (await phase(client)) === 'verifying') runs.verifying.push(await load());
  });
  await service.stop();
  bench.print(`Creates at ${connections} connections, with a scheduled verification of ${figure(scheduledEvents)} events beside them`, table([
    ['', 'creates/s', 'p99 ms', 'CPU µs per create: Node / Postgres'],
    ...(['resting', 'verifying'] as const).map((name) => {
      const of = (pick: (run: Awaited<ReturnType<typeof load>>) => number): number[] => runs[name].map(pick);
      return [name, spread(of(({ perSecond }) => perSecond)), figure(median(of(({ p99Ms }) => p99Ms)), 1), `${figure(median(of(({ nodeUs }) => nodeUs)))} / ${figure(median(of(({ postgresUs }) => postgresUs)))}`];
    }),
  ]));
};

/** By what the statistics of the log's index say: creates read nothing of the past, and in this layout nothing projects it. */
const phase = async (client: pg.ClientBase): Promise<'resting' | 'verifying'> => {
  const read = async (): Promise<number> => Number((await client.query<{ read: string }>("SELECT idx_tup_fetch AS read FROM pg_stat_user_tables WHERE relname = 'log'")).rows[0]?.read);
  const first = await read();
  await new Promise((resolve) => { setTimeout(resolve, 2_500); });
  return (await read()) - first > 1_000 ? 'verifying' : 'resting';
};

const withPast = async (bench: Bench, service: BenchService, work: (past: Past) => Promise<void>): Promise<void> => {
  await service.post('/v1/clusters', { name: cluster, serviceCIDRs: poolCidrs });
  const sample = await bench.createSample(service, cluster);
  const answer = await fetch(`${service.url}/clusters/${cluster}/api/v1/namespaces/default/services/${sample}`, { method: 'DELETE' });
  if (!answer.ok) throw new Error(`DELETE ${sample}: ${answer.status}`);
  await bench.withDatabase(service, async (client) => work(await Past.begin(client, cluster, sample, liveServices)));
};

const verifyOnce = (databaseUrl: string): Promise<{ seconds: number; peakBytes: number }> => new Promise((resolve, reject) => {
  const startMs = performance.now();
  const child = spawn(process.execPath, [admin, 'verify', '--part', 'tables', '--database-url', databaseUrl], { env: { PATH: process.env['PATH'] }, stdio: ['ignore', 'pipe', 'ignore'] });
  let said = '';
  child.stdout.on('data', (text: Buffer) => { said += text.toString(); });
  let peakBytes = 0;
  const look = setInterval(() => void rssBytesOf(child.pid ?? -1).then(({ peak }) => { peakBytes = Math.max(peakBytes, Number.isNaN(peak) ? 0 : peak); }, () => undefined), 250);
  child.once('error', reject).once('exit', (code) => {
    clearInterval(look);
    if (code === 0) resolve({ seconds: (performance.now() - startMs) / 1000, peakBytes });
    else reject(new Error(`admin verify ended with ${code}: ${said}`));
  });
});
