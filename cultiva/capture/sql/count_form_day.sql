-- One more view or start of a form, on the workspace's local day.
INSERT INTO form_day (workspace_id, key, day, views, starts)
SELECT w.id, %(key)s, (%(at)s::timestamptz AT TIME ZONE w.time_zone)::date, %(views)s, %(starts)s
  FROM workspace w WHERE w.id = %(workspace)s
ON CONFLICT (workspace_id, key, day) DO UPDATE
  SET views = form_day.views + excluded.views, starts = form_day.starts + excluded.starts
