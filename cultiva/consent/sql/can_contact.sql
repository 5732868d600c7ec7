-- May these leads be contacted for a purpose on a channel? The first "no" wins.
-- Input: %(leads)s and, beside each, the keyed hash of its address (null: none known). Output: a row a lead;
-- an empty reason means yes.
--  * An erased address is written to again only under a consent given after the erasure.
--  * So it is with one who left elsewhere and was brought in by a file.
--  * A consent counts once the address was proven after it was given: after a withdrawal, a new tick alone could be
--    anybody's who knows the address.
SELECT asked.lead_id, state.evidence_id,
       CASE
         WHEN suppression.reason = 'erasure' AND NOT %(is_transactional)s
              AND coalesce(state.since <= suppression.created_at, true) THEN 'erased'
         WHEN suppression.reason = 'unsubscribed' AND NOT %(is_transactional)s
              AND coalesce(state.since <= suppression.created_at, true) THEN 'objected'
         WHEN suppression.reason IN ('objection', 'complaint', 'manual') THEN 'objected'
         WHEN state.state = 'withdrawn' THEN 'objected'
         WHEN %(channel)s = 'email' AND (asked.address_hash IS NULL OR suppression.reason = 'hard_bounce')
              THEN 'undeliverable'
         WHEN %(is_transactional)s THEN ''
         WHEN mark.valid_since IS NULL OR mark.valid_since > %(at)s THEN 'not_valid'
         WHEN state.state IS NULL THEN 'no_basis'
         WHEN mark.confirmed_since IS NULL OR mark.confirmed_since > %(at)s
              OR mark.confirmed_since < state.since THEN 'unconfirmed'
         ELSE ''
       END AS reason
  FROM unnest(%(leads)s::bigint[], %(hashes)s::text[]) AS asked(lead_id, address_hash)
  LEFT JOIN suppression ON suppression.workspace_id = %(workspace)s
        AND suppression.address_hash = asked.address_hash AND suppression.created_at <= %(at)s
  LEFT JOIN consent_mark mark ON mark.workspace_id = %(workspace)s AND mark.lead_id = asked.lead_id
  LEFT JOIN consent_state state ON state.workspace_id = %(workspace)s AND state.lead_id = asked.lead_id
        AND state.purpose = %(purpose)s AND state.channel = %(channel)s AND state.since <= %(at)s
 ORDER BY asked.lead_id
