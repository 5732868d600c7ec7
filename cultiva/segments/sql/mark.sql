-- Something happened to these leads that the segments, one a lead, do not know of.
INSERT INTO segment_mark (workspace_id, segment_id, lead_id, at)
SELECT %(workspace)s, given.segment_id, given.lead_id, %(at)s
  FROM unnest(%(segments)s::bigint[], %(leads)s::bigint[]) AS given(segment_id, lead_id)
 ORDER BY given.segment_id, given.lead_id
ON CONFLICT (workspace_id, segment_id, lead_id) DO NOTHING
