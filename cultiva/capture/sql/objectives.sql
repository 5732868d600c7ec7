-- The objective of the first and of the latest form that each of some leads sent.
SELECT DISTINCT lead_id,
       first_value(objective) OVER whole AS first, last_value(objective) OVER whole AS latest
  FROM submission
 WHERE workspace_id = %(workspace)s AND lead_id = ANY (%(leads)s::bigint[]) AND objective <> ''
WINDOW whole AS (PARTITION BY lead_id ORDER BY received_at, id
                 ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
 ORDER BY lead_id
