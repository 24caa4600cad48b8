import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { migrate } from '@ipledger/event-store';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '@ipledger/runtime';
import { Broker, freePort } from '@ipledger/testing';
import pg from 'pg';
import { Disk } from './disk.js';
import { FaultProxy } from './proxy.js';
import { Service } from './service.js';

export interface SystemOptions {
  allocators: number;
  /** Needs Java and Maven; without it the projector reads the log. */
  kafka: boolean;
}

/** So that a full disk is also one without room for the write-ahead log soon. */
const smallWal = { min_wal_size: '32MB', max_wal_size: '64MB' };
const walSegmentsMax = 200;
const recoverMsMax = 10_000;

/** Everything that a production set-up has, each part a process that can be hurt: Postgres, Kafka, allocators, a projector. */
export class System {
  private postgres: EmbeddedPostgres | undefined;
  private postgresEnded = false;
  private constructor(readonly folder: string, readonly services: Service[], readonly proxies: Map<string, FaultProxy>, readonly broker: Broker | undefined,
    readonly disk: Disk | undefined) {}

  static async start({ allocators, kafka }: SystemOptions, say: (line: string) => void): Promise<System> {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'ipledger-chaos-'));
    await mkdir(path.join(folder, 'log'));
    const broker = kafka ? await Broker.start() : undefined;
    const disk = await Disk.mount(path.join(folder, 'data'));
    if (typeof disk === 'string') say(`no disk will be full: ${disk}`);
    const system = new System(folder, [], new Map(), broker, typeof disk === 'string' ? undefined : disk);
    await system.startPostgres();
    await migrate(system.databaseUrl);
    for (let i = 1; i <= allocators; i++) await system.addService(`allocator-${i}`, 'allocator');
    await system.addService('projector', 'projector');
    for (const service of system.services) service.start();
    await Promise.all(system.services.map((service) => service.ready()));
    say(`up: ${system.services.map(({ name, url }) => `${name} ${url}`).join(', ')}${broker === undefined ? '' : `, Kafka ${broker.address}`}; logs in ${folder}/log`);
    return system;
  }

  get allocators(): Service[] {
    return this.services.filter(({ name }) => name.startsWith('allocator'));
  }
  /** Past every proxy. */
  get databaseUrl(): string {
    if (this.postgres === undefined) throw new Error('Postgres is not running');
    return this.postgres.url;
  }

  async startPostgres(): Promise<void> {
    const settings = { max_connections: 200, ...(this.disk !== undefined && smallWal) };
    const postgres = await startEmbeddedPostgres({ dataDir: path.join(this.folder, 'data'), binariesDir: path.join(os.tmpdir(), 'ipledger-postgres'), settings });
    this.postgres = postgres;
    this.postgresEnded = false;
    void postgres.ended.then(() => { this.postgresEnded = this.postgres === postgres; });
  }
  /** Starts new segments of the write-ahead log until there is no room for one: Postgres panics then. */
  async exhaustWal(): Promise<void> {
    // A segment in which nothing was written is not left.
    for (let i = 0; i < walSegmentsMax; i++) await this.query("SELECT pg_logical_emit_message(true, 'chaos', ''), pg_switch_wal()");
  }
  /**
   * Resolves when Postgres serves again. Mostly it recovers by itself. One that has ended is started, as by whoever supervises
   * it; so is one that hangs: in 18.4, when the start after a panic finds no room either, the postmaster goes on without it,
   * and answers "not yet accepting connections" for ever.
   */
  async recoverPostgres(): Promise<void> {
    for (const deadline = performance.now() + recoverMsMax; !(await this.isServing()); ) {
      if (this.postgresEnded) {
        await this.postgres?.stop();
        return this.startPostgres();
      }
      if (performance.now() > deadline) return this.crashPostgres();
      await new Promise((resolve) => { setTimeout(resolve, 100); });
    }
  }
  private isServing(): Promise<boolean> {
    return this.query('SELECT 1').then(() => true, () => false);
  }
  /** As an operator restarts it: open transactions are rolled back. */
  async restartPostgres(): Promise<void> {
    await this.postgres?.stop();
    await this.startPostgres();
  }
  /** `kill -9` of the postmaster, then crash recovery on the same data. */
  async crashPostgres(): Promise<void> {
    const ended = this.postgres?.ended;
    const pid = Number((await readFile(path.join(this.folder, 'data/pgdata/postmaster.pid'), 'utf8')).split('\n')[0]);
    process.kill(pid, 'SIGKILL');
    await ended;
    await this.postgres?.stop(); // lets go of the data folder
    await this.startPostgres();
  }

  async query<Row extends pg.QueryResultRow>(sql: string): Promise<Row[]> {
    const client = new pg.Client({ connectionString: this.databaseUrl });
    client.on('error', () => undefined); // the query that was running rejects as well
    try {
      await client.connect();
      return (await client.query<Row>(sql)).rows;
    } finally {
      await client.end();
    }
  }

  async stop(keep: boolean): Promise<void> {
    await Promise.all(this.services.map((service) => service.end('SIGKILL')));
    await Promise.all([...this.proxies.values()].map((proxy) => proxy.stop()));
    await this.broker?.stop();
    await this.postgres?.stop();
    await this.disk?.unmount(keep ? path.join(this.folder, 'data-kept') : undefined);
    if (!keep) await rm(this.folder, { recursive: true, force: true });
  }

  private async addService(name: string, app: 'allocator' | 'projector'): Promise<void> {
    const socketFolder = (): string => new URL(this.databaseUrl).searchParams.get('host') ?? '';
    const proxy = await FaultProxy.start(() => ({ path: `${socketFolder()}/.s.PGSQL.5432` }));
    this.proxies.set(name, proxy);
    const url = `postgres://postgres@127.0.0.1:${proxy.port}/ipledger`;
    const env = { DATABASE_URL: url, DATABASE_DIRECT_URL: url, ...(this.broker !== undefined && { KAFKA_BROKERS: this.broker.address }) };
    const clockFile = path.join(this.folder, `${name}.clock`);
    await writeFile(clockFile, '0');
    this.services.push(new Service(name, app, await freePort(), env, path.join(this.folder, 'log', `${name}.log`), clockFile));
  }
}
