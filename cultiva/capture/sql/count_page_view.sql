-- One more view of a landing page, on the workspace's local day.
INSERT INTO page_day (workspace_id, key, day, views)
SELECT w.id, %(key)s, (%(at)s::timestamptz AT TIME ZONE w.time_zone)::date, 1
  FROM workspace w WHERE w.id = %(workspace)s
ON CONFLICT (workspace_id, key, day) DO UPDATE SET views = page_day.views + 1
