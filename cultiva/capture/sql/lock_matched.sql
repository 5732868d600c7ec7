-- Lock the leads that rows of `staged_key` are about, in id order.
SELECT id FROM lead WHERE workspace_id = %(workspace)s AND id IN (
  SELECT l.id FROM staged_key s JOIN lead l ON l.workspace_id = %(workspace)s AND l.email_key = s.email_key
  UNION
  SELECT l.id FROM staged_key s JOIN lead l ON l.workspace_id = %(workspace)s AND l.external_id = s.external_id
  UNION
  SELECT l.id FROM staged_key s JOIN lead l ON l.workspace_id = %(workspace)s AND l.phone_key = s.phone_key
   WHERE s.email_key IS NULL AND s.external_id IS NULL
     AND l.email_key IS NULL AND l.external_id IS NULL AND l.merged_into_id IS NULL)
 ORDER BY id FOR NO KEY UPDATE
