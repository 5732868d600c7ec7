-- The next entries and exits of a build that the ledger does not know of.
SELECT m.id, s.key AS segment, m.segment_id, m.lead_id, m.is_entry
  FROM (
    (SELECT id, segment_id, lead_id, true AS is_entry FROM segment_member
      WHERE id > %(told_entry)s AND workspace_id = %(workspace)s AND segment_id = %(segment)s AND since = %(at)s
      ORDER BY id LIMIT %(limit)s)
     UNION ALL
    (SELECT id, segment_id, lead_id, false FROM segment_member
      WHERE workspace_id = %(workspace)s AND segment_id = %(segment)s AND until = %(at)s AND id > %(told_exit)s
      ORDER BY id LIMIT %(limit)s)) m
  JOIN segment s ON s.workspace_id = %(workspace)s AND s.id = m.segment_id
 ORDER BY m.id
