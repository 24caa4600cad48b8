import { storeErrorOf } from '@ipledger/event-store';
import { Nap, problem, ProblemError } from '@ipledger/runtime';
import type pg from 'pg';

/** What an answer reflects: everything up to this revision, whose event has this time. null before the first event. */
export interface AsOf {
  revision: number;
  time: string | null;
}

const pollMs = 20;

/** The views for reading, and waiting for them. Every answer comes with the revision that it reflects, from one snapshot. */
export class ViewsReader {
  /** Who waits for which revision of which cluster: however many wait, one query asks for all. */
  private readonly waiting = new Set<{ cluster: string; revision: number; reached(): void }>();
  private polling: Promise<void> | undefined;
  private readonly nap = new Nap();

  constructor(private readonly pool: pg.Pool) {}

  /**
   * Rows of a query over the schema `views`, with what they reflect. The query stands as a lateral part behind the checkpoint
   * `k` of the cluster, which is `$1`; without rows the checkpoint comes alone.
   */
  async read<Row>(cluster: string, query: string, values: readonly unknown[] = [], name?: string): Promise<{ asOf: AsOf; rows: Row[] }> {
    const text = `SELECT k.revision::float8 AS as_of_revision, k.event_time AS as_of_time, r.* FROM views.checkpoints k
      LEFT JOIN LATERAL (SELECT true AS found, q.* FROM (${query}) AS q) AS r ON true WHERE k.cluster = $1`;
    const { rows } = await this.query<Row & { as_of_revision: number; as_of_time: Date | null; found: boolean | null }>({ ...(name !== undefined && { name }), text, values: [cluster, ...values] });
    const [first] = rows;
    return {
      asOf: { revision: first?.as_of_revision ?? 0, time: first?.as_of_time?.toISOString() ?? null },
      rows: rows.filter(({ found }) => found === true),
    };
  }

  /**
   * Waits until the views reflect a revision.
   * @throws ProblemError views_behind when the time is over
   */
  async waitFor(cluster: string, revision: number, timeoutMs: number): Promise<void> {
    if ((await this.reached([cluster])).get(cluster)! >= revision) return;
    let timer: NodeJS.Timeout | undefined;
    let stop = (): void => {};
    const arrived = await new Promise<boolean>((resolve) => {
      const waiter = { cluster, revision, reached: () => resolve(true) };
      stop = () => void this.waiting.delete(waiter);
      this.waiting.add(waiter);
      timer = setTimeout(resolve, timeoutMs, false);
      this.polling ??= this.poll().finally(() => (this.polling = undefined));
    });
    clearTimeout(timer);
    stop();
    if (arrived) return;
    const at = (await this.reached([cluster])).get(cluster)!;
    if (at < revision) throw new ProblemError(problem('views_behind', `the views of ${cluster} reflect revision ${at}, not yet ${revision}; ask again, or with a longer timeout`, { revision: at }), 1);
  }

  /** Resolves when the database answers. @throws StoreUnavailable */
  async ping(): Promise<void> {
    await this.query({ text: 'SELECT 1' });
  }

  /** This process has moved a checkpoint: whoever waits need not wait for the next look. */
  hint(): void {
    if (this.waiting.size > 0) this.nap.wake();
  }

  private async poll(): Promise<void> {
    while (this.waiting.size > 0) {
      try {
        const at = await this.reached([...new Set([...this.waiting].map(({ cluster }) => cluster))]);
        for (const waiter of this.waiting) if (at.get(waiter.cluster)! >= waiter.revision) waiter.reached();
      } catch {
        // The waiters find out themselves: each reads once more when its time is over.
      }
      await this.nap.sleep(pollMs);
    }
  }

  private async reached(clusters: readonly string[]): Promise<Map<string, number>> {
    const rows = (await this.query<{ cluster: string; revision: number }>({
      name: 'views_reached', text: 'SELECT cluster, revision::float8 AS revision FROM views.checkpoints WHERE cluster = ANY ($1)', values: [clusters] })).rows;
    const found = new Map(rows.map((row) => [row.cluster, row.revision]));
    return new Map(clusters.map((cluster) => [cluster, found.get(cluster) ?? 0]));
  }

  private async query<Row extends pg.QueryResultRow>(config: pg.QueryConfig): Promise<pg.QueryResult<Row>> {
    try {
      return await this.pool.query<Row>(config);
    } catch (error) {
      if ((error as pg.DatabaseError).code === '42P01' || (error as pg.DatabaseError).code === '3F000')
        throw new ProblemError(problem('unavailable', 'the views do not exist yet: a projector makes them when it starts'), 1);
      throw storeErrorOf(error);
    }
  }
}
