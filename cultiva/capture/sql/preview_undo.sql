-- What undoing import %(run)s would do. Touched: any event of the lead that is neither of this import nor a mere
-- consequence (scores, stages, segments and the end of a consent follow by themselves). Who refused contact and has no
-- address stays too: the suppression list knows addresses alone.
SELECT count(*) FILTER (WHERE c.before IS NULL AND NOT t.is_touched) AS removed,
       count(*) FILTER (WHERE c.before IS NULL AND t.is_touched) AS kept,
       count(*) FILTER (WHERE c.before <> '{}') AS reverted
  FROM import_change c
 CROSS JOIN LATERAL (SELECT
   EXISTS (SELECT 1 FROM lead_event e
            WHERE e.workspace_id = %(workspace)s AND e.lead_id = c.lead_id
              AND e.kind NOT IN ('score', 'stage', 'segment')
              AND (e.kind, e.name) <> ('consent', 'expiring')
              AND e.context ->> 'import' IS DISTINCT FROM %(run)s::text)
   OR EXISTS (SELECT 1 FROM consent_state w JOIN lead l ON l.workspace_id = w.workspace_id AND l.id = w.lead_id
               WHERE w.workspace_id = %(workspace)s AND w.lead_id = c.lead_id AND w.state = 'withdrawn'
                 AND l.email_key IS NULL) AS is_touched) t
 WHERE c.workspace_id = %(workspace)s AND c.run_id = %(run)s
