-- How many companies the list holds, counted up to a limit.
SELECT count(*) AS n
  FROM (SELECT FROM company
         WHERE workspace_id = %(workspace)s
           AND (%(words)s::text[] = '{}' OR id IN (SELECT company_search(%(words)s))) LIMIT %(most)s) AS seen
