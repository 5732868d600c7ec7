-- The leads that rows of `staged_key` are about. `is_touched`: an earlier row of the same import was about them.
-- Who writes adds FOR NO KEY UPDATE OF l, which locks them in id order.
-- A merged lead has no keys: they went to the one it was merged into.
-- Each key is looked up by its index: a table that grows by the file has no statistics to choose by.
WITH about AS MATERIALIZED (
  SELECT found.id FROM staged_key s CROSS JOIN LATERAL (
    SELECT id FROM lead WHERE workspace_id = %(workspace)s AND email_key = s.email_key LIMIT 1) found
   WHERE s.email_key IS NOT NULL
  UNION
  SELECT found.id FROM staged_key s CROSS JOIN LATERAL (
    SELECT id FROM lead WHERE workspace_id = %(workspace)s AND external_id = s.external_id LIMIT 1) found
   WHERE s.external_id IS NOT NULL
  UNION
  SELECT found.id FROM staged_key s CROSS JOIN LATERAL (
    SELECT id FROM lead WHERE workspace_id = %(workspace)s AND phone_key = s.phone_key
       AND email_key IS NULL AND external_id IS NULL AND merged_into_id IS NULL LIMIT 1) found
   WHERE s.email_key IS NULL AND s.external_id IS NULL
)
SELECT l.id, l.email, l.email_key, l.external_id, l.phone_key, l.language, l.attributes,
       EXISTS (SELECT 1 FROM import_change c
                WHERE c.workspace_id = %(workspace)s AND c.run_id = %(run)s AND c.lead_id = l.id) AS is_touched
  FROM lead l WHERE l.workspace_id = %(workspace)s AND l.id = ANY (ARRAY(SELECT id FROM about)) ORDER BY l.id
