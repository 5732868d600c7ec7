-- Put the ends of the chains that grew under a seal; those that are sealed as they are stay as they are. A chain that is
-- shorter than a seal found it is not sealed again: that is for `verify` to tell.
WITH grown AS (
  SELECT DISTINCT lead_id FROM consent_evidence
   WHERE workspace_id = %(workspace)s AND id > %(since)s AND id <= %(upto)s
), head AS (
  SELECT grown.lead_id, last.ordinal, last.hash FROM grown
   CROSS JOIN LATERAL (
     SELECT ordinal, hash FROM consent_evidence
      WHERE workspace_id = %(workspace)s AND lead_id = grown.lead_id ORDER BY ordinal DESC LIMIT 1) last
), added AS (
  INSERT INTO consent_sealed_head (workspace_id, lead_id, ordinal, hash, seal)
  SELECT %(workspace)s, lead_id, ordinal, hash, %(seal)s FROM head
   WHERE NOT EXISTS (SELECT FROM consent_sealed_head s
                      WHERE s.workspace_id = %(workspace)s AND s.lead_id = head.lead_id AND s.ordinal >= head.ordinal)
   ORDER BY lead_id
  RETURNING lead_id, ordinal, hash
)
SELECT lead_id, ordinal, hash FROM added ORDER BY lead_id
