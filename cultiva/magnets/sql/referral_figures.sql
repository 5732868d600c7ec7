-- What came of one personal link. Visits of programs are not counted.
SELECT (SELECT count(*) FROM event e
         WHERE e.workspace_id = %(workspace)s AND e.lead_id = %(lead)s AND e.kind = 'track'
           AND e.name = 'referral_visited' AND e.properties ->> 'magnet' = %(magnet)s
           AND e.properties ->> 'by' <> 'machine')::int AS visits,
       count(r.id)::int AS leads, count(r.rewarded_at)::int AS rewarded
  FROM referral r JOIN magnet_grant g ON g.workspace_id = r.workspace_id AND g.id = r.grant_id
 WHERE r.workspace_id = %(workspace)s AND r.grant_id = %(grant)s AND r.lead_id <> g.lead_id
