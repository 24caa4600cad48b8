import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

const lookMs = 20;
const waitMsMax = 60_000;
/** The lock of the relay, as `RelaySession` takes it. */
const holders = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND (classid::bigint << 32 | objid::bigint) = 7219004415";

/**
 * Watches, in Postgres itself, how the relay's lock passes from one session to another. What it counts does not depend on how fast the machine is:
 * how often the others asked in vain once the session of the holder had ended. A look that comes late counts less, never more.
 */
export class HandOver {
  private constructor(private readonly client: pg.Client, private readonly from: number, private readonly startedMs: number) {}

  /** To be called before the holder is hurt. @throws when nobody holds the lock */
  static async watch(databaseUrl: string): Promise<HandOver> {
    const client = new pg.Client({ connectionString: databaseUrl });
    client.on('error', () => undefined);
    await client.connect();
    const { rows: [holder] } = await client.query<{ pid: number }>(holders);
    if (holder !== undefined) return new HandOver(client, holder.pid, performance.now());
    await client.end();
    throw new Error('no relay holds the lock');
  }

  /** @returns how often the lock was asked for between the end of the holder's session and the hand-over, and how long all of it took */
  async done(): Promise<{ asks: number; ms: number }> {
    try {
      const asked = new Set<string>();
      let endedAt: string | undefined;
      while (performance.now() - this.startedMs < waitMsMax) {
        const { rows: [seen] } = await this.client.query<{ now: string; holder: number | null; ended: boolean; asks: string[] | null }>(`SELECT clock_timestamp()::text AS now, (${holders}) AS holder,
          NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1) AS ended,
          (SELECT array_agg(query_start::text) FROM pg_stat_activity WHERE application_name = 'ipledger relay' AND pid <> $1 AND query LIKE '%pg_try_advisory_lock%') AS asks`, [this.from]);
        if (seen?.ended === true) endedAt ??= seen.now;
        for (const at of seen?.asks ?? []) if (endedAt !== undefined && at > endedAt) asked.add(at);
        if (seen?.holder != null && seen.holder !== this.from) return { asks: asked.size, ms: Math.round(performance.now() - this.startedMs) };
        await delay(lookMs);
      }
      throw new Error(`the lock was not handed over within ${waitMsMax} ms`);
    } finally {
      await this.client.end();
    }
  }
}
