-- Which lead each visitor turned out to be, merged leads followed; those unknown have no row.
SELECT l.visitor, coalesce(a.lead_id, l.lead_id) AS lead_id
  FROM visitor_link l LEFT JOIN lead_alias a ON a.workspace_id = l.workspace_id AND a.merged_id = l.lead_id
 WHERE l.workspace_id = %(workspace)s AND l.visitor = ANY (%(visitors)s::uuid[])
