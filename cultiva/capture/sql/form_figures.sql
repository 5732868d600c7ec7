-- How each form did since an instant: views, starts, submissions, and what is held back. `days`: [[day, views, sent], ..]
WITH zone AS (
  SELECT time_zone FROM workspace WHERE id = %(workspace)s
), first AS (
  SELECT (%(since)s::timestamptz AT TIME ZONE time_zone)::date + 1 AS day,
         (%(at)s::timestamptz AT TIME ZONE time_zone)::date AS last FROM zone
), sent AS (
  SELECT f.key, (s.received_at AT TIME ZONE zone.time_zone)::date AS day, count(*) AS n, max(s.received_at) AS last_at
    FROM submission s JOIN form_version f ON f.workspace_id = s.workspace_id AND f.id = s.form_id CROSS JOIN zone
   WHERE s.workspace_id = %(workspace)s AND s.received_at > %(since)s AND s.received_at <= %(at)s
   GROUP BY 1, 2
), seen AS (
  SELECT d.key, d.day, d.views, d.starts FROM form_day d, first
   WHERE d.workspace_id = %(workspace)s AND d.day BETWEEN first.day AND first.last
), held AS (
  SELECT f.key, count(*) AS n
    FROM held_submission h JOIN form_version f ON f.workspace_id = h.workspace_id AND f.id = h.form_id
   WHERE h.workspace_id = %(workspace)s AND h.state = 'waiting' GROUP BY 1
), days AS (
  SELECT coalesce(seen.key, sent.key) AS key, coalesce(seen.day, sent.day) AS day, coalesce(views, 0) AS views,
         coalesce(starts, 0) AS starts, coalesce(n, 0) AS n, last_at
    FROM seen FULL JOIN sent ON sent.key = seen.key AND sent.day = seen.day
), by_form AS (
  SELECT key, sum(views)::int AS views, sum(starts)::int AS starts, sum(n)::int AS sent, max(last_at) AS last_at,
         jsonb_agg(jsonb_build_array(day, views, n) ORDER BY day) AS days
    FROM days GROUP BY key
)
SELECT coalesce(by_form.key, held.key) AS key, coalesce(views, 0) AS views, coalesce(starts, 0) AS starts,
       coalesce(sent, 0) AS sent, coalesce(held.n, 0)::int AS held, last_at, coalesce(days, '[]') AS days
  FROM by_form FULL JOIN held ON held.key = by_form.key
 ORDER BY 1
