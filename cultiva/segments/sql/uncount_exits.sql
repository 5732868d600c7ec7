-- These stays ended by a merge that is undone.
UPDATE segment_day d SET gone = d.gone - 1
  FROM segment_member m JOIN workspace w ON w.id = m.workspace_id
 WHERE m.workspace_id = %(workspace)s AND m.id = ANY (%(stays)s::bigint[])
   AND d.workspace_id = %(workspace)s AND d.segment_id = m.segment_id AND d.share = 0
   AND d.day = (%(merged_at)s AT TIME ZONE w.time_zone)::date
