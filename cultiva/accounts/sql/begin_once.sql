-- Claim an idempotency key before the work is done. One who comes second waits here for the first one's transaction:
-- where that committed no row comes back, where it was rolled back the second one gets the work.
INSERT INTO api_idempotency (workspace_id, key_id, idempotency_key, request_hash, body, created_at)
VALUES (%(workspace)s, %(key)s, %(idempotency_key)s, %(request_hash)s, '', %(at)s)
ON CONFLICT (workspace_id, key_id, idempotency_key) DO NOTHING
RETURNING id
