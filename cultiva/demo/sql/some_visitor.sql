-- A known visitor, any: the first at or after a random point of the index.
SELECT visitor FROM visitor_link
 WHERE workspace_id = %(workspace)s AND visitor >= %(point)s::uuid
 ORDER BY visitor LIMIT 1
