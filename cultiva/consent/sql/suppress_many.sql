-- Suppress addresses; what stands there for a reason as strict stays.
INSERT INTO suppression (workspace_id, address_hash, reason, created_at)
SELECT %(workspace)s, hash, %(reason)s, %(at)s FROM unnest(%(hashes)s::text[]) AS wanted(hash) ORDER BY hash
ON CONFLICT (workspace_id, address_hash) DO UPDATE SET reason = excluded.reason, created_at = excluded.created_at
  WHERE suppression.reason IN ('unsubscribed', 'hard_bounce') AND excluded.reason <> 'unsubscribed'
     OR suppression.reason = 'unsubscribed' AND excluded.reason = 'unsubscribed'
