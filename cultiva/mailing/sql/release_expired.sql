-- A sender died. What it had not begun to send is ready again; of what it was sending nobody knows. Mail that
-- somebody waits for goes out again under the same Message-ID; marketing mail is never sent twice.
UPDATE outbox
   SET state = CASE WHEN state = 'claimed' OR purpose = 'transactional' THEN 'ready' ELSE 'uncertain' END,
       lease_until = CASE WHEN state = 'claimed' OR purpose = 'transactional' THEN NULL ELSE lease_until END
 WHERE workspace_id = %(workspace)s AND state IN ('claimed', 'sending') AND lease_until < %(real_now)s
RETURNING id, lead_id, template_id, purpose, state
