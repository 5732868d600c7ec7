-- What is known of some visitors: what they claimed, who they claimed to be the same as (up to the root), and the
-- lead each is linked to; and of those who wait for a lead with one of the addresses.
WITH RECURSIVE known AS (
  SELECT visitor, same_as, email_key, user_id, event_id, occurred_at FROM visitor_claim
   WHERE workspace_id = %(workspace)s AND visitor = ANY (%(visitors)s::uuid[])
  UNION
  SELECT visitor, same_as, email_key, user_id, event_id, occurred_at FROM visitor_claim
   WHERE workspace_id = %(workspace)s AND email_key = ANY (%(addresses)s)
  UNION
  SELECT c.visitor, c.same_as, c.email_key, c.user_id, c.event_id, c.occurred_at
    FROM known k JOIN visitor_claim c ON c.workspace_id = %(workspace)s AND c.visitor = k.same_as
)
SELECT v.visitor, k.same_as, k.email_key, k.user_id, k.event_id, k.occurred_at,
       coalesce(a.lead_id, l.lead_id) AS lead_id
  FROM (SELECT visitor FROM known UNION SELECT unnest(%(visitors)s::uuid[])) v
  LEFT JOIN known k ON k.visitor = v.visitor
  LEFT JOIN visitor_link l ON l.workspace_id = %(workspace)s AND l.visitor = v.visitor
  LEFT JOIN lead_alias a ON a.workspace_id = %(workspace)s AND a.merged_id = l.lead_id
 ORDER BY v.visitor
