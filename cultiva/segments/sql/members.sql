-- Who is in a segment now, newest leads first.
SELECT m.lead_id, l.email, l.attributes, l.created_at, m.since,
       EXISTS (SELECT FROM segment_pin p WHERE p.workspace_id = %(workspace)s AND p.segment_id = %(segment)s
                  AND p.lead_id = m.lead_id AND p.is_included) AS is_pinned
  FROM segment_member m JOIN lead l ON l.workspace_id = %(workspace)s AND l.id = m.lead_id
 WHERE m.workspace_id = %(workspace)s AND m.segment_id = %(segment)s AND m.until IS NULL AND m.lead_id < %(after)s
 ORDER BY m.lead_id DESC LIMIT %(limit)s
