-- Once, however often they ask: a row comes back only the first time, with the kind of the magnet now in force.
INSERT INTO magnet_grant (workspace_id, lead_id, magnet, granted_at, via, origin)
VALUES (%(workspace)s, %(lead)s, %(magnet)s, %(at)s, %(via)s, %(origin)s)
ON CONFLICT (workspace_id, lead_id, magnet) DO NOTHING
RETURNING *,
  (SELECT v.body ->> 'kind' FROM magnet_version v
    WHERE v.workspace_id = magnet_grant.workspace_id AND v.key = magnet_grant.magnet
    ORDER BY v.version DESC LIMIT 1) AS kind
