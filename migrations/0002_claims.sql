-- Who holds what now. Derived from the log, written in the same commit; the keys are the last line of defence against
-- one address or port for two Services.

CREATE TABLE claims (
  cluster_id int NOT NULL,
  address inet NOT NULL,
  revision bigint NOT NULL,
  since timestamptz NOT NULL,
  namespace text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  uid text NOT NULL,
  CONSTRAINT claims_pkey PRIMARY KEY (cluster_id, address),
  -- 10.0.0.1/24 and 10.0.0.1 are two inet values of one address.
  CONSTRAINT claims_address_check CHECK (masklen(address) = CASE family(address) WHEN 4 THEN 32 ELSE 128 END)
);

-- A number is held for all protocols at once.
CREATE TABLE port_claims (
  cluster_id int NOT NULL,
  port int NOT NULL CONSTRAINT port_claims_port_check CHECK (port BETWEEN 1 AND 65535),
  revision bigint NOT NULL,
  purpose text NOT NULL CONSTRAINT port_claims_purpose_check CHECK (purpose IN ('node-port', 'health-check')),
  namespace text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  uid text NOT NULL,
  CONSTRAINT port_claims_pkey PRIMARY KEY (cluster_id, port)
);
