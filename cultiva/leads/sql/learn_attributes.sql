-- Define keys seen for the first time. Input: %(rows)s, a JSON array of {key, type, choices}.
INSERT INTO attribute (workspace_id, subject, key, label, type, choices, is_guessed, created_at)
SELECT %(workspace)s, %(subject)s, key, '', type, choices, true, %(at)s
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS row(key text, type text, choices jsonb)
 ORDER BY key
ON CONFLICT (workspace_id, subject, key) DO NOTHING
