-- The different values that leads have of a key, misfits included, and how many have each.
SELECT value, count(*) AS n
  FROM (SELECT attributes -> %(key)s AS value FROM lead
         WHERE workspace_id = %(workspace)s AND attributes -> %(key)s IS NOT NULL LIMIT %(most)s) AS fitting
 GROUP BY value
UNION ALL
SELECT value, count(*) AS n FROM attribute_misfit
 WHERE workspace_id = %(workspace)s AND subject = 'lead' AND key = %(key)s GROUP BY value
 ORDER BY n DESC, value
