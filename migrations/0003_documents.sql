-- The current document of each Service. Derived from the log, written in the same commit.
-- COLLATE "C": lists are in the order of bytes, as an API server's are, whatever the locale of the database.
CREATE TABLE documents (
  cluster_id int NOT NULL,
  namespace text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  revision bigint NOT NULL,
  uid text NOT NULL,
  document text NOT NULL,
  CONSTRAINT documents_pkey PRIMARY KEY (cluster_id, namespace, name)
);
