-- The roles of ipledger's database. Run once, by an administrator of the server, in the database of the log:
--     psql -d ipledger -f deploy/postgres/roles.sql
-- then give each a password (\password ipledger_owner …), migrate as the owner, and run grants.sql as the owner.

-- Owns the tables: for migrations and for tools that change what is stored. No process that serves requests logs in so.
CREATE ROLE ipledger_owner LOGIN;
-- For allocators: appends to the log, and keeps what is derived from it.
CREATE ROLE ipledger_service LOGIN;
-- For projectors: reads the log, and owns the views, which it makes itself.
CREATE ROLE ipledger_views LOGIN;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO ipledger_owner;
GRANT USAGE ON SCHEMA public TO ipledger_service, ipledger_views;
DO $$
BEGIN
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO ipledger_owner, ipledger_service, ipledger_views', current_database());
  EXECUTE format('GRANT CREATE ON DATABASE %I TO ipledger_views', current_database()); -- a schema for each set of views
END
$$;
