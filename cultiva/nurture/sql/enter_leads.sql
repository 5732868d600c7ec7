-- Enrol valid leads, where they are not inside already and the rule of re-entry lets them in (`reentry_seconds` from
-- the last exit; NULL: never again). At most once an instant, so that a repeated batch enrols nobody twice.
INSERT INTO enrolment (workspace_id, workflow, version_id, lead_id, ordinal, entered_at, node, node_entered_at,
                       trail, exit_reason)
SELECT %(workspace)s, %(workflow)s, %(version)s, mark.lead_id, coalesce(last.ordinal, 0) + 1, %(at)s, %(start)s, %(at)s,
       '{}', ''
  FROM consent_mark mark
  LEFT JOIN LATERAL (
    -- All trips together: those of a merged lead come after the kept lead's, whenever they were.
    SELECT max(e.ordinal) AS ordinal, max(e.entered_at) AS entered_at,
           CASE WHEN bool_and(e.exited_at IS NOT NULL) THEN max(e.exited_at) END AS exited_at
      FROM enrolment e
     WHERE e.workspace_id = %(workspace)s AND e.workflow = %(workflow)s AND e.lead_id = mark.lead_id
  ) last ON true
 WHERE mark.workspace_id = %(workspace)s AND mark.lead_id = ANY (%(leads)s) AND mark.valid_since <= %(at)s
   AND EXISTS ( -- a merged lead has no state
     SELECT FROM lead_state state WHERE state.workspace_id = %(workspace)s AND state.lead_id = mark.lead_id)
   AND (last.ordinal IS NULL
        OR last.entered_at < %(at)s AND last.exited_at + interval '1 second' * %(reentry_seconds)s <= %(at)s)
 ORDER BY mark.lead_id
ON CONFLICT (workspace_id, workflow, lead_id, ordinal) DO NOTHING
RETURNING id, lead_id
