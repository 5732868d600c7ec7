-- What a lead said on a purpose, oldest first.
SELECT occurred_at, name FROM lead_event
 WHERE workspace_id = %(workspace)s AND lead_id = %(lead)s AND kind = 'consent' AND name IN ('given', 'withdrawn')
   AND properties ->> 'purpose' = %(purpose)s
 ORDER BY occurred_at, id
