import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { fileURLToPath } from 'node:url';
import type { Bench } from './bench.js';
import { figure, mebibytes, median, spread, table } from './figures.js';
import { poolCidrs } from './seed.js';
import type { BenchService } from './service.js';

const known = 10_000;
const connectionCounts = [1, 16, 128] as const;
const watcherCounts = [1, 50, 200] as const;
const watchedServices = 2_000;
const watchMsMax = 120_000;
const listsPerRun = 5;

/** GET against a bare Fastify with the same SELECT, LIST of 10,000, and watches. */
export const reads = async (bench: Bench): Promise<void> => {
  const service = await bench.startService();
  await service.post('/v1/clusters', { name: 'known', serviceCIDRs: poolCidrs });
  await createKnown(service);
  const bare = await startBare(bench, service);
  try {
    await gets(bench, service, bare.url);
    await lists(bench, service);
    await watches(bench, service);
  } finally {
    bare.child.kill('SIGKILL');
    await service.stop();
  }
};

const createKnown = async (service: BenchService): Promise<void> => {
  for (let from = 0; from < known; from += 500) await service.post('/v1/clusters/known/services:batch', { items: knownItems(from, 500) });
};

const knownItems = (from: number, count: number): object[] => Array.from({ length: count }, (_, i) => ({ create: {
  metadata: { name: `known-${String(from + i).padStart(12, '0')}`, labels: { app: 'bench', tier: 'backend' } },
  spec: { ipFamilyPolicy: 'PreferDualStack', selector: { app: 'bench' }, ports: [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 8080 }] },
} }));

const startBare = async (bench: Bench, service: BenchService): Promise<{ child: ChildProcess; url: string }> => {
  const { rows: [cluster] } = await bench.withDatabase(service, (client) => client.query<{ id: number }>("SELECT id FROM clusters WHERE name = 'known'"));
  const child = fork(fileURLToPath(new URL('bare-get.ts', import.meta.url)), [service.databaseUrl, String(cluster?.id)]);
  const [port] = (await Promise.race([once(child, 'message'), once(child, 'exit')])) as [number];
  return { child, url: `http://127.0.0.1:${port}` };
};

const gets = async (bench: Bench, service: BenchService, bareUrl: string): Promise<void> => {
  const load = { cluster: 'known', mode: 'get', services: known } as const;
  for (const url of [service.url, bareUrl]) await bench.load(service, { ...load, connections: 128 }, 3, url);
  const variants = connectionCounts.flatMap((connections) => [service.url, bareUrl].map((url) => ({ connections, url, name: `${url === bareUrl ? 'bare Fastify' : 'ipledger'}, ${connections} connections` })));
  const found = await bench.alternate('get', variants, ({ connections, url }) => bench.load(service, { ...load, connections }, bench.settings.seconds, url));
  const of = (connections: number, url: string) => found.find(({ variant }) => variant.connections === connections && variant.url === url)?.results ?? [];
  bench.print('GET of a Service, against a bare Fastify route with the same one-row SELECT', table([
    ['connections', 'ipledger per s', 'p99 ms', 'bare per s', 'p99 ms', 'ipledger / bare', 'Node CPU µs per GET'],
    ...connectionCounts.map((connections) => {
      const [own, bare] = [of(connections, service.url), of(connections, bareUrl)];
      return [
        String(connections), spread(own.map(({ perSecond }) => perSecond)), figure(median(own.map(({ p99Ms }) => p99Ms)), 1), spread(bare.map(({ perSecond }) => perSecond)), figure(median(bare.map(({ p99Ms }) => p99Ms)), 1),
        spread(own.map(({ perSecond }, round) => perSecond / (bare[round]?.perSecond ?? NaN)), 2), figure(median(own.map(({ nodeUs }) => nodeUs))),
      ];
    }),
  ]));
  await bench.chart('get', 'GET of a Service', 'answers per second', found.map(({ variant: { name }, results }) => ({ label: name, rounds: results.map(({ perSecond }) => perSecond) })));
};

