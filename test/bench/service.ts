import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '@ipledger/runtime';
import { cpuSecondsOf, cpuSecondsOfTree, rssBytesOf } from './machine.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
/** `standalone` also projects the views, on the same thread; `allocator` is the command side alone, as a larger set-up runs it. */
export type Layout = 'standalone' | 'allocator';
/** Node's own flags, as `npm start` gives them. */
const nodeFlags = ((JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: { start: string } }).scripts.start.match(/--\S+/g) ?? []) as readonly string[];
const startMsMax = 60_000;
const stopMsMax = 30_000;

export interface ServiceOptions {
  dataDir: string;
  layout: Layout;
  /** Uses the Postgres that this one runs, instead of an own one. */
  postgresOf?: BenchService;
  /** Flags of Node, such as `--cpu-prof`. */
  execArgv?: readonly string[];
  /** Settings besides its defaults. */
  env?: Readonly<Record<string, string>>;
}

export interface HeapAfterGc {
  heapUsed: number;
  external: number;
  rss: number;
}

/** The service as its user starts it, in a process of its own: as built, with its defaults. */
export class BenchService {
  private constructor(private readonly child: ChildProcess, readonly url: string, readonly databaseUrl: string, private readonly pgdata: string, private readonly postgres: EmbeddedPostgres | undefined) {}

  /** @throws Error with the service's last words when it does not come up */
  static async start({ dataDir, layout, postgresOf, execArgv = [], env = {} }: ServiceOptions): Promise<BenchService> {
    const postgres = layout === 'allocator' && postgresOf === undefined ? await startEmbeddedPostgres({ dataDir }) : undefined;
    const databaseUrl = postgresOf?.databaseUrl ?? postgres?.url;
    const args = ['--port', '0', '--log-format', 'json', ...(layout === 'standalone' ? ['--data-dir', dataDir] : ['--migrate-on-start', 'true']), ...(databaseUrl === undefined ? [] : ['--database-url', databaseUrl])];
    const main = join(root, `dist/apps/${layout}/src/main.js`);
    // Nothing of our environment: a PORT or DATABASE_URL in it would make this another service than the one described.
    const child = fork(main, args, { cwd: root, execArgv: ['--import', new URL('in-service.mjs', import.meta.url).href, ...nodeFlags, ...execArgv], env: { PATH: process.env['PATH'], ...env }, stdio: ['ignore', 'pipe', 'pipe', 'ipc'], detached: true });
    const pgdata = postgresOf?.pgdata ?? join(dataDir, 'pgdata');
    try {
      const service = new BenchService(child, await listening(child), embeddedUrl(pgdata), pgdata, postgres);
      if (postgres !== undefined) await service.post('/v1/clusters', { name: 'default', serviceCIDRs: ['10.96.0.0/16', 'fd00:10:96::/112'] }).catch(() => undefined); // there on a second start
      return service;
    } catch (error) {
      child.kill('SIGKILL');
      await postgres?.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const killer = setTimeout(() => this.child.kill('SIGKILL'), stopMsMax);
    const exited = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    await exited;
    clearTimeout(killer);
    await this.postgres?.stop();
  }

  /** @throws Error unless the answer is 2xx */
  async post(path: string, body: unknown): Promise<unknown> {
    const answer = await fetch(`${this.url}${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`POST ${path}: ${answer.status} ${text}`);
    return JSON.parse(text);
  }

  /** CPU seconds so far of Node, and of Postgres with all its backends; NaN where the system does not tell. */
  async cpu(): Promise<{ node: number; postgres: number }> {
    const postmaster = Number((await readFile(join(this.pgdata, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n', 1)[0]);
    return { node: await cpuSecondsOf(this.pid), postgres: await cpuSecondsOfTree(postmaster) };
  }

  rssBytes(): Promise<{ now: number; peak: number }> {
    return rssBytesOf(this.pid);
  }

  /** Collects garbage first; the service must have been started with `heapReportFlags`. */
  async heapAfterGc(): Promise<HeapAfterGc> {
    const answered = once(this.child, 'message', { signal: AbortSignal.timeout(stopMsMax) });
    this.child.send('heap');
    return ((await answered) as [HeapAfterGc])[0];
  }

  private get pid(): number {
    return this.child.pid ?? -1;
  }
}

export const heapReportFlags = ['--expose-gc'];

/** Resolves with the URL once the service says that it listens. Its output is read to the end, or it would block on the pipe. */
const listening = (child: ChildProcess): Promise<string> =>
  new Promise((resolve, reject) => {
    const said: string[] = [];
    const timer = setTimeout(() => reject(new Error(`the service did not listen within ${startMsMax} ms: ${said.join('\n')}`)), startMsMax);
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on('line', (line) => {
        if (said.length < 50) said.push(line);
        const url = /listens on (http:\/\/[^\s,"]+)/.exec(line)?.[1];
        if (url === undefined) return;
        clearTimeout(timer);
        resolve(url);
      });
    }
    child.once('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`the service ended with code ${code}: ${said.join('\n')}`));
    });
  });

const embeddedUrl = (pgdata: string): string => `postgresql://postgres@localhost:5432/ipledger?host=${encodeURIComponent(pgdata)}`;
