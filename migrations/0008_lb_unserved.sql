-- Services of type LoadBalancer without a class that nobody serves stand in lb_waiting too (reason NotServed), so that they are found when
-- their cluster comes to serve such. Those that are there: what a fold of the log says (libs/services/src/load-balancer/request.ts, waitOf).

-- A document that Postgres cannot read (half of a surrogate pair) must not stop the migration; verify tells of it, and a rebuild mends it.
CREATE FUNCTION pg_temp.parsed(document text) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
  RETURN replace(document, '\u0000', '\u0020')::jsonb; -- jsonb cannot hold a NUL, which some annotation may have
EXCEPTION WHEN others THEN
  RETURN NULL;
END $$;

INSERT INTO lb_waiting (cluster_id, namespace, name, uid, revision, families, reason)
SELECT cluster_id, namespace, name, uid, revision, ARRAY(SELECT jsonb_array_elements_text(coalesce(object #> '{spec,ipFamilies}', '[]'))), 'NotServed'
FROM (SELECT d.*, pg_temp.parsed(document) AS object FROM documents d WHERE document LIKE '%"type":"LoadBalancer"%' OFFSET 0) d
WHERE object #>> '{spec,type}' = 'LoadBalancer' AND object #> '{spec,loadBalancerClass}' IS NULL AND object #> '{metadata,deletionTimestamp}' IS NULL
  AND NOT coalesce(object #> '{status,conditions}', '[]') @> '[{"type": "ipledger.io/LoadBalancerAddresses"}]'
ON CONFLICT DO NOTHING;

DROP FUNCTION pg_temp.parsed(text);
