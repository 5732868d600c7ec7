-- The stays that last become the kept lead's; those that ended are the merged lead's history.
UPDATE segment_member SET lead_id = %(kept)s
 WHERE workspace_id = %(workspace)s AND lead_id = %(merged)s AND until IS NULL
