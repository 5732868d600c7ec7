-- The last evidence of each lead's chain.
SELECT DISTINCT ON (lead_id) lead_id, ordinal, hash FROM consent_evidence
 WHERE workspace_id = %(workspace)s AND lead_id = ANY (%(leads)s)
 ORDER BY lead_id, ordinal DESC
