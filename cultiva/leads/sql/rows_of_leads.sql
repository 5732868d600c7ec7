-- The rows of leads that are themselves, not merged into another.
SELECT id, email, email_key, phone_key, external_id, company_id, language, attributes
  FROM lead
 WHERE workspace_id = %(workspace)s AND id = ANY (%(leads)s::bigint[]) AND merged_into_id IS NULL
 ORDER BY id
