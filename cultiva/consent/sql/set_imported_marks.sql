-- Valid by what stands for the acceptance, confirmed by a proof of the address; profiled by the declared basis, or by
-- consent, and never against an objection. Who withdrew once proves their address themselves: no file does.
INSERT INTO consent_mark (workspace_id, lead_id, valid_since, confirmed_since, profiled_since)
SELECT %(workspace)s, lead_id,
       min(occurred_at) FILTER (WHERE act LIKE 'imported%%'),
       max(occurred_at) FILTER (WHERE act = 'confirmed'),
       CASE WHEN %(profiling)s = 'interest' THEN min(occurred_at) FILTER (WHERE act LIKE 'imported%%')
            WHEN %(profiling)s = 'consented'
            THEN min(occurred_at) FILTER (WHERE act = 'given' AND purpose = 'profiling') END
  FROM staged_evidence GROUP BY lead_id HAVING bool_or(act LIKE 'imported%%' OR act = 'confirmed')
ON CONFLICT (lead_id) DO UPDATE SET
  valid_since = coalesce(consent_mark.valid_since, excluded.valid_since),
  confirmed_since = CASE
    WHEN consent_mark.stopped_at IS NOT NULL
         OR EXISTS (SELECT FROM consent_state s
                     WHERE s.workspace_id = %(workspace)s AND s.lead_id = consent_mark.lead_id AND s.was_withdrawn)
    THEN consent_mark.confirmed_since
    ELSE greatest(consent_mark.confirmed_since, excluded.confirmed_since) END,
  profiled_since = CASE WHEN consent_mark.objected_at IS NOT NULL THEN NULL
                        ELSE coalesce(consent_mark.profiled_since, excluded.profiled_since) END
