-- Keep values that are not of their attribute's type.
-- Input: %(rows)s, a JSON array of {subject_id, key, value, reason, seen_at}.
INSERT INTO attribute_misfit AS m (workspace_id, subject, subject_id, key, value, reason, seen_at)
SELECT %(workspace)s, %(subject)s, subject_id, key, value, reason, seen_at
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS row(
    subject_id bigint, key text, value jsonb, reason text, seen_at timestamptz)
 ORDER BY subject_id, key
ON CONFLICT (workspace_id, subject, subject_id, key) DO UPDATE
   SET value = excluded.value, reason = excluded.reason, seen_at = excluded.seen_at
 WHERE (m.value, m.reason, m.seen_at) IS DISTINCT FROM (excluded.value, excluded.reason, excluded.seen_at)
