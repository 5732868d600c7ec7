-- Who is in a segment now.
SELECT m.lead_id AS id FROM segment_member m
 WHERE m.workspace_id = %(workspace)s AND m.segment_id = %(segment)s AND m.until IS NULL
