-- Everything that waits for one lead leaves the inbox.
DELETE FROM lead_inbox WHERE workspace_id = %(workspace)s AND lead_id = %(lead)s
RETURNING event_id, received_at
