-- How long an export's file is.
SELECT coalesce(sum(octet_length(content)), 0) AS bytes FROM bulk_part
 WHERE workspace_id = %(workspace)s AND action_id = %(action)s AND what = 'file'
