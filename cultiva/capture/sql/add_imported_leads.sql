-- Make the new leads of `staged_lead`, each with the state of a newcomer. Somebody who made one of them meanwhile
-- breaks the unique key: the chunk is then done anew, and finds them.
WITH made AS (
  INSERT INTO lead (id, workspace_id, email, email_key, phone_key, external_id, attributes, folded, language,
                    source_kind, created_at, search_text)
  SELECT id, %(workspace)s, email, email_key, phone_key, external_id, attributes, folded, language,
         'import', created_at, search_text
    FROM staged_lead WHERE is_new ORDER BY id
)
INSERT INTO lead_state (workspace_id, lead_id, stage, stage_since, cycle)
SELECT %(workspace)s, id, 'lead', created_at, 1 FROM staged_lead WHERE is_new ORDER BY id
