-- Who is in which band under a model now, and who has no score, and why.
SELECT count(s.id) AS leads,
       count(*) FILTER (WHERE s.temperature = 'hot') AS hot,
       count(*) FILTER (WHERE s.temperature = 'warm') AS warm,
       count(*) FILTER (WHERE s.temperature = 'cold') AS cold,
       count(*) FILTER (WHERE s.id IS NULL AND m.objected_at IS NOT NULL) AS objected,
       count(*) FILTER (WHERE s.id IS NULL AND m.objected_at IS NULL AND m.valid_since IS NULL) AS not_valid,
       count(*) FILTER (WHERE s.id IS NULL AND m.objected_at IS NULL AND m.valid_since IS NOT NULL
                          AND m.profiled_since IS NULL) AS no_basis,
       count(*) FILTER (WHERE s.id IS NULL AND m.objected_at IS NULL AND m.valid_since IS NOT NULL
                          AND m.profiled_since IS NOT NULL) AS new
  FROM lead_state l
  LEFT JOIN consent_mark m ON m.workspace_id = l.workspace_id AND m.lead_id = l.lead_id
  LEFT JOIN score s ON s.workspace_id = l.workspace_id AND s.lead_id = l.lead_id AND s.model_id = %(model)s
 WHERE l.workspace_id = %(workspace)s
