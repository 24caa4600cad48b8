-- Accepted commands that carried an Idempotency-Key, for the time in which a retry gets the first answer again.
CREATE TABLE requests (
  cluster_id int NOT NULL,
  key text COLLATE "C" NOT NULL,
  fingerprint text NOT NULL,
  command_id uuid NOT NULL,
  revision bigint NOT NULL,
  status int NOT NULL,
  created_at timestamptz NOT NULL,
  CONSTRAINT requests_pkey PRIMARY KEY (cluster_id, key)
);

CREATE INDEX requests_created_at ON requests (created_at); -- for the purge
