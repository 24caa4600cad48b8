import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { barChart } from './charts.js';
import { figure, median } from './figures.js';
import { Generator, type Load, type LoadResult } from './load.js';
import { machineCpuSeconds } from './machine.js';
import { BenchService, type Layout, type ServiceOptions } from './service.js';

export interface Settings {
  /** Every variant runs so many times, in turn; figures are medians. */
  rounds: number;
  /** Length of one run. */
  seconds: number;
  /** Where charts are written as SVG; undefined = none are. */
  chartsFolder?: string | undefined;
  /** Of the processes that are measured; standalone unless told. */
  layout?: Layout;
}

const warmUpAnswers = 5_000;
const warmUpRunsMax = 10;

/** A run with what it cost. CPU in microseconds per answer; `otherCores` = busy with neither service, Postgres nor generator. */
export interface MeasuredLoad extends LoadResult {
  nodeUs: number;
  postgresUs: number;
  generatorUs: number;
  otherCores: number;
}

/** What the parts of the bench share; everything it starts or makes is gone after `close`. */
export class Bench {
  readonly generator = new Generator();
  private readonly services: Promise<BenchService>[] = [];
  private readonly folders: string[] = [];
  private samples = 0;
  private isServerNamed = false;
  private closed = false;

  constructor(readonly settings: Settings) {}

  async startService(options: Partial<ServiceOptions> = {}): Promise<BenchService> {
    const starting = BenchService.start({ layout: this.settings.layout ?? 'standalone', dataDir: options.dataDir ?? (await this.folder()), ...options });
    this.services.push(starting); // before it is up: Ctrl-C may come while it starts
    const service = await starting;
    if (!this.isServerNamed) {
      this.isServerNamed = true;
      const { rows } = await this.withDatabase(service, (client) => client.query<{ version: string; fsync: string }>("SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync"));
      this.print(null, `Embedded Postgres ${rows.map(({ version, fsync }) => `${version}, fsync ${fsync}`).join()}.`);
    }
    return service;
  }

  async folder(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'ipledger-bench-'));
    this.folders.push(folder);
    return folder;
  }

  async load(service: BenchService, load: Omit<Load, 'host' | 'port' | 'tag' | 'seconds'>, seconds = this.settings.seconds, url = service.url): Promise<MeasuredLoad> {
    const [before, machineBefore, startMs] = [await service.cpu(), await machineCpuSeconds(), performance.now()];
    const result = await this.generator.run(url, { ...load, seconds });
    const [after, machineAfter, elapsed] = [await service.cpu(), await machineCpuSeconds(), (performance.now() - startMs) / 1000];
    const [node, postgres] = [after.node - before.node, after.postgres - before.postgres];
    const perAnswerUs = (cpuSeconds: number): number => (cpuSeconds / result.answers) * 1e6;
    const otherCores = (machineAfter.busy - machineBefore.busy - node - postgres - result.cpuSeconds) / elapsed;
    return { ...result, nodeUs: perAnswerUs(node), postgresUs: perAnswerUs(postgres), generatorUs: perAnswerUs(result.cpuSeconds), otherCores };
  }

  /** Until V8 has compiled what is hot and Postgres has its plans: so many requests, however long a busy machine takes for them. */
  async warmUp(service: BenchService, cluster: string, mode: Load['mode'] = 'create'): Promise<void> {
    this.progress(`warming up ${cluster}`);
    for (let answers = 0, runs = 0; answers < warmUpAnswers && runs < warmUpRunsMax; runs++)
      answers += (await this.generator.run(service.url, { cluster, connections: 128, seconds: 1.5, mode })).answers;
  }

  /** Runs each variant once in each round, in turn. @returns what each came to, round by round */
  async alternate<V extends { name: string }, R extends { perSecond: number }>(part: string, variants: readonly V[], run: (variant: V) => Promise<R>): Promise<{ variant: V; results: R[] }[]> {
    const found = variants.map((variant) => ({ variant, results: [] as R[] }));
    for (let round = 1; round <= this.settings.rounds; round++) {
      for (const { variant, results } of found) {
        const result = await run(variant);
        results.push(result);
        this.progress(`${part} ${round}/${this.settings.rounds}: ${variant.name} ${figure(result.perSecond)}/s`);
      }
    }
    return found;
  }

  /** @param bars each with the figure of every round */
  async chart(name: string, title: string, unit: string, bars: readonly { label: string; rounds: readonly number[] }[]): Promise<void> {
    const { chartsFolder } = this.settings;
    if (chartsFolder === undefined) return;
    await mkdir(chartsFolder, { recursive: true });
    const made = bars.map(({ label, rounds }) => ({ label, value: median(rounds), least: Math.min(...rounds), greatest: Math.max(...rounds) }));
    await writeFile(join(chartsFolder, `${name}.svg`), barChart(title, unit, made));
  }

  /** Creates one dual-stack Service as the generator does. @returns its name */
  async createSample(service: BenchService, cluster: string): Promise<string> {
    const name = `sample-${String(this.samples++).padStart(15, '0')}`;
    await service.post(`/clusters/${cluster}/api/v1/namespaces/default/services`, {
      apiVersion: 'v1', kind: 'Service', metadata: { name, labels: { app: 'bench', tier: 'backend' } },
      spec: { ipFamilyPolicy: 'PreferDualStack', selector: { app: 'bench' }, ports: [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 8080 }] },
    });
    return name;
  }

  async withDatabase<T>(service: BenchService, work: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = new pg.Client({ connectionString: service.databaseUrl });
    client.on('error', () => undefined); // the query under way rejects as well
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  /** On stderr, so that stdout is the report alone. */
  progress(text: string): void {
    if (!this.closed) process.stderr.write(`${text}\n`);
  }

  print(title: string | null, text: string): void {
    process.stdout.write(title === null ? `\n${text}\n` : `\n## ${title}\n\n${text}\n`);
  }

  /** Last started first: the first may be the one that runs the others' Postgres. */
  async close(): Promise<void> {
    this.closed = true;
    this.generator.stop();
    for (const starting of this.services.toReversed()) await starting.then((service) => service.stop(), () => undefined);
    for (const folder of this.folders) await rm(folder, { recursive: true, force: true });
  }
}
