-- What each merged lead is now; those that are themselves have no row.
SELECT merged_id, lead_id FROM lead_alias WHERE workspace_id = %(workspace)s AND merged_id = ANY (%(leads)s::bigint[])
