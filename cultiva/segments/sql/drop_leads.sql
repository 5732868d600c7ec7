-- Leads that are gone leave every segment and persona, and what was remembered of them goes. Output: the stays that ended.
WITH gone AS (
  UPDATE segment_member SET until = greatest(%(at)s, since)
   WHERE workspace_id = %(workspace)s AND lead_id = ANY (%(leads)s::bigint[]) AND until IS NULL
  RETURNING id, segment_id, lead_id
), wakes AS (
  DELETE FROM segment_wake WHERE workspace_id = %(workspace)s AND lead_id = ANY (%(leads)s::bigint[])
), marks AS (
  DELETE FROM segment_mark WHERE workspace_id = %(workspace)s AND lead_id = ANY (%(leads)s::bigint[])
), pins AS (
  DELETE FROM segment_pin WHERE workspace_id = %(workspace)s AND lead_id = ANY (%(leads)s::bigint[])
), known AS (
  DELETE FROM segment_known WHERE workspace_id = %(workspace)s AND lead_id = ANY (%(leads)s::bigint[])
), personas AS (
  DELETE FROM lead_persona WHERE workspace_id = %(workspace)s AND lead_id = ANY (%(leads)s::bigint[])
), persona_dues AS (
  DELETE FROM persona_due WHERE workspace_id = %(workspace)s AND lead_id = ANY (%(leads)s::bigint[])
), noted AS (
  INSERT INTO segment_day AS d (workspace_id, segment_id, day, share, entered, gone)
  SELECT w.id, g.segment_id, (%(at)s AT TIME ZONE w.time_zone)::date, pg_backend_pid() %% 8, 0, count(*)
    FROM gone g JOIN workspace w ON w.id = %(workspace)s
   GROUP BY w.id, g.segment_id ORDER BY g.segment_id
  ON CONFLICT (workspace_id, segment_id, day, share) DO UPDATE SET gone = d.gone + EXCLUDED.gone
)
SELECT g.id, s.key AS segment, g.segment_id, g.lead_id, false AS is_entry
  FROM gone g JOIN segment s ON s.workspace_id = %(workspace)s AND s.id = g.segment_id
 ORDER BY g.segment_id, g.lead_id
