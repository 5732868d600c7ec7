-- Free seats of a session that is held go to who waited longest.
UPDATE webinar_registration r SET state = 'seated', changed_at = %(at)s
 WHERE r.workspace_id = %(workspace)s AND r.id IN (
   SELECT id FROM webinar_registration
    WHERE workspace_id = %(workspace)s AND session_id = %(session)s AND state = 'waiting'
    ORDER BY changed_at, id
    LIMIT CASE WHEN %(seats)s::int IS NULL THEN NULL ELSE greatest(0, %(seats)s::int - (
      SELECT count(*) FROM webinar_registration
       WHERE workspace_id = %(workspace)s AND session_id = %(session)s AND state = 'seated')) END)
RETURNING r.*
