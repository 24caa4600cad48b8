import type pg from 'pg';

const keptDays = 400;

/** Beside the sets, since no event says it: what verifications found, from when to when. A rebuild of the views leaves it alone. */
export const makeFindings = async (client: pg.ClientBase): Promise<void> => {
  await client.query(`CREATE TABLE IF NOT EXISTS views.verify_findings (
    cluster text COLLATE "C" NOT NULL, found_at timestamptz NOT NULL, ended_at timestamptz, revision bigint NOT NULL, differences int NOT NULL, example text NOT NULL,
    CONSTRAINT verify_findings_pkey PRIMARY KEY (cluster, found_at))`);
};

/** What a verification of a cluster came to, when and at which revision. */
export interface Verification {
  cluster: string;
  at: Date;
  revision: number;
  /** How many; 0 ends what stands open. */
  differences: number;
  /** One of them, in a line; not used without any. */
  example: string;
}

/**
 * Notes it for the annotations: one row from the first run that finds something to the first that does not. Kept for 400 days.
 * @throws what the database throws, as where no projector has made the views yet
 */
export const noteVerification = async (pool: pg.Pool, { cluster, at, revision, differences, example }: Verification): Promise<void> => {
  if (differences === 0) {
    await pool.query('UPDATE views.verify_findings SET ended_at = $2 WHERE cluster = $1 AND ended_at IS NULL', [cluster, at]);
    return;
  }
  const values = [cluster, at, revision, differences, example];
  const { rowCount } = await pool.query('UPDATE views.verify_findings SET revision = $3, differences = $4, example = $5 WHERE cluster = $1 AND ended_at IS NULL AND found_at <= $2', values);
  if (rowCount !== 0) return;
  await pool.query('INSERT INTO views.verify_findings (cluster, found_at, revision, differences, example) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING', values);
  await pool.query('DELETE FROM views.verify_findings WHERE cluster = $1 AND ended_at < $2', [cluster, new Date(at.getTime() - keptDays * 86_400_000)]);
};
