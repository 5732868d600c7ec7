-- How many of `judged` hold (segments/compile.py gives the steps before this text), and the newest leads among them;
-- `unknown`: of so many it is not known, and the other numbers are not to be used.
meeting AS MATERIALIZED (
  SELECT j.lead_id, j.is_unknown, m.valid_since IS NOT NULL OR NOT %(only_valid)s AS counts
    FROM judged j
    LEFT JOIN consent_mark m ON %(only_valid)s AND m.workspace_id = %(workspace)s AND m.lead_id = j.lead_id
   WHERE j.holds OR j.is_unknown
), newest AS (
  SELECT lead_id FROM meeting WHERE counts ORDER BY lead_id DESC LIMIT %(shown)s
)
SELECT count(*) FILTER (WHERE counts) AS n, count(*) FILTER (WHERE NOT counts) AS not_valid,
       count(*) FILTER (WHERE is_unknown) AS unknown,
       (SELECT coalesce(array_agg(lead_id ORDER BY lead_id DESC), '{}') FROM newest) AS leads
  FROM meeting
