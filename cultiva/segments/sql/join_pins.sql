-- Where only the merged lead was put in or kept out by hand, the kept one is.
UPDATE segment_pin m SET lead_id = %(kept)s
 WHERE m.workspace_id = %(workspace)s AND m.lead_id = %(merged)s
   AND NOT EXISTS (SELECT FROM segment_pin k WHERE k.workspace_id = %(workspace)s AND k.lead_id = %(kept)s
                      AND k.segment_id = m.segment_id)
