-- What is not handed out although nobody holds it. Derived from the log, written in the same commit. Rows whose time is over
-- mean nothing any more: every reader compares `until` with its own time, and they are deleted some day.

-- Both ends included; both of one family. Names are unique while a reservation lasts, so one that has ended may be replaced.
CREATE TABLE reservations (
  cluster_id int NOT NULL,
  name text COLLATE "C" NOT NULL,
  revision bigint NOT NULL,
  created_at timestamptz NOT NULL,
  cidr cidr NOT NULL,
  first inet NOT NULL,
  last inet NOT NULL,
  until timestamptz,
  reason text NOT NULL,
  owner text NOT NULL,
  CONSTRAINT reservations_pkey PRIMARY KEY (cluster_id, name)
);

CREATE INDEX reservations_until ON reservations (until); -- for the purge

-- Released addresses of pools with a cool-down. A claim of the address, or a pool without cool-down, puts the row out of force.
CREATE TABLE cooling (
  cluster_id int NOT NULL,
  address inet NOT NULL,
  revision bigint NOT NULL,
  until timestamptz NOT NULL,
  namespace text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  uid text NOT NULL,
  CONSTRAINT cooling_pkey PRIMARY KEY (cluster_id, address)
);

CREATE INDEX cooling_until ON cooling (until); -- for the purge
