-- Addresses of LB pools (docs/adr/0004). Derived from the log, written in the same commit.

-- A range of an LB pool need not be a CIDR.
ALTER TABLE reservations ALTER COLUMN cidr TYPE text USING cidr::text;

-- In the log of a shared LB pool: the cluster of the Service that had the address.
ALTER TABLE cooling ADD COLUMN holder_cluster text COLLATE "C" NOT NULL DEFAULT '';

-- Which Services have the addresses of the LB pools of a log. `holder_cluster` is '' in the log of a cluster; a row of a shared
-- pool's log is what a release names by its revision. Without a sharing key the Service has the address for itself.
CREATE TABLE lb_members (
  cluster_id int NOT NULL,
  address inet NOT NULL,
  holder_cluster text COLLATE "C" NOT NULL,
  namespace text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  uid text NOT NULL,
  revision bigint NOT NULL,
  sharing_key text,
  ports text[] NOT NULL,
  backend text NOT NULL,
  wait bigint,
  CONSTRAINT lb_members_pkey PRIMARY KEY (cluster_id, address, holder_cluster, namespace, name)
);

-- Services that lack addresses of LB pools. The revision is that of the Service's last event: it is what an attachment names.
CREATE TABLE lb_waiting (
  cluster_id int NOT NULL,
  namespace text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  uid text NOT NULL,
  revision bigint NOT NULL,
  families text[] NOT NULL,
  reason text NOT NULL,
  CONSTRAINT lb_waiting_pkey PRIMARY KEY (cluster_id, namespace, name)
);

-- What Services of a cluster have of shared LB pools.
CREATE TABLE lb_attached (
  cluster_id int NOT NULL,
  pool text COLLATE "C" NOT NULL,
  address inet NOT NULL,
  namespace text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  uid text NOT NULL,
  revision bigint NOT NULL,
  CONSTRAINT lb_attached_pkey PRIMARY KEY (cluster_id, pool, address, namespace, name)
);
