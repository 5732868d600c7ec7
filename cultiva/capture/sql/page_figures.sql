-- How each landing page did since an instant: views, and submissions through it. `days`: [[day, views, sent], ..]
WITH zone AS (
  SELECT time_zone FROM workspace WHERE id = %(workspace)s
), first AS (
  SELECT (%(since)s::timestamptz AT TIME ZONE time_zone)::date + 1 AS day,
         (%(at)s::timestamptz AT TIME ZONE time_zone)::date AS last FROM zone
), sent AS (
  SELECT s.landing_page AS key, (s.received_at AT TIME ZONE zone.time_zone)::date AS day, count(*) AS n
    FROM submission s CROSS JOIN zone
   WHERE s.workspace_id = %(workspace)s AND s.landing_page <> '' AND s.received_at > %(since)s
     AND s.received_at <= %(at)s
   GROUP BY 1, 2
), seen AS (
  SELECT d.key, d.day, d.views FROM page_day d, first
   WHERE d.workspace_id = %(workspace)s AND d.day BETWEEN first.day AND first.last
), days AS (
  SELECT coalesce(seen.key, sent.key) AS key, coalesce(seen.day, sent.day) AS day, coalesce(views, 0) AS views,
         coalesce(n, 0) AS n
    FROM seen FULL JOIN sent ON sent.key = seen.key AND sent.day = seen.day
)
SELECT key, sum(views)::int AS views, sum(n)::int AS sent, jsonb_agg(jsonb_build_array(day, views, n) ORDER BY day) AS days
  FROM days GROUP BY key ORDER BY key
