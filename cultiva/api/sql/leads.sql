-- Leads as the API shows them, by id. Each part of a row is looked up by an index, for a page of at most 1,000.
SELECT l.id, nullif(l.email, '') AS email, l.phone_key AS phone, l.external_id, l.language, l.source_kind,
       l.created_at, s.last_seen_at, l.attributes,
       CASE WHEN c.id IS NOT NULL THEN jsonb_build_object('id', c.id, 'name', c.name, 'domain', c.domain) END AS company,
       s.stage, s.stage_since, s.temperature, s.grade, s.score,
       CASE WHEN u.id IS NOT NULL THEN jsonb_build_object('id', u.id, 'name', u.full_name, 'email', u.email) END AS owner,
       m.valid_since, m.confirmed_since, m.profiled_since, m.objected_at,
       coalesce((SELECT jsonb_agg(jsonb_build_object('purpose', p.purpose, 'channel', p.channel, 'state', p.state,
                                                     'since', p.since) ORDER BY p.purpose, p.channel)
                   FROM consent_state p WHERE p.workspace_id = l.workspace_id AND p.lead_id = l.id), '[]') AS purposes,
       coalesce((SELECT jsonb_agg(jsonb_build_object('key', x.key, 'value', x.value, 'seen_at', x.seen_at) ORDER BY x.key)
                   FROM attribute_misfit x
                  WHERE x.workspace_id = l.workspace_id AND x.subject = 'lead' AND x.subject_id = l.id), '[]') AS misfits,
       (SELECT count(*) FROM visitor_link v WHERE v.workspace_id = l.workspace_id AND v.lead_id = l.id) AS visitor_count,
       coalesce((SELECT jsonb_agg(a.merged_id ORDER BY a.merged_id)
                   FROM lead_alias a WHERE a.workspace_id = l.workspace_id AND a.lead_id = l.id), '[]') AS merged_ids
  FROM lead l
  JOIN lead_state s ON s.workspace_id = l.workspace_id AND s.lead_id = l.id
  LEFT JOIN company c ON c.workspace_id = l.workspace_id AND c.id = l.company_id
  LEFT JOIN staff_user u ON u.id = s.owner_id
  LEFT JOIN consent_mark m ON m.workspace_id = l.workspace_id AND m.lead_id = l.id
 WHERE l.workspace_id = %(workspace)s AND l.id = ANY (%(leads)s::bigint[])
