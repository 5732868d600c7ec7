-- The lead is valid from its first acceptance on. Legitimate interest does not undo an objection to profiling;
-- the person's own tick does.
INSERT INTO consent_mark (workspace_id, lead_id, valid_since, profiled_since)
VALUES (%(workspace)s, %(lead)s, %(at)s, CASE WHEN %(is_profiled)s THEN %(at)s::timestamptz END)
ON CONFLICT (lead_id) DO UPDATE SET
  valid_since = coalesce(consent_mark.valid_since, excluded.valid_since),
  objected_at = CASE WHEN NOT %(is_consented)s THEN consent_mark.objected_at END,
  profiled_since = CASE WHEN consent_mark.objected_at IS NULL OR %(is_consented)s
                        THEN coalesce(consent_mark.profiled_since, excluded.profiled_since) END
RETURNING confirmed_since
