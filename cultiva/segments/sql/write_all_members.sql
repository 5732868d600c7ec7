-- Write what table `judged` holds of everybody for one segment: only differences. What a person pinned stays.
-- While a segment is built, others write marks only, and merges wait: no stay begins beside these.
-- Output: how many entered, left, and what the members' ids began at.
pinned AS MATERIALIZED (
  SELECT p.lead_id, p.is_included FROM segment_pin p
    JOIN lead_state s ON s.workspace_id = %(workspace)s AND s.lead_id = p.lead_id
   WHERE p.workspace_id = %(workspace)s AND p.segment_id = %(segment)s
), wanted AS MATERIALIZED (
  SELECT lead_id FROM judged WHERE holds AND lead_id NOT IN (SELECT lead_id FROM pinned)
   UNION ALL SELECT lead_id FROM pinned WHERE is_included
), present AS MATERIALIZED (
  SELECT id, lead_id FROM segment_member
   WHERE workspace_id = %(workspace)s AND segment_id = %(segment)s AND until IS NULL
), entered AS (
  INSERT INTO segment_member (workspace_id, segment_id, lead_id, since)
  SELECT %(workspace)s, %(segment)s, w.lead_id, %(at)s FROM wanted w LEFT JOIN present p USING (lead_id)
   WHERE p.lead_id IS NULL ORDER BY w.lead_id  -- the indexes are filled in order, which takes half the time
  RETURNING id
), gone AS (
  UPDATE segment_member m SET until = greatest(%(at)s, m.since)
   WHERE m.workspace_id = %(workspace)s AND m.segment_id = %(segment)s AND m.until IS NULL
     AND m.id = ANY (ARRAY(SELECT p.id FROM present p LEFT JOIN wanted w USING (lead_id) WHERE w.lead_id IS NULL))
  RETURNING m.id
), unfit AS (
  DELETE FROM segment_due_block WHERE workspace_id = %(workspace)s AND segment_id = %(segment)s
), due AS (
  INSERT INTO segment_due_block (workspace_id, segment_id, from_at, lead_ids, due_ats)
  SELECT %(workspace)s, %(segment)s, min(next_at), array_agg(lead_id), array_agg(next_at)
    FROM (SELECT lead_id, next_at, (row_number() OVER (ORDER BY next_at) - 1) / 2000 AS block
            FROM judged WHERE next_at IS NOT NULL) j
   GROUP BY block ORDER BY block
), counted_moves AS (
  SELECT (SELECT count(*) FROM entered) AS entered, (SELECT count(*) FROM gone) AS gone,
         (SELECT min(id) FROM entered) AS first_id
), noted AS (
  INSERT INTO segment_day AS d (workspace_id, segment_id, day, share, entered, gone)
  SELECT %(workspace)s, %(segment)s, (%(at)s AT TIME ZONE %(zone)s)::date, pg_backend_pid() %% 8, entered, gone
    FROM counted_moves WHERE entered > 0 OR gone > 0
  ON CONFLICT (workspace_id, segment_id, day, share)
  DO UPDATE SET entered = d.entered + EXCLUDED.entered, gone = d.gone + EXCLUDED.gone
)
SELECT entered, gone, first_id FROM counted_moves
