-- Suppress an address for a reason that is a person's will; one already there stays. Output: the row before and after.
WITH was AS (
  SELECT * FROM suppression WHERE workspace_id = %(workspace)s AND address_hash = %(hash)s
), put AS (
  INSERT INTO suppression (workspace_id, address_hash, reason, created_at)
  VALUES (%(workspace)s, %(hash)s, %(reason)s, %(at)s)
  ON CONFLICT (workspace_id, address_hash) DO UPDATE SET reason = excluded.reason, created_at = excluded.created_at
    WHERE suppression.reason NOT IN ('objection', 'complaint', 'manual')
  RETURNING *
)
SELECT (SELECT to_jsonb(was) FROM was) AS before, to_jsonb(put) AS after FROM put
