-- How far the log has been published. Written by one relay at a time, which holds an advisory lock, in its term.

-- The term goes up with every relay that takes over: what an earlier one still wants to write finds its term gone.
CREATE TABLE relay_term (
  only_row boolean NOT NULL DEFAULT true CONSTRAINT relay_term_pkey PRIMARY KEY CONSTRAINT relay_term_only_row_check CHECK (only_row),
  term bigint NOT NULL
);
INSERT INTO relay_term (term) VALUES (0);

-- Everything up to the revision is published, and who holds what was stated in the epoch. Rewritten with every batch, so with
-- free room on its pages and eager vacuum, as cluster_revisions.
CREATE TABLE relay_checkpoints (
  cluster_id int NOT NULL CONSTRAINT relay_checkpoints_pkey PRIMARY KEY,
  epoch int NOT NULL,
  revision bigint NOT NULL
) WITH (
  fillfactor = 10,
  autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 0,
  autovacuum_analyze_threshold = 1000000, autovacuum_analyze_scale_factor = 0
);
