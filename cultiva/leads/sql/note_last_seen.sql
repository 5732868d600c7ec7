-- When each lead last did something themselves; late events do not set it back.
-- An event is received at most a minute before it occurred (CHECK), so `earliest` prunes older partitions.
UPDATE lead_state s SET last_seen_at = seen.at
  FROM (SELECT a.lead_id, max(e.occurred_at) AS at
          FROM jsonb_to_recordset(%(acts)s::jsonb) AS a(event_id bigint, lead_id bigint)
          JOIN event e ON e.id = a.event_id AND e.workspace_id = %(workspace)s
         WHERE e.id = ANY (%(events)s::bigint[]) AND e.by = 'lead'
           AND e.received_at >= %(earliest)s::timestamptz - interval '1 minute'
         GROUP BY a.lead_id) seen
 WHERE s.workspace_id = %(workspace)s AND s.lead_id = seen.lead_id
   AND (s.last_seen_at IS NULL OR s.last_seen_at < seen.at)
