-- Something that segments read (%(inputs)s) changed for leads (%(leads)s, one an input) after they were refreshed.
INSERT INTO segment_mark (workspace_id, segment_id, lead_id, at)
SELECT DISTINCT %(workspace)s, s.id, given.lead_id, %(at)s
  FROM unnest(%(leads)s::bigint[], %(inputs)s::text[]) AS given(lead_id, input)
  JOIN segment s ON s.workspace_id = %(workspace)s
   AND (given.input = 'everything' OR EXISTS (
         SELECT FROM segment_input i
          WHERE i.workspace_id = %(workspace)s AND i.input = given.input AND i.segment_id = s.id))
 ORDER BY s.id, given.lead_id
ON CONFLICT (workspace_id, segment_id, lead_id) DO NOTHING
