-- Everybody who is valid: what decides whether they may be profiled, and values that the caller adds.
-- Instants are microseconds since 1970.
SELECT l.id, coalesce(s.owner_id::text, ''), (extract(epoch FROM l.created_at) * 1000000)::bigint,
       (extract(epoch FROM m.valid_since) * 1000000)::bigint, (extract(epoch FROM m.profiled_since) * 1000000)::bigint,
       (extract(epoch FROM m.objected_at) * 1000000)::bigint /* values */
  FROM lead l JOIN consent_mark m ON m.workspace_id = l.workspace_id AND m.lead_id = l.id
  LEFT JOIN lead_state s ON s.workspace_id = l.workspace_id AND s.lead_id = l.id
 WHERE l.workspace_id = %(workspace)s AND m.valid_since IS NOT NULL
