-- Leads of addresses and telephones that nobody had, made from events; those that exist stay as they are.
-- Input: %(leads)s, a JSON array of {place, email, email_key, phone_key, attributes, search_text, language}.
WITH given AS (
  SELECT * FROM jsonb_to_recordset(%(leads)s::jsonb) AS row(
    place int, email text, email_key text, phone_key text, attributes jsonb, folded jsonb, search_text text,
    language text)
), made AS (
  INSERT INTO lead (workspace_id, email, email_key, phone_key, attributes, folded, language, source_kind, created_at,
                    search_text)
  SELECT %(workspace)s, email, email_key, phone_key, attributes, folded,
         coalesce(nullif(language, ''), (SELECT w.language FROM workspace w WHERE w.id = %(workspace)s)), 'event',
         %(at)s, search_text
    FROM given ORDER BY email_key, phone_key
  ON CONFLICT DO NOTHING
  RETURNING id, workspace_id
)
INSERT INTO lead_state (workspace_id, lead_id, stage, stage_since, cycle)
SELECT workspace_id, id, 'lead', %(at)s, 1 FROM made
