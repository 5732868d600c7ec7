-- The criteria decide again on these leads; whoever was merged is the one they are now. Output: who was pinned.
DELETE FROM segment_pin p
 USING unnest(%(leads)s::bigint[]) AS given(lead_id)
  LEFT JOIN lead_alias a ON a.workspace_id = %(workspace)s AND a.merged_id = given.lead_id
 WHERE p.workspace_id = %(workspace)s AND p.segment_id = %(segment)s
   AND p.lead_id = coalesce(a.lead_id, given.lead_id)
RETURNING p.lead_id
