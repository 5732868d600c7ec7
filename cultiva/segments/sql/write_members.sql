-- Write what `judged` holds (segments/compile.py gives the steps before this text) of leads that the transaction holds:
-- only differences. What a person pinned stays. Output: the stays that began and ended.
wanted AS MATERIALIZED (
  SELECT j.segment_id, j.lead_id, coalesce(p.is_included, j.holds) AS holds, j.next_at
    FROM judged j
    LEFT JOIN segment_pin p ON p.workspace_id = %(workspace)s AND p.segment_id = j.segment_id AND p.lead_id = j.lead_id
), entered AS (
  INSERT INTO segment_member (workspace_id, segment_id, lead_id, since)
  SELECT %(workspace)s, w.segment_id, w.lead_id, %(at)s FROM wanted w
   WHERE w.holds AND NOT EXISTS (
     SELECT FROM segment_member m WHERE m.workspace_id = %(workspace)s AND m.segment_id = w.segment_id
        AND m.lead_id = w.lead_id AND m.until IS NULL)
   ORDER BY w.segment_id, w.lead_id
  ON CONFLICT (workspace_id, segment_id, lead_id) WHERE until IS NULL DO NOTHING
  RETURNING id, segment_id, lead_id
), gone AS (
  UPDATE segment_member m SET until = greatest(%(at)s, m.since) FROM wanted w
   WHERE m.workspace_id = %(workspace)s AND m.segment_id = w.segment_id AND m.lead_id = w.lead_id
     AND m.until IS NULL AND NOT w.holds
  RETURNING m.id, m.segment_id, m.lead_id
), done AS (
  DELETE FROM segment_due d USING wanted w
   WHERE d.workspace_id = %(workspace)s AND d.lead_id = w.lead_id AND d.segment_id = w.segment_id
     AND (d.is_mark OR w.next_at IS NULL)
), due AS (
  INSERT INTO segment_due AS d (workspace_id, segment_id, lead_id, due_at, is_mark)
  SELECT %(workspace)s, segment_id, lead_id, next_at, false FROM wanted WHERE next_at IS NOT NULL
  ON CONFLICT (workspace_id, lead_id, segment_id, is_mark) DO UPDATE SET due_at = EXCLUDED.due_at
   WHERE d.due_at <> EXCLUDED.due_at
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
