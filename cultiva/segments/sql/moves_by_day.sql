-- How many more were in each segment at the end of a day than before it; day NULL: of all days before %(before)s.
SELECT segment_id, CASE WHEN day >= %(before)s THEN day END AS day, sum(entered - gone) AS more
  FROM segment_day
 WHERE workspace_id = %(workspace)s AND segment_id = ANY (%(segments)s::bigint[])
 GROUP BY 1, 2
