-- Services of type LoadBalancer without a class that nobody serves stand in lb_waiting too (reason NotServed), so that they are found when
-- their cluster comes to serve such. Those that are there: what a fold of the log says (libs/services/src/load-balancer/request.ts, waitOf).
-- A block, not a function: the role that migrates may create no temporary objects.
DO $$
DECLARE
  found record;
  object jsonb;
BEGIN
  FOR found IN SELECT * FROM documents WHERE document LIKE '%"type":"LoadBalancer"%' LOOP
    BEGIN
      object := replace(found.document, '\u0000', '\u0020')::jsonb; -- jsonb cannot hold a NUL, which some annotation may have
    EXCEPTION WHEN others THEN
      CONTINUE; -- half of a surrogate pair must not stop the migration; verify tells of it, and a rebuild mends it
    END;
    IF object #>> '{spec,type}' = 'LoadBalancer' AND object #> '{spec,loadBalancerClass}' IS NULL AND object #> '{metadata,deletionTimestamp}' IS NULL
      AND NOT coalesce(object #> '{status,conditions}', '[]') @> '[{"type": "ipledger.io/LoadBalancerAddresses"}]' THEN
      INSERT INTO lb_waiting (cluster_id, namespace, name, uid, revision, families, reason)
      VALUES (found.cluster_id, found.namespace, found.name, found.uid, found.revision,
        ARRAY(SELECT jsonb_array_elements_text(coalesce(object #> '{spec,ipFamilies}', '[]'))), 'NotServed')
      ON CONFLICT DO NOTHING;
    END IF;
  END LOOP;
END $$;
