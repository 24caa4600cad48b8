-- The log and what guards it. All tables are led by cluster_id, so that they can be distributed by cluster without a
-- change of key. No foreign keys on what every append writes: they would be checked row by row, and the one statement
-- that writes these tables takes the cluster from the counter row.

-- definition: JSON of the cluster as of its revision; null while it is not registered (never was, or removed again).
-- JSON is text throughout: it is served as it was written, it may hold \u0000, and nothing here looks inside (ADR 0002).
CREATE TABLE clusters (
  id int GENERATED ALWAYS AS IDENTITY CONSTRAINT clusters_pkey PRIMARY KEY,
  name text COLLATE "C" NOT NULL CONSTRAINT clusters_name_key UNIQUE,
  definition text,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- Which life of the log this is. Restoring a backup starts a new one, in which revisions may be used again. One row; what
-- is read of it is copied to the clusters, and given to clusters named later, also to those that the backup did not know.
CREATE TABLE log_epoch (
  only_row boolean NOT NULL DEFAULT true CONSTRAINT log_epoch_pkey PRIMARY KEY CONSTRAINT log_epoch_only_row_check CHECK (only_row),
  epoch int NOT NULL CONSTRAINT log_epoch_epoch_check CHECK (epoch >= 1)
);
INSERT INTO log_epoch (epoch) VALUES (1);

-- The row that is lock, optimistic check and counter in one. In a table of its own, nearly empty pages and eager vacuum,
-- because every append leaves a dead version of it: free room keeps the update on the page, without touching the index.
CREATE TABLE cluster_revisions (
  cluster_id int NOT NULL CONSTRAINT cluster_revisions_pkey PRIMARY KEY
    CONSTRAINT cluster_revisions_cluster_fkey REFERENCES clusters (id),
  revision bigint NOT NULL CONSTRAINT cluster_revisions_revision_check CHECK (revision BETWEEN 0 AND 9007199254740991), -- 2^53 - 1
  epoch int NOT NULL CONSTRAINT cluster_revisions_epoch_check CHECK (epoch >= 1)
) WITH (
  fillfactor = 10,
  autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 0,
  autovacuum_analyze_threshold = 1000000, autovacuum_analyze_scale_factor = 0
);

-- One row per command; its events have the revisions revision - event_count + 1 to revision.
CREATE TABLE log (
  cluster_id int NOT NULL,
  epoch int NOT NULL,
  revision bigint NOT NULL,
  "time" timestamptz NOT NULL,
  command_id uuid NOT NULL,
  event_count int NOT NULL CONSTRAINT log_event_count_check CHECK (event_count >= 1),
  kind text NOT NULL,
  request_id text,
  actor text,
  user_agent text,
  traceparent text,
  events text NOT NULL,
  CONSTRAINT log_pkey PRIMARY KEY (cluster_id, revision),
  CONSTRAINT log_command_key UNIQUE (cluster_id, command_id)
) WITH (
  -- Rows only come: vacuum has nothing to clean, but must freeze and mark pages all-visible now and then.
  autovacuum_vacuum_insert_scale_factor = 0.05
);

CREATE FUNCTION refuse_log_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the log is append-only: % refused', TG_OP USING ERRCODE = 'restrict_violation';
END
$$;

-- By statement, so that even one that matches no row is refused. ALWAYS: session_replication_role does not switch it off.
CREATE TRIGGER log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_log_change();
ALTER TABLE log ENABLE ALWAYS TRIGGER log_append_only;
