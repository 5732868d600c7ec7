-- Evidences in the order of their chains, after a place, each with its payload.
SELECT e.id, e.lead_id, e.ordinal, e.act, e.purpose, e.channel, e.occurred_at, e.payload_digest, e.previous_hash,
       e.hash, p.salt, p.payload::text, p.checks
  FROM (SELECT * FROM consent_evidence
         WHERE workspace_id = %(workspace)s AND (lead_id, ordinal) > (%(lead)s, %(ordinal)s)
         ORDER BY lead_id, ordinal LIMIT %(limit)s) e
  LEFT JOIN consent_evidence_payload p ON p.evidence_id = e.id
 ORDER BY e.lead_id, e.ordinal
