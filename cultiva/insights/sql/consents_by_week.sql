-- Of each of the last weeks: who became valid, whose last will was given, and withdrawn, in it.
WITH week AS (
  SELECT generate_series(date_trunc('week', %(at)s::timestamptz AT TIME ZONE %(zone)s) - (%(weeks)s - 1) * interval '7 days',
                         date_trunc('week', %(at)s::timestamptz AT TIME ZONE %(zone)s), interval '7 days') AS week
), happened AS (
  SELECT date_trunc('week', m.valid_since AT TIME ZONE %(zone)s) AS week, 'valid' AS what, m.lead_id
    FROM consent_mark m
   WHERE m.workspace_id = %(workspace)s AND m.valid_since <= %(at)s
     AND m.valid_since > %(at)s::timestamptz - (%(weeks)s + 1) * interval '7 days'
   UNION ALL
  SELECT date_trunc('week', s.since AT TIME ZONE %(zone)s), s.state, s.lead_id
    FROM consent_state s
   WHERE s.workspace_id = %(workspace)s AND s.since <= %(at)s
     AND s.since > %(at)s::timestamptz - (%(weeks)s + 1) * interval '7 days'
), counted AS (
  SELECT h.week, count(DISTINCT h.lead_id) FILTER (WHERE what = 'valid') AS valid,
         count(DISTINCT h.lead_id) FILTER (WHERE what = 'given') AS given,
         count(DISTINCT h.lead_id) FILTER (WHERE what = 'withdrawn') AS withdrawn
    FROM happened h
   WHERE %(source)s = '' OR EXISTS (SELECT FROM lead l WHERE l.workspace_id = %(workspace)s AND l.id = h.lead_id
                                       AND l.source_kind = %(source)s)
   GROUP BY h.week
)
SELECT week.week::date AS week, coalesce(valid, 0) AS valid, coalesce(given, 0) AS given,
       coalesce(withdrawn, 0) AS withdrawn
  FROM week LEFT JOIN counted USING (week) ORDER BY week.week
