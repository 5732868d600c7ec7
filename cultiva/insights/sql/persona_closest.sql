-- The leads closest to a persona.
SELECT p.lead_id, l.email, l.attributes, l.phone_key, p.closeness, p.confidence, p.since, s.stage, s.temperature, s.score
  FROM lead_persona p
  JOIN lead l ON l.workspace_id = %(workspace)s AND l.id = p.lead_id
  JOIN lead_state s ON s.workspace_id = %(workspace)s AND s.lead_id = p.lead_id
 WHERE p.workspace_id = %(workspace)s AND p.persona = %(persona)s
 ORDER BY p.closeness DESC, p.confidence DESC, p.lead_id LIMIT %(most)s
