-- Write the main personas of leads that the transaction holds (personas/closeness.py gives the steps before this text,
-- and the personas in place of the row of zeros): only differences, and a row for each lead that
-- was judged for the first time. Output: the leads whose main persona changed, what it was, and what speaks for the one it is now.
allowed AS MATERIALIZED (
  SELECT l.id AS lead_id FROM lead l
    JOIN consent_mark m ON m.workspace_id = %(workspace)s AND m.lead_id = l.id
   WHERE l.workspace_id = %(workspace)s AND l.id = ANY (%(leads)s::bigint[]) AND l.merged_into_id IS NULL
     AND m.valid_since IS NOT NULL AND m.profiled_since IS NOT NULL AND m.objected_at IS NULL
), close AS MATERIALIZED (
  SELECT h.lead_id, p.key, p.closeness, p.holds,
         row_number() OVER (PARTITION BY h.lead_id ORDER BY p.closeness DESC, p.place) AS rank
    FROM held h JOIN allowed USING (lead_id)
    CROSS JOIN LATERAL (VALUES
    (0, 0, 0, NULL)) AS p(key, place, closeness, holds)
), best AS MATERIALIZED (
  SELECT a.lead_id, CASE WHEN one.closeness >= %(close_enough)s THEN one.key END AS persona,
         one.closeness, round((one.closeness - coalesce(two.closeness, 0)) * 1e6) / 1e6 AS confidence,
         two.key AS runner_up, one.holds
    FROM allowed a
    LEFT JOIN close one ON one.lead_id = a.lead_id AND one.rank = 1
    LEFT JOIN close two ON two.lead_id = a.lead_id AND two.rank = 2 AND two.closeness > 0
), present AS MATERIALIZED (
  SELECT lead_id, persona, closeness, confidence, runner_up::text AS runner_up, ordinal FROM lead_persona
   WHERE workspace_id = %(workspace)s AND lead_id = ANY (%(leads)s::bigint[])
), wanted AS MATERIALIZED (
  SELECT g.lead_id, b.persona, b.closeness, b.confidence, b.runner_up, b.holds,
         p.persona AS before, coalesce(p.ordinal, 0) AS ordinal,
         p.lead_id IS NULL AS is_new,
         b.persona IS DISTINCT FROM p.persona AS is_other,
         (CASE WHEN b.persona IS NOT NULL THEN (b.closeness, b.confidence, b.runner_up) END)
           IS DISTINCT FROM (CASE WHEN p.persona IS NOT NULL THEN (p.closeness, p.confidence, p.runner_up) END)
           AS is_moved
    FROM unnest(%(leads)s::bigint[]) AS g(lead_id)
    LEFT JOIN best b ON b.lead_id = g.lead_id LEFT JOIN present p ON p.lead_id = g.lead_id
), written AS (
  INSERT INTO lead_persona AS p
    (workspace_id, lead_id, persona, closeness, confidence, runner_up, since, ordinal)
  SELECT %(workspace)s, lead_id, persona,
         CASE WHEN persona IS NOT NULL THEN closeness END, CASE WHEN persona IS NOT NULL THEN confidence END,
         CASE WHEN persona IS NOT NULL THEN runner_up END, %(at)s, ordinal + is_other::int
    FROM wanted WHERE is_new OR is_other OR is_moved ORDER BY lead_id
  ON CONFLICT (lead_id) DO UPDATE
    SET persona = EXCLUDED.persona, closeness = EXCLUDED.closeness, confidence = EXCLUDED.confidence,
        runner_up = EXCLUDED.runner_up, ordinal = EXCLUDED.ordinal,
        since = CASE WHEN p.ordinal = EXCLUDED.ordinal THEN p.since ELSE EXCLUDED.since END
), done AS (
  DELETE FROM persona_due d
   WHERE d.workspace_id = %(workspace)s AND d.lead_id = ANY (%(leads)s::bigint[])
     AND NOT EXISTS (SELECT FROM held h JOIN allowed USING (lead_id)
                      WHERE h.lead_id = d.lead_id AND h.next_at IS NOT NULL)
), due AS (
  INSERT INTO persona_due AS d (workspace_id, lead_id, due_at)
  SELECT %(workspace)s, h.lead_id, h.next_at FROM held h JOIN allowed USING (lead_id)
   WHERE h.next_at IS NOT NULL ORDER BY h.lead_id
  ON CONFLICT (lead_id) DO UPDATE SET due_at = EXCLUDED.due_at WHERE d.due_at <> EXCLUDED.due_at
)
SELECT lead_id, persona, closeness, confidence, runner_up, holds, before, ordinal + 1 AS ordinal
  FROM wanted WHERE is_other ORDER BY lead_id
