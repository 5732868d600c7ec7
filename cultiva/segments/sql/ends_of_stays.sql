-- When these stays ended.
SELECT id, until FROM segment_member WHERE workspace_id = %(workspace)s AND id = ANY (%(stays)s::bigint[])
