-- New leads of each of the last days, days of the workspace's time zone, oldest first; days without leads are 0.
SELECT day::date AS day, count(l.id) AS leads
  FROM generate_series((%(at)s AT TIME ZONE %(zone)s)::date - (%(days)s - 1), (%(at)s AT TIME ZONE %(zone)s)::date,
                       interval '1 day') AS day
  LEFT JOIN lead l ON l.workspace_id = %(workspace)s AND l.created_at <= %(at)s AND l.merged_into_id IS NULL
       AND l.created_at > %(at)s - make_interval(days => %(days)s + 1)
       AND (l.created_at AT TIME ZONE %(zone)s)::date = day::date
 GROUP BY day ORDER BY day
