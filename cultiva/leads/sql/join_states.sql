-- When the person was last seen: the later of the two leads.
UPDATE lead_state k SET last_seen_at = m.last_seen_at
  FROM lead_state m
 WHERE k.workspace_id = %(workspace)s AND k.lead_id = %(kept)s
   AND m.workspace_id = %(workspace)s AND m.lead_id = %(merged)s
   AND m.last_seen_at > coalesce(k.last_seen_at, '-infinity')
