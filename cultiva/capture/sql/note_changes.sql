-- Remember whom this import made, and what it changed of others, for its undoing. Later rows about the same lead add
-- only keys that were not changed before.
INSERT INTO import_change (workspace_id, run_id, lead_id, before)
SELECT %(workspace)s, %(run)s, id, before FROM staged_lead ORDER BY id
ON CONFLICT (workspace_id, run_id, lead_id) DO UPDATE SET before = excluded.before || import_change.before
  WHERE import_change.before IS NOT NULL
