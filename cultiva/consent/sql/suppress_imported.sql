-- Put addresses on the suppression list, or set a stricter reason; leaving once more counts from its last time.
INSERT INTO suppression (workspace_id, address_hash, reason, created_at)
SELECT %(workspace)s, hash, reason, %(at)s
  FROM unnest(%(hashes)s::text[], %(reasons)s::text[]) AS wanted(hash, reason)
 ORDER BY hash
ON CONFLICT (workspace_id, address_hash) DO UPDATE SET reason = excluded.reason, created_at = excluded.created_at
