-- What the demo holds.
SELECT (SELECT count(*) FROM lead WHERE workspace_id = %(workspace)s) AS leads,
       (SELECT count(*) FROM event WHERE workspace_id = %(workspace)s) AS events,
       (SELECT count(*) FROM lead_state
         WHERE workspace_id = %(workspace)s AND stage IN ('customer', 'service_qualified')) AS customers,
       (SELECT count(*) FROM hand_over WHERE workspace_id = %(workspace)s) AS hand_overs,
       (SELECT count(*) FROM hand_over
         WHERE workspace_id = %(workspace)s AND accepted_at IS NULL AND rejected_at IS NULL AND lapsed_at IS NULL) AS waiting
