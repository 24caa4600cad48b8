import type { Bench } from './bench.js';
import { figure, mebibytes, table } from './figures.js';
import { poolCidrs } from './seed.js';

const few = 128;
const many = 10 * few;

/** Ten times the connections that are served best, and a queue that is too short for them: what is refused, and what it costs in memory. */
export const overload = async (bench: Bench): Promise<void> => {
  const variants: readonly { name: string; connections: number; env: Record<string, string> }[] = [
    { name: 'QUEUE_LIMIT 2048', connections: few, env: {} }, { name: 'QUEUE_LIMIT 2048', connections: many, env: {} }, { name: 'QUEUE_LIMIT 256', connections: many, env: { QUEUE_LIMIT: '256' } },
  ];
  const rows: string[][] = [];
  for (const { name, connections, env } of variants) {
    const service = await bench.startService({ env });
    await service.post('/v1/clusters', { name: 'http', serviceCIDRs: poolCidrs });
    await bench.warmUp(service, 'http');
    const before = await service.rssBytes();
    const seconds = bench.settings.seconds * 5;
    const { perSecond, p50Ms, p99Ms, answers, shed } = await bench.load(service, { cluster: 'http', connections, mode: 'shed' }, seconds);
    const after = await service.rssBytes();
    await service.stop();
    bench.progress(`overload: ${connections} connections, ${name}`);
    rows.push([figure(connections), name, figure(perSecond), figure(p50Ms, 1), figure(p99Ms, 1), figure(shed), figure(answers), mebibytes(before.now), mebibytes(after.peak)]);
  }
  bench.print('Overload', table([['connections', '', 'creates/s', 'p50 ms', 'p99 ms', 'refused with Retry-After', 'answers', 'RSS before', 'peak RSS'], ...rows]));
};
