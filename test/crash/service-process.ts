import { spawn, type ChildProcess } from 'node:child_process';
import { join, resolve } from 'node:path';

export const root = resolve(import.meta.dirname, '../..');
const startMsMax = 60_000;

/** The service as `npm start` runs it, in a process of its own that can be killed. */
export class ServiceProcess {
  private constructor(readonly child: ChildProcess, readonly url: string) {}

  /** Builds when the sources are newer than `dist`. */
  static async build(): Promise<void> {
    const { build, reasonToBuild } = (await import(join(root, '.ci/build.mjs'))) as { build(): Promise<number>; reasonToBuild(): string | null };
    if (reasonToBuild() !== null && (await build()) !== 0) throw new Error('the build failed');
  }

  /** Resolves when the service says where it listens. */
  static start(dataDir: string, env: Record<string, string> = {}): Promise<ServiceProcess> {
    return ServiceProcess.run('standalone', { DATA_DIR: dataDir, ...env });
  }

  /** An allocator on a database that is there. @param folder of the build, when it is another one than ours */
  static startAllocator(databaseUrl: string, env: Record<string, string> = {}, folder = root): Promise<ServiceProcess> {
    return ServiceProcess.run('allocator', { DATABASE_URL: databaseUrl, ...env }, folder);
  }
  static startProjector(databaseUrl: string, env: Record<string, string> = {}, folder = root): Promise<ServiceProcess> {
    return ServiceProcess.run('projector', { DATABASE_URL: databaseUrl, ...env }, folder);
  }

  private static run(app: string, env: Record<string, string>, folder = root): Promise<ServiceProcess> {
    const child = spawn(process.execPath, [join(folder, `dist/apps/${app}/src/main.js`)], {
      cwd: folder, env: { ...process.env, PORT: '0', LOG_FORMAT: 'json', ...env }, stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    return new Promise((started, failed) => {
      const timer = setTimeout(() => failed(new Error(`the service did not start within ${startMsMax} ms: ${output}`)), startMsMax);
      const look = (data: Buffer): void => {
        output += data.toString();
        const url = /(?:ipledger|the allocator|the projector) listens on (http:\/\/[^" ,]+)/.exec(output)?.[1];
        if (url !== undefined) {
          clearTimeout(timer);
          started(new ServiceProcess(child, url));
        }
      };
      child.stdout?.on('data', look);
      child.stderr?.on('data', look);
      child.on('exit', (code) => {
        clearTimeout(timer);
        failed(new Error(`the service ended with ${code}: ${output}`));
      });
    });
  }

  /** Resolves with the exit code, or null when a signal ended it. */
  end(signal: NodeJS.Signals): Promise<number | null> {
    return new Promise((ended) => {
      if (this.child.exitCode !== null || this.child.signalCode !== null) return ended(this.child.exitCode);
      this.child.on('exit', (code) => ended(code));
      this.child.kill(signal);
    });
  }
}
