-- The leads that rows of `staged_key` are about. `is_touched`: an earlier row of the same import was about them.
-- A merged lead has no keys: they went to the one it was merged into.
SELECT l.id, l.email, l.email_key, l.external_id, l.phone_key, l.language, l.attributes,
       EXISTS (SELECT 1 FROM import_change c
                WHERE c.workspace_id = %(workspace)s AND c.run_id = %(run)s AND c.lead_id = l.id) AS is_touched
  FROM lead l WHERE l.workspace_id = %(workspace)s AND l.id IN (
  SELECT l.id FROM staged_key s JOIN lead l ON l.workspace_id = %(workspace)s AND l.email_key = s.email_key
  UNION
  SELECT l.id FROM staged_key s JOIN lead l ON l.workspace_id = %(workspace)s AND l.external_id = s.external_id
  UNION
  SELECT l.id FROM staged_key s JOIN lead l ON l.workspace_id = %(workspace)s AND l.phone_key = s.phone_key
   WHERE s.email_key IS NULL AND s.external_id IS NULL
     AND l.email_key IS NULL AND l.external_id IS NULL AND l.merged_into_id IS NULL)
 ORDER BY l.id
