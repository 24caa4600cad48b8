import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Bench } from './bench.js';
import type { BenchService } from './service.js';

const lagEveryMs = 50;
const caughtUpMsMax = 120_000;

/** How far the views of one cluster are behind, seen from outside. */
export class ViewsProbe {
  private constructor(private readonly bench: Bench, private readonly service: BenchService, private readonly client: pg.Client, private readonly cluster: string) {}

  static async open(bench: Bench, service: BenchService, cluster: string): Promise<ViewsProbe> {
    const client = new pg.Client({ connectionString: service.databaseUrl });
    await client.connect();
    return new ViewsProbe(bench, service, client, cluster);
  }

  /** From the answer to a create until the views reflect it, in milliseconds. */
  async once(): Promise<number> {
    const name = await this.bench.createSample(this.service, this.cluster);
    const answeredMs = performance.now();
    while (!(await this.shows(name))) await delay(1);
    return performance.now() - answeredMs;
  }

  private async shows(name: string): Promise<boolean> {
    const { rowCount } = await this.client.query({ name: 'shows', text: "SELECT 1 FROM views.service_versions WHERE cluster = $1 AND namespace = 'default' AND name = $2", values: [this.cluster, name] });
    return rowCount === 1;
  }

  async revision(): Promise<number> {
    const { rows: [row] } = await this.client.query<{ revision: number }>('SELECT revision::float8 AS revision FROM views.checkpoints WHERE cluster = $1', [this.cluster]);
    return row?.revision ?? 0;
  }

  /** Age of the oldest event that is not in the views, and how many there are. */
  async lag(): Promise<{ seconds: number; events: number }> {
    const { rows: [row] } = await this.client.query<{ seconds: number; events: number }>({ name: 'lag', text: `
      SELECT h.revision::float8 - at.revision AS events, coalesce(extract(epoch FROM clock_timestamp() -
        (SELECT l.time FROM log l WHERE l.cluster_id = c.id AND l.revision > at.revision ORDER BY l.cluster_id, l.revision LIMIT 1)), 0)::float8 AS seconds
      FROM clusters c JOIN cluster_revisions h ON h.cluster_id = c.id,
        LATERAL (SELECT coalesce((SELECT k.revision FROM views.checkpoints k WHERE k.cluster = c.name), 0)::bigint AS revision) at
      WHERE c.name = $1`, values: [this.cluster] });
    return { seconds: Math.max(0, row?.seconds ?? 0), events: row?.events ?? 0 };
  }

  /** Lags seen every so often while something runs. */
  async lagsDuring<T>(work: Promise<T>): Promise<{ result: T; seconds: number[] }> {
    const seconds: number[] = [];
    let running = true;
    const ended = work.finally(() => { running = false; });
    ended.catch(() => undefined); // thrown below
    while (running) {
      seconds.push((await this.lag()).seconds);
      await delay(lagEveryMs);
    }
    return { result: await ended, seconds };
  }

  /** @returns milliseconds until the views have everything @throws when they do not get there */
  async caughtUp(): Promise<number> {
    const startMs = performance.now();
    while ((await this.lag()).events > 0) {
      if (performance.now() - startMs > caughtUpMsMax) throw new Error(`the views did not catch up within ${caughtUpMsMax / 1000} s`);
      await delay(2);
    }
    return performance.now() - startMs;
  }

  async rowsWritten(): Promise<number> {
    const { rows: [row] } = await this.client.query<{ written: number }>("SELECT coalesce(sum(n_tup_ins + n_tup_upd), 0)::float8 AS written FROM pg_stat_user_tables WHERE schemaname ~ '^views_v' AND pg_stat_clear_snapshot() IS NOT NULL");
    return row?.written ?? 0;
  }

  close(): Promise<void> {
    return this.client.end();
  }
}