const lists = async (bench: Bench, service: BenchService): Promise<void> => {
  const path = '/clusters/known/api/v1/namespaces/default/services';
  const before = await service.rssBytes();
  const runs: { perSecond: number; ms: number; bytes: number }[] = [];
  for (let round = 0; round < bench.settings.rounds * listsPerRun; round++) {
    const startMs = performance.now();
    let bytes = 0;
    for await (const chunk of (await fetch(service.url + path)).body ?? []) bytes += (chunk as Uint8Array).length;
    const ms = performance.now() - startMs;
    runs.push({ perSecond: (known / ms) * 1000, ms, bytes });
  }
  const after = await service.rssBytes();
  bench.print(`LIST of ${figure(known)} Services, streamed, one after the other`, table([
    ['lists', 'ms', 'Services/s', 'bytes', 'RSS before', 'RSS after', 'peak RSS'],
    [String(runs.length), spread(runs.map(({ ms }) => ms)), spread(runs.map(({ perSecond }) => perSecond)), mebibytes(runs[0]?.bytes ?? NaN), mebibytes(before.now), mebibytes(after.now), mebibytes(after.peak)],
  ]));
};

/** From the first create to the last event at the last watcher, and what it costs. Creates come in batches of 100, one after the other. */
const watches = async (bench: Bench, service: BenchService): Promise<void> => {
  const rows: string[][] = [];
  for (const count of watcherCounts) {
    const cluster = `watched-${count}`;
    await service.post('/v1/clusters', { name: cluster, serviceCIDRs: poolCidrs });
    const watchers = await Promise.all(Array.from({ length: count }, () => Watcher.open(`${service.url}/clusters/${cluster}/api/v1/services?watch=true&resourceVersion=1`)));
    const already = 1; // default/kubernetes
    await Promise.all(watchers.map((watcher) => watcher.reaches(already)));
    const [cpu, startMs] = [(await service.cpu()).node, performance.now()];
    for (let from = 0; from < watchedServices; from += 100) await service.post(`/v1/clusters/${cluster}/services:batch`, { items: knownItems(from, 100) });
    await Promise.all(watchers.map((watcher) => watcher.reaches(already + watchedServices)));
    const seconds = (performance.now() - startMs) / 1000;
    const us = (((await service.cpu()).node - cpu) / (watchedServices * count)) * 1e6;
    for (const watcher of watchers) watcher.close();
    rows.push([String(count), figure(watchedServices / seconds), figure((watchedServices * count) / seconds), figure(us, 1)]);
    bench.progress(`watch: ${count} watchers, ${figure((watchedServices * count) / seconds)} events/s`);
  }
  bench.print(`Watch fan-out: ${figure(watchedServices)} creates, each event to every watcher`, table([['watchers', 'creates/s until all have all', 'events delivered/s', 'Node CPU µs per event delivered, creates included'], ...rows]));
};

/** A watch that counts its lines. */
class Watcher {
  private lines = 0;
  private wanted = { lines: Infinity, reached: (): void => undefined };

  static async open(url: string): Promise<Watcher> {
    const sent = request(url, { agent: false }).end();
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    return new Watcher(answer);
  }

  private constructor(private readonly answer: IncomingMessage) {
    answer.on('error', () => undefined); // closed by us
    answer.on('data', (chunk: Buffer) => {
      for (let at = chunk.indexOf(0x0a); at >= 0; at = chunk.indexOf(0x0a, at + 1)) this.lines++;
      if (this.lines >= this.wanted.lines) this.wanted.reached();
    });
  }

  /** @throws Error when it takes too long: a watch that was cut off would never get there */
  reaches(lines: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`a watch has ${this.lines} events after ${watchMsMax} ms, not ${lines}`)), watchMsMax);
      const reached = (): void => {
        clearTimeout(timer);
        resolve();
      };
      this.wanted = { lines, reached };
      if (this.lines >= lines) reached();
    });
  }
  close(): void {
    this.answer.destroy();
  }
}
