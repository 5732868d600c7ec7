-- Where enrolments rest after a walk: at a wait until it is due, or at an exit. One write however long the way was.
UPDATE enrolment
   SET node = %(node)s, node_entered_at = %(at)s, due_at = %(due_at)s, trail = trail || %(trail)s::jsonb,
       exited_at = %(exited_at)s, exit_reason = %(exit_reason)s
 WHERE workspace_id = %(workspace)s AND id = ANY (%(enrolments)s)
