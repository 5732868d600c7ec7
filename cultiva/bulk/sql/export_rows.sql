-- What an export tells of leads besides their consents to purposes, by id.
SELECT l.id, l.email, l.external_id, l.attributes, l.language, l.created_at, s.stage, s.temperature, s.grade, s.score,
       s.last_seen_at, u.email AS owner, c.name AS company_name, mark.valid_since, mark.confirmed_since,
       mark.profiled_since, mark.objected_at
  FROM lead l
  JOIN lead_state s ON s.workspace_id = %(workspace)s AND s.lead_id = l.id
  LEFT JOIN staff_user u ON u.id = s.owner_id
  LEFT JOIN company c ON c.workspace_id = %(workspace)s AND c.id = l.company_id
  LEFT JOIN consent_mark mark ON mark.workspace_id = %(workspace)s AND mark.lead_id = l.id
 WHERE l.workspace_id = %(workspace)s AND l.id = ANY (%(leads)s::bigint[])
 ORDER BY l.id
