-- Counts of the last seven days and of the seven before: new leads, leads that became valid, that reached
-- sales, that bought. Moments after `at` do not exist yet.
SELECT
  count(*) FILTER (WHERE what = 'lead' AND moment > %(week_ago)s) AS new_leads_now,
  count(*) FILTER (WHERE what = 'lead' AND moment <= %(week_ago)s) AS new_leads_before,
  count(*) FILTER (WHERE what = 'valid' AND moment > %(week_ago)s) AS valid_leads_now,
  count(*) FILTER (WHERE what = 'valid' AND moment <= %(week_ago)s) AS valid_leads_before,
  count(*) FILTER (WHERE what = 'sales_qualified' AND moment > %(week_ago)s) AS qualified_now,
  count(*) FILTER (WHERE what = 'sales_qualified' AND moment <= %(week_ago)s) AS qualified_before,
  count(*) FILTER (WHERE what = 'customer' AND moment > %(week_ago)s) AS customers_now,
  count(*) FILTER (WHERE what = 'customer' AND moment <= %(week_ago)s) AS customers_before
FROM (
  SELECT 'lead' AS what, created_at AS moment FROM lead
   WHERE workspace_id = %(workspace)s AND created_at > %(two_weeks_ago)s AND merged_into_id IS NULL
  UNION ALL
  SELECT 'valid', valid_since FROM consent_mark
   WHERE workspace_id = %(workspace)s AND valid_since > %(two_weeks_ago)s
     AND lead_id NOT IN (SELECT merged_id FROM lead_alias WHERE workspace_id = %(workspace)s)
  UNION ALL
  SELECT to_stage, at FROM stage_change
   WHERE workspace_id = %(workspace)s AND at > %(two_weeks_ago)s AND to_stage IN ('sales_qualified', 'customer')
     AND by <> 'merge' -- nobody bought by being merged
) AS moments
WHERE moment <= %(at)s
