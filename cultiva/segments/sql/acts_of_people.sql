-- What leads did themselves in the days before %(at)s: how often each event, and each part of the site (the first part
-- of a page's path). Output: lead_id, event, path (empty but for pages), times.
SELECT e.lead_id, CASE e.kind WHEN 'track' THEN e.name ELSE e.kind END AS event,
       CASE WHEN e.kind = 'page' AND left(e.properties ->> 'path', 1) = '/' AND split_part(e.properties ->> 'path', '/', 2) <> ''
            THEN '/' || left(split_part(e.properties ->> 'path', '/', 2), 60) ELSE '' END AS path,
       count(*) AS times
  FROM unnest(%(leads)s::bigint[]) AS given(lead_id)
  CROSS JOIN LATERAL (
    SELECT * FROM lead_event e
     WHERE e.workspace_id = %(workspace)s AND e.lead_id = given.lead_id AND e.actor <> 'machine'
       AND e.kind IN ('track', 'page', 'screen')
       AND e.occurred_at <= %(at)s AND e.occurred_at > %(at)s - make_interval(days => %(days)s)
       AND e.received_at > %(at)s - make_interval(days => %(days)s) - interval '1 minute'
    OFFSET 0) e
 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
