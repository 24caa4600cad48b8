import { fork, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/**
 * One run of the load generator. `churn` = each connection creates a Service and deletes it again; `get` = reads known ones;
 * `batch` = creates many in a request; `refused` = creates that are answered 500, since the pool is full; `shed` =
 * creates of which some are answered 429 or 503 with Retry-After, which the connection does not heed.
 */
export interface Load {
  host: string;
  port: number;
  cluster: string;
  connections: number;
  seconds: number;
  mode: 'create' | 'churn' | 'get' | 'batch' | 'refused' | 'shed';
  /** Of a `batch`: Services in a request. Of a `get`: how many known Services there are, named `known-` and 12 digits. */
  services?: number;
  /** Creates go to so many clusters in turn, named as `cluster` with four digits after it. */
  clusters?: number;
  /** Of a `create`: what else its `spec` says. */
  spec?: object;
  /** Requests a second, all connections together; without it each sends as fast as it is answered. */
  perSecondMax?: number;
  /** Makes names unique between runs: lower case letters and digits. */
  tag: string;
}

/** Requests answered with 2xx per second and their latency, after the warm-up; `answers` and `cpuSeconds` of the generator itself count all of it. */
export interface LoadResult {
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  answers: number;
  /** Answers 429 and 503 with Retry-After, in `shed`. */
  shed: number;
  errors: number;
  firstError: string | null;
  cpuSeconds: number;
}

/** The generator's process, seen from the bench. */
export class Generator {
  private readonly child: ChildProcess;
  private readonly ready: Promise<unknown>;
  /** Of this generator alone: several run at once. */
  private readonly own = randomUUID().slice(0, 6);
  private runs = 0;

  constructor() {
    this.child = fork(fileURLToPath(new URL('generator.ts', import.meta.url)));
    this.ready = Promise.race([once(this.child, 'message'), once(this.child, 'exit')]);
  }

  /** @throws Error when a request was refused or a connection broke: such a figure would say nothing */
  async run(url: string, load: Omit<Load, 'host' | 'port' | 'tag'>): Promise<LoadResult> {
    await this.ready;
    const { hostname, port } = new URL(url);
    const result = await this.ask({ ...load, host: hostname, port: Number(port), tag: `${this.own}x${this.runs++}` });
    if (result.errors > 0) throw new Error(`${result.errors} requests failed; the first: ${result.firstError}`);
    return result;
  }

  stop(): void {
    this.child.kill('SIGKILL');
  }

  private ask(load: Load): Promise<LoadResult> {
    return new Promise((resolve, reject) => {
      const answered = (message: LoadResult | { error: string }): void => {
        this.child.off('exit', exited);
        if ('error' in message) reject(new Error(message.error));
        else resolve(message);
      };
      const exited = (): void => {
        this.child.off('message', answered);
        reject(new Error('the load generator ended'));
      };
      if (this.child.exitCode !== null || this.child.signalCode !== null) return exited();
      this.child.once('message', answered).once('exit', exited);
      this.child.send(load);
    });
  }
}
