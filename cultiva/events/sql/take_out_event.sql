-- Take one event out of the inbox; none, where another worker has taken it.
DELETE FROM event_inbox WHERE workspace_id = %(workspace)s AND event_id = %(event)s
RETURNING event_id AS id, received_at, is_passed_on
