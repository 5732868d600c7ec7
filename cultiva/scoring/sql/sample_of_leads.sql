-- Some of the leads who may be profiled, spread over their ids, and how many there are.
WITH profiled AS MATERIALIZED (
  SELECT lead_id FROM consent_mark
   WHERE workspace_id = %(workspace)s AND valid_since IS NOT NULL AND profiled_since IS NOT NULL AND objected_at IS NULL
), counted AS (SELECT count(*) AS "of" FROM profiled)
SELECT lead_id, "of" FROM (SELECT lead_id, row_number() OVER (ORDER BY lead_id) AS n FROM profiled) p, counted
 WHERE mod(n, greatest(1, "of" / %(limit)s)) = 0
 ORDER BY lead_id LIMIT %(limit)s
