-- Facts that wait and are due, for one worker until `lease_until`; who dies gives them back by that.
UPDATE inbound_fact f SET due_at = %(lease_until)s, tries = tries + 1
  FROM (SELECT id FROM inbound_fact
         WHERE workspace_id = %(workspace)s AND state = 'waiting' AND due_at <= %(at)s
         ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED) AS due
 WHERE f.workspace_id = %(workspace)s AND f.id = due.id
RETURNING f.id
