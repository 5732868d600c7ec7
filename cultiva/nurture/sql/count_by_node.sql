-- How many enrolments of each workflow stand at each node, and how many ended there; all versions together.
SELECT workflow, node, count(*) FILTER (WHERE exited_at IS NULL) AS inside,
       count(*) FILTER (WHERE exited_at IS NOT NULL) AS finished
  FROM enrolment
 WHERE workspace_id = %(workspace)s
 GROUP BY workflow, node
 ORDER BY workflow, node
