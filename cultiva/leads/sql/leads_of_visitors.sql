-- Which lead each visitor turned out to be; those unknown have no row.
SELECT visitor, lead_id FROM visitor_link
 WHERE workspace_id = %(workspace)s AND visitor = ANY (%(visitors)s::uuid[])
