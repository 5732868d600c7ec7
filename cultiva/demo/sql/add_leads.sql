-- Add leads with the state of a newcomer. Input: %(rows)s, a JSON array; output: email_key and id of each.
WITH given AS (
  SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS row(
    email text, attributes jsonb, folded jsonb, language text, source_kind text, created_at timestamptz,
    search_text text)
), added AS (
  INSERT INTO lead (workspace_id, email, email_key, attributes, folded, language, source_kind, created_at, search_text)
  SELECT %(workspace)s, email, email, attributes, folded, language, source_kind, created_at, search_text
    FROM given ORDER BY created_at, email
  RETURNING id, email_key, created_at
), state AS (
  INSERT INTO lead_state (workspace_id, lead_id, stage, stage_since, cycle)
  SELECT %(workspace)s, id, 'lead', created_at, 1 FROM added
)
SELECT id, email_key FROM added ORDER BY id
