-- Ask a lead to prove their address, if they have one and were not asked too often of late.
INSERT INTO confirmation (workspace_id, lead_id, token_hash, requested_at, expires_at)
SELECT workspace_id, id, %(token_hash)s, %(at)s, %(expires_at)s
  FROM lead
 WHERE workspace_id = %(workspace)s AND id = %(lead)s AND email <> ''
   AND (SELECT count(*) FROM confirmation c
         WHERE c.workspace_id = %(workspace)s AND c.lead_id = %(lead)s AND c.requested_at > %(since)s) < %(most)s
RETURNING *
