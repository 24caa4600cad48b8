-- What each role may do. Run by ipledger_owner after every migration; running it again changes nothing:
--     psql postgres://ipledger_owner@…/ipledger -f deploy/postgres/grants.sql

BEGIN;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM ipledger_service, ipledger_views;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO ipledger_views;

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ipledger_service;
-- What happened cannot be made not to have happened.
REVOKE UPDATE, DELETE ON log FROM ipledger_service;
-- A cluster keeps its id, its name and its epoch, and never goes.
REVOKE UPDATE, DELETE ON clusters, cluster_revisions FROM ipledger_service;
GRANT UPDATE (definition) ON clusters TO ipledger_service;
GRANT UPDATE (revision) ON cluster_revisions TO ipledger_service;
REVOKE INSERT, UPDATE, DELETE ON log_epoch, schema_migrations FROM ipledger_service;
COMMIT;
