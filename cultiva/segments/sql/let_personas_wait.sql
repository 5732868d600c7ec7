-- These leads are judged at once, in a batch of their own; those that wait for a later instant no longer do.
INSERT INTO persona_due AS d (workspace_id, lead_id, due_at)
SELECT %(workspace)s, s.lead_id, %(at)s FROM lead_state s
 WHERE s.workspace_id = %(workspace)s AND s.lead_id = ANY (%(leads)s::bigint[]) ORDER BY s.lead_id
ON CONFLICT (lead_id) DO UPDATE SET due_at = EXCLUDED.due_at WHERE d.due_at > EXCLUDED.due_at
