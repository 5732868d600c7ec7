-- Where both leads are inside, the merged one's stay ends, and the day's figures with it.
WITH ended AS (
  UPDATE segment_member m SET until = greatest(%(at)s, m.since)
   WHERE m.workspace_id = %(workspace)s AND m.lead_id = %(merged)s AND m.until IS NULL
     AND EXISTS (SELECT FROM segment_member k WHERE k.workspace_id = %(workspace)s AND k.lead_id = %(kept)s
                    AND k.segment_id = m.segment_id AND k.until IS NULL)
  RETURNING m.segment_id
)
INSERT INTO segment_day AS d (workspace_id, segment_id, day, share, entered, gone)
SELECT w.id, e.segment_id, (%(at)s AT TIME ZONE w.time_zone)::date, 0, 0, 1
  FROM ended e JOIN workspace w ON w.id = %(workspace)s
ON CONFLICT (workspace_id, segment_id, day, share) DO UPDATE SET gone = d.gone + 1
