-- Whom people put into one segment, or keep out of it, in another one as well.
INSERT INTO segment_pin (workspace_id, segment_id, lead_id, is_included, by, at)
SELECT p.workspace_id, %(segment)s, p.lead_id, p.is_included, %(by)s, %(at)s FROM segment_pin p
  JOIN lead_state s ON s.workspace_id = %(workspace)s AND s.lead_id = p.lead_id
 WHERE p.workspace_id = %(workspace)s AND p.segment_id = %(source)s
ON CONFLICT DO NOTHING
