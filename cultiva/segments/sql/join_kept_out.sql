-- Kept out under one of the two is kept out.
UPDATE segment_pin k SET is_included = false, by = m.by, at = m.at FROM segment_pin m
 WHERE k.workspace_id = %(workspace)s AND k.lead_id = %(kept)s AND k.is_included
   AND m.workspace_id = %(workspace)s AND m.lead_id = %(merged)s AND NOT m.is_included
   AND m.segment_id = k.segment_id
