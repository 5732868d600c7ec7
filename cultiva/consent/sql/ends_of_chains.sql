-- The last evidence of each lead's chain: of each one row by its index, however few the planner thinks there are.
SELECT asked.lead_id, last.ordinal, last.hash
  FROM unnest(%(leads)s::bigint[]) AS asked(lead_id)
 CROSS JOIN LATERAL (
   SELECT ordinal, hash FROM consent_evidence
    WHERE workspace_id = %(workspace)s AND lead_id = asked.lead_id ORDER BY ordinal DESC LIMIT 1) last
