-- The next changes of import %(run)s to undo, their leads locked in id order. `is_touched` as in preview_undo. `said`:
-- what the import said last of each key; where the lead has another value now, somebody changed it since.
WITH taken AS (
  SELECT lead_id, before FROM import_change
   WHERE workspace_id = %(workspace)s AND run_id = %(run)s ORDER BY lead_id LIMIT %(limit)s
), locked AS MATERIALIZED (
  SELECT l.id, l.attributes, l.email_key FROM lead l
   WHERE l.workspace_id = %(workspace)s AND l.id IN (SELECT lead_id FROM taken) ORDER BY l.id FOR NO KEY UPDATE
)
SELECT taken.lead_id, taken.before, taken.before IS NULL AS was_made, locked.attributes,
       EXISTS (SELECT 1 FROM lead_event e
                WHERE e.workspace_id = %(workspace)s AND e.lead_id = taken.lead_id
                  AND e.kind NOT IN ('score', 'stage', 'segment')
                  AND (e.kind, e.name) <> ('consent', 'expiring')
                  AND e.context ->> 'import' IS DISTINCT FROM %(run)s::text)
       OR (locked.email_key IS NULL AND EXISTS (
         SELECT 1 FROM consent_state w
          WHERE w.workspace_id = %(workspace)s AND w.lead_id = taken.lead_id AND w.state = 'withdrawn')) AS is_touched,
       coalesce((SELECT jsonb_object_agg(said.key, said.value ORDER BY e.occurred_at, e.id)
                   FROM event e CROSS JOIN LATERAL jsonb_each(e.properties) AS said
                  WHERE taken.before IS NOT NULL AND e.workspace_id = %(workspace)s AND e.lead_id = taken.lead_id
                    AND e.kind = 'identify' AND e.context ->> 'import' = %(run)s::text), '{}') AS said
  FROM taken JOIN locked ON locked.id = taken.lead_id ORDER BY taken.lead_id
