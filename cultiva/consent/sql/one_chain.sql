-- One lead's evidences, oldest first, each with its payload.
SELECT e.id, e.lead_id, e.ordinal, e.act, e.purpose, e.channel, e.occurred_at, e.payload_digest, e.previous_hash,
       e.hash, p.salt, p.payload::text, p.checks
  FROM consent_evidence e
  LEFT JOIN consent_evidence_payload p ON p.workspace_id = e.workspace_id AND p.evidence_id = e.id
 WHERE e.workspace_id = %(workspace)s AND e.lead_id = %(lead)s
 ORDER BY e.ordinal
