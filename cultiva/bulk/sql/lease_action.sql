-- Take an action that waits for work, or whose worker died; one worker gets it. The oldest first.
UPDATE bulk_action SET leased_until = %(until)s
 WHERE id = (SELECT id FROM bulk_action
              WHERE workspace_id = %(workspace)s AND state = ANY (%(states)s)
                AND coalesce(id = %(action)s, true)
                AND (leased_until IS NULL OR leased_until < %(now)s)
              ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id
