-- Once, however often they ask: a row comes back only the first time.
INSERT INTO magnet_grant (workspace_id, lead_id, magnet, granted_at)
VALUES (%(workspace)s, %(lead)s, %(magnet)s, %(at)s)
ON CONFLICT (workspace_id, lead_id, magnet) DO NOTHING
RETURNING *
