import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const readyMsMax = 120_000;

/** One process under test, with a name and a port of its own, that is killed, frozen and started again. */
export class Service {
  private child: ChildProcess | undefined;
  starts = 0;
  frozen = false;

  constructor(readonly name: string, private readonly app: 'allocator' | 'projector', readonly port: number,
    private readonly env: Record<string, string>, private readonly logFile: string, readonly clockFile: string) {}

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }
  get isUp(): boolean {
    return this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Starts it; does not wait until it is ready. */
  start(): void {
    if (this.isUp) return;
    this.starts++;
    this.frozen = false;
    const preload = new URL('jumping-clock.mjs', import.meta.url).href;
    const child = spawn(process.execPath, ['--import', preload, join(root, `dist/apps/${this.app}/src/main.js`)], {
      cwd: root, stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], HOST: '127.0.0.1', PORT: String(this.port), LOG_FORMAT: 'json', CHAOS_CLOCK_FILE: this.clockFile, ...this.env },
    });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => appendFileSync(this.logFile, data));
    child.on('exit', (code, signal) => appendFileSync(this.logFile, `--- ${this.name} ended with ${signal ?? code}\n`));
    this.child = child;
    // However the harness ends, nothing of it goes on.
    const end = (): void => void child.kill('SIGKILL');
    process.once('exit', end);
    child.on('exit', () => process.off('exit', end));
  }

  /** Resolves when /readyz says so. A start that fails (the database is away) is tried again, as an orchestrator would. */
  async ready(): Promise<void> {
    for (const deadline = performance.now() + readyMsMax; ;) {
      const ok = await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(3_000) }).then((answer) => answer.ok, () => false);
      if (ok) return;
      if (performance.now() > deadline) throw new Error(`${this.name} is not ready within ${readyMsMax} ms; see ${this.logFile}`);
      if (!this.isUp) this.start();
      await new Promise((resolve) => { setTimeout(resolve, 200); });
    }
  }

  freeze(): void {
    this.frozen = this.isUp;
    this.child?.kill('SIGSTOP');
  }
  thaw(): void {
    this.frozen = false;
    this.child?.kill('SIGCONT');
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (!this.isUp || this.child === undefined) return;
    const gone = once(this.child, 'exit');
    this.thaw();
    this.child.kill(signal);
    await gone;
  }
}
