import { migrate, PostgresEventStore, type AppendBatch } from '@ipledger/event-store';
import pg from 'pg';
import { variants } from '../../libs/event-store/bench/variants.js';
import type { Bench } from './bench.js';
import { figure, median, spread, table } from './figures.js';
import { BatchMaker, readSample } from './rows.js';
import type { BenchService } from './service.js';

/** Rows made at a time, outside the measured time. */
const rowsMadeAhead = 2_048;
const sizes = [1, 16, 128, 256] as const;

/**
 * How the rows get into the statement. `own` = the program's append, large texts as binary arrays (ADR 0002); `json` = one JSON
 * parameter for each table, the plainest statement of this kind.
 */
export type Shape = 'own' | 'json';

export interface RawResult {
  perSecond: number;
  /** CPU microseconds per row: our own process, which makes the parameters, and Postgres. */
  ownUs: number;
  postgresUs: number;
}

/** The rows that the service writes for a dual-stack create, as bare SQL on one connection: no HTTP, no rules. */
export class RawSql {
  private constructor(private readonly service: BenchService, private readonly store: PostgresEventStore, private readonly client: pg.Client, private readonly maker: BatchMaker) {}

  /**
   * Into a database of its own on the same Postgres: what stands in that of the service, its projection would write into views meanwhile, and long after.
   * @param from a cluster in which a sample is created over HTTP
   */
  static async open(bench: Bench, service: BenchService, from: string): Promise<RawSql> {
    const sampleName = await bench.createSample(service, from);
    const sample = await bench.withDatabase(service, async (client) => {
      await client.query('CREATE DATABASE raw');
      return readSample(client, from, sampleName);
    });
    const url = new URL(service.databaseUrl);
    url.pathname = '/raw';
    await migrate(url.href);
    const store = new PostgresEventStore({ url: url.href, max: 1 });
    const head = await store.nameCluster('raw');
    const client = new pg.Client({ connectionString: url.href });
    client.on('error', () => undefined);
    await client.connect();
    const raw = new RawSql(service, store, client, new BatchMaker(sample, head.id, head.epoch, head.revision));
    for (const shape of ['own', 'json'] as const) await raw.run(shape, 128, bench.settings.seconds); // plans, and our own code, warm up
    return raw;
  }

  /** Counts only the time in which the statement runs; batches are made before, in slices. */
  async run(shape: Shape, size: number, seconds: number): Promise<RawResult> {
    const append = this.appendOf(shape);
    let [rows, spentMs, ownUs] = [0, 0, 0];
    const before = await this.service.cpu();
    while (spentMs < seconds * 1000) {
      const batches = Array.from({ length: Math.max(1, Math.floor(Math.min(rowsMadeAhead, size * 400) / size)) }, () => this.maker.next(size));
      const [startMs, cpu] = [performance.now(), process.cpuUsage()];
      for (const batch of batches) await append(batch);
      spentMs += performance.now() - startMs;
      const { user, system } = process.cpuUsage(cpu);
      ownUs += user + system;
      rows += batches.length * size;
    }
    const after = await this.service.cpu();
    return { perSecond: rows / (spentMs / 1000), ownUs: ownUs / rows, postgresUs: ((after.postgres - before.postgres) / rows) * 1e6 };
  }

  async close(): Promise<void> {
    await this.client.end().catch(() => undefined);
    await this.store.close();
  }

  private appendOf(shape: Shape): (batch: AppendBatch) => Promise<unknown> {
    if (shape === 'own') return (batch) => this.store.append(batch);
    const json = variants.find(({ name }) => name === 'text, strings in json');
    if (json === undefined) throw new Error('the shape with JSON parameters is gone');
    return (batch) => json.append(this.client, batch);
  }
}

/** Bare SQL by batch size and shape. */
export const raw = async (bench: Bench): Promise<void> => {
  const service = await bench.startService();
  const sql = await RawSql.open(bench, service, 'default');
  try {
    const runs = sizes.flatMap((size) => (['own', 'json'] as const).map((shape) => ({ size, shape, name: `batch ${size}, ${shapeNames[shape]}` })));
    const found = await bench.alternate('raw', runs, ({ size, shape }) => sql.run(shape, size, bench.settings.seconds));
    bench.print('Bare SQL, dual-stack Services on one connection', table([
      ['batch', 'shape', 'Services/s', 'CPU µs per Service: client / Postgres'],
      ...found.map(({ variant, results }) => [
        String(variant.size), shapeNames[variant.shape], spread(results.map(({ perSecond }) => perSecond)),
        `${figure(median(results.map(({ ownUs }) => ownUs)))} / ${figure(median(results.map(({ postgresUs }) => postgresUs)))}`,
      ]),
    ]));
    await bench.chart('raw', 'Bare SQL on one connection', 'dual-stack Services per second', found.map(({ variant, results }) => ({ label: variant.name, rounds: results.map(({ perSecond }) => perSecond) })));
  } finally {
    await sql.close();
    await service.stop();
  }
};

const shapeNames: Record<Shape, string> = { own: 'binary arrays', json: 'JSON' };
