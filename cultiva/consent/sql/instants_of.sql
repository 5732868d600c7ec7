-- When an act of a lead can have been, by everything but the evidence itself.
SELECT instant FROM (
SELECT occurred_at AS instant FROM event
 WHERE workspace_id = %(workspace)s AND lead_id = %(lead)s AND kind = 'consent'
   AND properties ->> 'evidence' = %(evidence)s::text
 UNION
SELECT since AS instant FROM consent_state WHERE workspace_id = %(workspace)s AND lead_id = %(lead)s
 UNION
SELECT unnest(ARRAY[valid_since, confirmed_since, profiled_since, objected_at]) FROM consent_mark
 WHERE workspace_id = %(workspace)s AND lead_id = %(lead)s
 UNION
SELECT occurred_at FROM consent_evidence
 WHERE workspace_id = %(workspace)s AND lead_id = %(lead)s AND id <> %(evidence)s
) seen WHERE instant IS NOT NULL
