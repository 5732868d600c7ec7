-- What lists need of each lead.
INSERT INTO lead_state (workspace_id, lead_id, stage, stage_since, cycle, temperature, grade, score, owner_id, last_seen_at)
SELECT %(workspace)s, p.lead_id, coalesce(c.to_stage, 'lead'), coalesce(c.at, p.created_at), 1,
       s.temperature, s.grade, s.total,
       CASE WHEN c.to_stage IN ('sales_qualified', 'customer') THEN (%(sellers)s::bigint[])[1 + p.n %% cardinality(%(sellers)s::bigint[])] END,
       seen.last_at
  FROM big_person p
  LEFT JOIN big_seen seen ON seen.lead_id = p.lead_id
  LEFT JOIN stage_change c ON c.workspace_id = %(workspace)s AND c.lead_id = p.lead_id
  LEFT JOIN score s ON s.workspace_id = %(workspace)s AND s.lead_id = p.lead_id AND s.model_id = %(model)s
