-- The first and the last id, each by one look into an index.
SELECT (SELECT id FROM lead WHERE workspace_id = %(workspace)s ORDER BY id LIMIT 1) AS first,
       (SELECT id FROM lead WHERE workspace_id = %(workspace)s ORDER BY id DESC LIMIT 1) AS last
