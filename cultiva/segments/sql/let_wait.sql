-- Something that segments read (%(inputs)s) changed for leads (%(leads)s, one an input) after they were refreshed: those
-- segments are due for them at once; of one that is being built it is a mark.
INSERT INTO segment_due AS d (workspace_id, segment_id, lead_id, due_at, is_mark)
SELECT DISTINCT %(workspace)s, s.id, given.lead_id, %(at)s, s.wants_build
  FROM unnest(%(leads)s::bigint[], %(inputs)s::text[]) AS given(lead_id, input)
  JOIN segment s ON s.workspace_id = %(workspace)s
   AND (given.input = 'everything' OR EXISTS (
         SELECT FROM segment_input i
          WHERE i.workspace_id = %(workspace)s AND i.input = given.input AND i.segment_id = s.id))
ON CONFLICT (workspace_id, lead_id, segment_id, is_mark) DO UPDATE SET due_at = least(d.due_at, EXCLUDED.due_at)
