import type { PoolUsage } from './pool-usage.view.js';
import { writes, type Moment, type Part, type View } from './view.js';

/**
 * How full each pool was: the last value of each minute, hour and day in which something changed, by the time of the events
 * only, so that a rebuild gives the same rows. A step without a row repeats the one before; a row with capacity 0 says that
 * the pool is gone.
 */
export const usageHistoryView: View = {
  tables: `
    CREATE TABLE usage_history (
      cluster text COLLATE "C" NOT NULL,
      pool text NOT NULL,
      family text NOT NULL,
      step_seconds int NOT NULL,
      bucket timestamptz NOT NULL,
      revision bigint NOT NULL,
      capacity numeric NOT NULL,
      allocated bigint NOT NULL,
      static_allocated bigint NOT NULL,
      dynamic_allocated bigint NOT NULL,
      allocated_max bigint NOT NULL,
      kind text NOT NULL DEFAULT 'cluster-ip',
      lb_pool text,
      CONSTRAINT usage_history_pkey PRIMARY KEY (cluster, pool, family, step_seconds, bucket)
    ) WITH (fillfactor = 70)`,
  stable: {
    usage_history: `SELECT cluster, pool, family, step_seconds, bucket, capacity, allocated, capacity - allocated * (capacity > 0)::int AS available,
        static_allocated, dynamic_allocated, allocated_max, revision, kind, lb_pool FROM {set}.usage_history`,
  },
  compared: { usage_history: 'true' },
};

/** How long a step is, and for how long its rows are kept, counted back from the newest event of the cluster. Days are kept for ever. */
export const historySteps = [
  { seconds: 60, keptDays: 14 },
  { seconds: 3_600, keptDays: 400 },
  { seconds: 86_400, keptDays: Infinity },
] as const;
/** Old rows go once an hour of event time, so that most batches have nothing to delete. */
const pruneGrainMs = 3_600_000;
const dayMs = 86_400_000;

interface Sample {
  pool: string;
  family: string;
  step_seconds: number;
  bucket: string;
  revision: number;
  capacity: string;
  allocated: number;
  static_allocated: number;
  dynamic_allocated: number;
  allocated_max: number;
  kind: string;
  lb_pool: string | null;
}

export class HistoryChanges {
  private readonly samples = new Map<string, Sample>();
  /** Pool -> its samples of the steps that the last command fell into: mostly those of the next one, too. */
  private readonly latest = new Map<string, { startMs: number; sample: Sample }[]>();

  /** @param pools those that the command changed, as it left them */
  take(pools: readonly PoolUsage[], { revision, time }: Moment): void {
    const timeMs = Date.parse(time);
    for (const pool of pools) {
      const { allocated, capacity } = pool.total;
      for (const sample of this.samplesAt(pool, timeMs)) {
        sample.revision = revision;
        sample.capacity = capacity;
        sample.allocated = allocated;
        sample.static_allocated = pool.static.allocated;
        sample.dynamic_allocated = pool.dynamic.allocated;
        sample.kind = pool.kind;
        sample.lb_pool = pool.lbPool;
        if (allocated > sample.allocated_max) sample.allocated_max = allocated;
      }
    }
  }

  private samplesAt({ pool, family }: PoolUsage, timeMs: number): Sample[] {
    const key = `${pool} ${family}`;
    const known = this.latest.get(key);
    const found = historySteps.map(({ seconds }, index) => {
      const startMs = Math.floor(timeMs / (seconds * 1000)) * seconds * 1000;
      return known?.[index]?.startMs === startMs ? known[index] : { startMs, sample: this.sampleOf(pool, family, seconds, startMs) };
    });
    this.latest.set(key, found);
    return found.map(({ sample }) => sample);
  }

  private sampleOf(pool: string, family: string, step_seconds: number, startMs: number): Sample {
    const bucket = new Date(startMs).toISOString();
    const key = `${step_seconds} ${bucket} ${pool} ${family}`;
    const known = this.samples.get(key);
    if (known !== undefined) return known;
    const made: Sample = { pool, family, step_seconds, bucket, revision: 0, capacity: '0', allocated: 0, static_allocated: 0, dynamic_allocated: 0, allocated_max: 0, kind: '', lb_pool: null };
    this.samples.set(key, made);
    return made;
  }

  /**
   * @param before the newest time of any event before this run, `now` after it. What is older than kept is not written, and
   *   what has become so is deleted: the same rows remain however the log was cut into batches.
   */
  parts(before: string | null, now: string): Part[] {
    const kept = [...this.samples.values()].filter(({ step_seconds, bucket }) => bucket >= keptFrom(step_seconds, now));
    const isDue = before === null || grainOf(before) !== grainOf(now);
    const old = !isDue ? [] : historySteps.filter(({ keptDays }) => keptDays !== Infinity).map(({ seconds }) => ({ step_seconds: seconds, before: keptFrom(seconds, now) }));
    return [
      ...writes('history', kept, (rows) => `INSERT INTO usage_history AS u (cluster, pool, family, step_seconds, bucket, revision, capacity, allocated, static_allocated, dynamic_allocated, allocated_max, kind, lb_pool)
        SELECT $1, r.* FROM json_to_recordset(${rows}::json) AS r (pool text, family text, step_seconds int, bucket timestamptz, revision bigint, capacity numeric,
          allocated bigint, static_allocated bigint, dynamic_allocated bigint, allocated_max bigint, kind text, lb_pool text)
        ON CONFLICT ON CONSTRAINT usage_history_pkey DO UPDATE SET revision = excluded.revision, capacity = excluded.capacity, allocated = excluded.allocated,
          static_allocated = excluded.static_allocated, dynamic_allocated = excluded.dynamic_allocated, allocated_max = greatest(u.allocated_max, excluded.allocated_max),
          kind = excluded.kind, lb_pool = excluded.lb_pool`),
      ...writes('history_pruned', old, (rows) => `DELETE FROM usage_history u USING json_to_recordset(${rows}::json) AS r (step_seconds int, before timestamptz)
        WHERE u.cluster = $1 AND u.step_seconds = r.step_seconds AND u.bucket < r.before`),
    ];
  }
}

const grainOf = (time: string): number => Math.floor(Date.parse(time) / pruneGrainMs);

/** The first bucket that is kept. */
const keptFrom = (seconds: number, now: string): string => {
  const { keptDays } = historySteps.find((step) => step.seconds === seconds) ?? historySteps[2];
  return keptDays === Infinity ? '' : new Date(grainOf(now) * pruneGrainMs - keptDays * dayMs).toISOString();
};
