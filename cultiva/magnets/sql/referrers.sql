-- Who brought most by a magnet that is a link: lead_id, leads brought, and those that were rewarded.
SELECT g.lead_id, count(r.id)::int AS leads, count(r.rewarded_at)::int AS rewarded
  FROM referral r JOIN magnet_grant g ON g.workspace_id = r.workspace_id AND g.id = r.grant_id
 WHERE r.workspace_id = %(workspace)s AND g.magnet = %(magnet)s AND r.lead_id <> g.lead_id
 GROUP BY g.lead_id ORDER BY leads DESC, g.lead_id LIMIT 20
