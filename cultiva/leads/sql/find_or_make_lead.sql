-- The lead of an address, made where there is none. Two submits at once give one lead: the loser of the unique key
-- waits, and its update, which changes nothing, locks the row and returns it. xmax is 0 in a row just inserted.
WITH lead_row AS (
  INSERT INTO lead (workspace_id, email, email_key, phone_key, attributes, folded, language, source_kind, created_at,
                    search_text)
  VALUES (%(workspace)s, %(email)s, %(email_key)s, %(phone_key)s, %(attributes)s::jsonb, %(folded)s::jsonb,
          %(language)s, %(source_kind)s, %(at)s, %(search_text)s)
  ON CONFLICT (workspace_id, email_key) DO UPDATE SET source_kind = lead.source_kind
  RETURNING *, xmax = 0 AS is_new
), state AS (
  INSERT INTO lead_state (workspace_id, lead_id, stage, stage_since, cycle)
  SELECT workspace_id, id, 'lead', %(at)s, 1 FROM lead_row WHERE is_new
)
SELECT * FROM lead_row
