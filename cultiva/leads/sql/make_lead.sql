-- A lead known by more or other things than an address; no row where somebody was faster.
WITH lead_row AS (
  INSERT INTO lead (workspace_id, email, email_key, phone_key, external_id, attributes, folded, language, source_kind,
                    created_at, search_text)
  VALUES (%(workspace)s, %(email)s, %(email_key)s, %(phone_key)s, %(external_id)s, %(attributes)s::jsonb,
          %(folded)s::jsonb, %(language)s, %(source_kind)s, %(at)s, %(search_text)s)
  ON CONFLICT DO NOTHING
  RETURNING *
), state AS (
  INSERT INTO lead_state (workspace_id, lead_id, stage, stage_since, cycle)
  SELECT workspace_id, id, 'lead', %(at)s, 1 FROM lead_row
)
SELECT * FROM lead_row
