-- Keep what would have made one visitor two people.
INSERT INTO identity_conflict (workspace_id, visitor, other, reason, event_id, seen_at)
SELECT %(workspace)s, visitor, other, reason, event_id, seen_at
  FROM jsonb_to_recordset(%(conflicts)s::jsonb) AS row(
    visitor uuid, other uuid, reason text, event_id bigint, seen_at timestamptz)
 ORDER BY event_id, visitor
ON CONFLICT (workspace_id, event_id, visitor, reason) DO NOTHING
