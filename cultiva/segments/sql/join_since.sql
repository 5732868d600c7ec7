-- Where both leads are inside, the kept one has been since the earlier of the two.
UPDATE segment_member k SET since = m.since FROM segment_member m
 WHERE k.workspace_id = %(workspace)s AND k.lead_id = %(kept)s AND k.until IS NULL
   AND m.workspace_id = %(workspace)s AND m.lead_id = %(merged)s AND m.until IS NULL
   AND m.segment_id = k.segment_id AND m.since < k.since
