-- Write what `judged` holds (segments/compile.py gives the steps before this text) of leads that the transaction holds:
-- only differences. What a person pinned stays. Every table is read by the leads, whatever the planner knows of it.
-- Output: the stays that began and ended.
pinned AS MATERIALIZED (
  SELECT segment_id, lead_id, is_included FROM segment_pin
   WHERE workspace_id = %(workspace)s AND lead_id = ANY (%(leads)s::bigint[])
), present AS MATERIALIZED (
  SELECT id, segment_id, lead_id FROM segment_member
   WHERE workspace_id = %(workspace)s AND lead_id = ANY (%(leads)s::bigint[])
     AND segment_id + 0 = ANY (%(segments)s::bigint[]) AND until IS NULL  -- lead by lead, not pair by pair
), wanted AS MATERIALIZED (
  SELECT j.segment_id, j.lead_id, coalesce(p.is_included, j.holds) AS holds, j.next_at, m.id AS stay
    FROM judged j
    LEFT JOIN pinned p ON p.segment_id = j.segment_id AND p.lead_id = j.lead_id
    LEFT JOIN present m ON m.segment_id = j.segment_id AND m.lead_id = j.lead_id
), entered AS (
  INSERT INTO segment_member (workspace_id, segment_id, lead_id, since)
  SELECT %(workspace)s, segment_id, lead_id, %(at)s FROM wanted WHERE holds AND stay IS NULL
   ORDER BY segment_id, lead_id
  ON CONFLICT (workspace_id, segment_id, lead_id) WHERE until IS NULL DO NOTHING
  RETURNING id, segment_id, lead_id
), gone AS (
  UPDATE segment_member SET until = greatest(%(at)s, since)
   WHERE id = ANY (ARRAY(SELECT stay FROM wanted WHERE NOT holds AND stay IS NOT NULL))
     AND workspace_id = %(workspace)s AND until IS NULL
  RETURNING id, segment_id, lead_id
), marked AS MATERIALIZED (
  SELECT id, segment_id, lead_id FROM segment_mark
   WHERE workspace_id = %(workspace)s AND lead_id = ANY (%(leads)s::bigint[])
     AND segment_id = ANY (%(segments)s::bigint[])
), judged_now AS (
  DELETE FROM segment_mark
   WHERE workspace_id = %(workspace)s
     AND id = ANY (ARRAY(SELECT m.id FROM marked m JOIN wanted w USING (segment_id, lead_id)))
), known AS MATERIALIZED (
  SELECT w.lead_id, u.segment_id, min(u.due_at) AS due_at
    FROM segment_wake w CROSS JOIN LATERAL unnest(w.segment_ids, w.due_ats) AS u(segment_id, due_at)
   WHERE w.workspace_id = %(workspace)s AND w.lead_id = ANY (%(leads)s::bigint[])
   GROUP BY w.lead_id, u.segment_id
), due AS (
  INSERT INTO segment_wake AS d (workspace_id, lead_id, due_at, segment_ids, due_ats)
  SELECT %(workspace)s, w.lead_id, min(w.next_at), array_agg(w.segment_id), array_agg(w.next_at)
    FROM wanted w LEFT JOIN known k USING (segment_id, lead_id)
   WHERE w.next_at IS NOT NULL AND (k.due_at IS NULL OR w.next_at < k.due_at)
   GROUP BY w.lead_id ORDER BY w.lead_id
  ON CONFLICT (lead_id) DO UPDATE
     SET due_at = least(d.due_at, EXCLUDED.due_at), segment_ids = d.segment_ids || EXCLUDED.segment_ids,
         due_ats = d.due_ats || EXCLUDED.due_ats
), moves AS (
  SELECT id, segment_id, lead_id, true AS is_entry FROM entered
   UNION ALL SELECT id, segment_id, lead_id, false FROM gone
), noted AS (
  INSERT INTO segment_day AS d (workspace_id, segment_id, day, share, entered, gone)
  SELECT %(workspace)s, segment_id, (%(at)s AT TIME ZONE %(zone)s)::date, pg_backend_pid() %% 8,
         count(*) FILTER (WHERE is_entry), count(*) FILTER (WHERE NOT is_entry)
    FROM moves GROUP BY segment_id ORDER BY segment_id
  ON CONFLICT (workspace_id, segment_id, day, share)
  DO UPDATE SET entered = d.entered + EXCLUDED.entered, gone = d.gone + EXCLUDED.gone
)
SELECT m.id, s.key AS segment, m.segment_id, m.lead_id, m.is_entry
  FROM moves m JOIN segment s ON s.workspace_id = %(workspace)s AND s.id = m.segment_id
 ORDER BY m.segment_id, m.lead_id
