-- Which keys were said of each lead after a time. An event is received at most a minute before it occurred, so
-- `earliest` prunes older partitions.
SELECT asked.lead_id, array_agg(DISTINCT said.key) AS keys
  FROM unnest(%(leads)s::bigint[], %(since)s::timestamptz[]) AS asked(lead_id, since)
  JOIN lead_event e ON e.workspace_id = %(workspace)s AND e.lead_id = asked.lead_id AND e.kind = 'identify'
       AND e.occurred_at > asked.since AND e.received_at >= %(earliest)s
 CROSS JOIN LATERAL jsonb_object_keys(e.properties) AS said(key)
 GROUP BY asked.lead_id
