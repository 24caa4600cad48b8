import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bench } from './bench.js';
import { figure, table } from './figures.js';
import { poolCidrs } from './seed.js';

const connections = 128;
const functionsShown = 40;

/** What V8 writes with --cpu-prof. Times in microseconds of the monotonic clock, which all processes share. */
interface CpuProfile {
  startTime: number;
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number }; children?: number[] }[];
  samples: number[];
  timeDeltas: number[];
}

/** Where the service spends its time under load: self time by package and by function, and what Postgres takes meanwhile. */
export const profile = async (bench: Bench): Promise<void> => {
  const folder = await bench.folder();
  const service = await bench.startService({ execArgv: ['--cpu-prof', '--cpu-prof-interval', '500', '--cpu-prof-dir', folder] });
  await service.post('/v1/clusters', { name: 'http', serviceCIDRs: poolCidrs });
  await bench.warmUp(service, 'http');
  const seconds = bench.settings.seconds * 3;
  const fromUs = monotonicUs();
  const result = await bench.load(service, { cluster: 'http', connections, mode: 'create' }, seconds);
  const toUs = monotonicUs();
  await service.stop();
  const found = (await readdir(folder)).find((name) => name.endsWith('.cpuprofile'));
  if (found === undefined) throw new Error('the service left no profile');
  const self = selfTimes(JSON.parse(await readFile(join(folder, found), 'utf8')) as CpuProfile, fromUs, toUs);
  const cpu = [result.nodeUs, result.postgresUs, result.generatorUs].map((us) => figure(us)).join(' / ');
  bench.print(null, `${figure(result.perSecond)} creates/s under the profiler at ${connections} connections; CPU µs per create: Node / Postgres / generator ${cpu}; others ${figure(result.otherCores, 2)} cores`);
  bench.print('Self time of Node by part (share of the time it was not idle)', table([['part', '%'], ...shares(self, ({ part }) => part).filter(([, share]) => Number(share) >= 0.3)]));
  bench.print('By function', table([['function', '%'], ...shares(self, ({ place }) => place).slice(0, functionsShown)]));
};

interface SelfTime {
  part: string;
  place: string;
  us: number;
}

const selfTimes = ({ startTime, nodes, samples, timeDeltas }: CpuProfile, fromUs: number, toUs: number): SelfTime[] => {
  const us = new Map<number, number>();
  let atUs = startTime;
  for (const [index, id] of samples.entries()) {
    const delta = timeDeltas[index] ?? 0;
    atUs += delta;
    // A sample says what runs from it on; its own delta is the time before it.
    if (atUs >= fromUs && atUs < toUs) us.set(id, (us.get(id) ?? 0) + (timeDeltas[index + 1] ?? 0));
  }
  return nodes.flatMap(({ id, callFrame: { functionName, url, lineNumber } }) => {
    const part = partOf(url, functionName);
    const file = url.split('/').slice(-2).join('/');
    return part === '(idle)' || !us.has(id) ? [] : [{ part, place: url === '' ? functionName : `${functionName || '(anonymous)'} ${file}:${lineNumber + 1}`, us: us.get(id) ?? 0 }];
  });
};

/** The package a file belongs to, or the part of ours. */
const partOf = (url: string, functionName: string): string => {
  const ours = /\/dist\/((?:apps|libs)\/[^/]+)\/src\/(?:([^/]+)\/)?/.exec(url);
  if (ours !== null) return `${ours[1]}${ours[2] === undefined ? '' : `/${ours[2]}`}`;
  const installed = url.split('/node_modules/').at(-1);
  if (installed !== undefined && installed !== url) return installed.split('/').slice(0, installed.startsWith('@') ? 2 : 1).join('/');
  return url === '' ? (functionName.startsWith('(') ? functionName : 'native (V8 and Node, called from JavaScript)') : url;
};

const shares = (self: readonly SelfTime[], by: (one: SelfTime) => string): [string, string][] => {
  const total = self.reduce((sum, { us }) => sum + us, 0);
  const sums = new Map<string, number>();
  for (const one of self) sums.set(by(one), (sums.get(by(one)) ?? 0) + one.us);
  return [...sums].sort((a, b) => b[1] - a[1]).map(([name, us]) => [name, figure((us / total) * 100, 1)]);
};

const monotonicUs = (): number => Number(process.hrtime.bigint() / 1000n);
