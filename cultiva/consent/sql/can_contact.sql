-- May these leads, or all, be contacted for a purpose on a channel? The first "no" wins. Output: a row a lead; an empty
-- reason means yes, by `basis` and its evidence.
--  * %(inner)s and %(outer)s are the two pads of HMAC (RFC 2104): addresses are hashed here, as `lib.signing` does, and
--    only where there is a list to look them up in.
--  * An erased address is written to again only under a consent given after the erasure. So it is with one who left
--    elsewhere and was brought in by a file, and with one who wanted no marketing at all.
--  * A consent counts once the address was proven after it was given, where the law or a withdrawal before it asks for
--    that: a new tick alone could be anybody's who knows the address. Nor does another basis help who withdrew.
WITH asked AS (
  SELECT id AS lead_id, email_key,
         CASE WHEN %(has_suppressions)s AND email_key IS NOT NULL
              THEN encode(sha256(%(outer)s::bytea || sha256(%(inner)s::bytea || convert_to(email_key, 'UTF8'))), 'hex')
         END AS address_hash,
         CASE WHEN %(has_exclusions)s AND %(address_column)s = 'phone_key' THEN phone_key
              WHEN %(has_exclusions)s THEN email_key END AS listed
    FROM lead
   WHERE workspace_id = %(workspace)s
     AND (id = ANY (%(leads)s::bigint[]) OR %(is_everybody)s AND merged_into_id IS NULL)
), other AS (
  SELECT DISTINCT ON (lead_id) lead_id, basis, evidence_id
    FROM consent_basis
   WHERE workspace_id = %(workspace)s AND basis = ANY (%(bases)s::text[])
     AND purpose IN ('', %(purpose)s) AND channel IN ('', %(channel)s)
     AND since <= %(at)s AND (until IS NULL OR until > %(at)s)
     AND (lead_id = ANY (%(leads)s::bigint[]) OR %(is_everybody)s)
   ORDER BY lead_id, basis, purpose, channel
), known AS (
  SELECT asked.*, suppression.reason AS suppressed, suppression.created_at AS suppressed_at, mark.valid_since,
         mark.stopped_at, mark.restricted_at, mark.blocked_at, mark.minor_until, mark.guardian_since,
         preference.paused_until, state.state, state.since, state.evidence_id AS consent_id, other.evidence_id AS other_id,
         greatest(state.since, state.renewed_at) < %(expired_before)s AS is_expired,
         coalesce((%(needs_proof)s OR state.was_withdrawn OR mark.stopped_at IS NOT NULL) AND (mark.confirmed_since IS NULL
                  OR mark.confirmed_since > %(at)s OR mark.confirmed_since < state.since), false) AS is_unproven,
         CASE WHEN state.was_withdrawn OR mark.stopped_at IS NOT NULL THEN NULL
              WHEN other.basis IS NOT NULL THEN other.basis
              WHEN %(has_interest)s THEN 'legitimate_interest' END AS other_basis,
         CASE WHEN listed IS NOT NULL THEN encode(sha256(%(list_outer)s::bytea || sha256(%(list_inner)s::bytea
              || convert_to(encode(sha256(convert_to(listed, 'UTF8')), 'hex'), 'UTF8'))), 'hex') END AS listed_hash
    FROM asked
    LEFT JOIN suppression ON suppression.workspace_id = %(workspace)s
          AND suppression.address_hash = asked.address_hash AND suppression.created_at <= %(at)s
    LEFT JOIN consent_mark mark ON mark.workspace_id = %(workspace)s AND mark.lead_id = asked.lead_id
    LEFT JOIN consent_state state ON state.workspace_id = %(workspace)s AND state.lead_id = asked.lead_id
          AND state.purpose = %(purpose)s AND state.channel = %(channel)s AND state.since <= %(at)s
    LEFT JOIN other ON other.lead_id = asked.lead_id
    LEFT JOIN consent_preference preference ON preference.workspace_id = %(workspace)s
          AND preference.lead_id = asked.lead_id AND preference.paused_until > %(at)s
), based AS (
  SELECT *, CASE WHEN %(is_transactional)s THEN 'transactional'
                 WHEN state = 'given' AND NOT coalesce(is_expired, false) AND NOT is_unproven THEN 'consent'
                 ELSE other_basis END AS basis
    FROM known
), decided AS (
SELECT lead_id, basis, paused_until, CASE basis WHEN 'consent' THEN consent_id WHEN 'transactional' THEN NULL ELSE other_id END
         AS evidence_id,
       CASE
         WHEN NOT %(is_transactional)s AND blocked_at <= %(at)s THEN 'erased'
         WHEN suppressed = 'erasure' AND NOT %(is_transactional)s AND coalesce(since <= suppressed_at, true)
              THEN 'erased'
         WHEN suppressed = 'unsubscribed' AND NOT %(is_transactional)s AND coalesce(since <= suppressed_at, true)
              THEN 'objected'
         WHEN suppressed IN ('objection', 'complaint', 'manual') THEN 'objected'
         WHEN state = 'withdrawn' THEN 'objected'
         WHEN NOT %(is_transactional)s AND stopped_at <= %(at)s AND coalesce(since <= stopped_at, true) THEN 'objected'
         WHEN NOT %(is_transactional)s AND listed_hash IS NOT NULL AND EXISTS (
              SELECT FROM excluded_address a JOIN exclusion_list li ON li.id = a.list_id
               WHERE a.workspace_id = %(workspace)s AND a.hash = listed_hash AND li.kind = 'opt_out'
                 AND li.imported_at <= %(at)s AND coalesce(based.since <= li.imported_at, true)) THEN 'objected'
         WHEN %(channel)s = 'email' AND (email_key IS NULL OR suppressed = 'hard_bounce') THEN 'undeliverable'
         WHEN %(is_transactional)s THEN ''
         WHEN minor_until > (%(at)s AT TIME ZONE 'UTC')::date AND guardian_since IS NULL THEN 'minor'
         WHEN restricted_at <= %(at)s THEN 'restricted'
         WHEN valid_since IS NULL OR valid_since > %(at)s THEN 'not_valid'
         WHEN basis IS NULL AND state IS NULL THEN 'no_basis'
         WHEN basis IS NULL AND is_expired THEN 'expired'
         WHEN basis IS NULL THEN 'unconfirmed'
         WHEN basis <> 'consent' AND %(is_register_stale)s THEN 'register_unchecked'
         WHEN basis <> 'consent' AND listed_hash IS NOT NULL AND EXISTS (
              SELECT FROM excluded_address a
               WHERE a.workspace_id = %(workspace)s AND a.hash = listed_hash
                 AND a.list_id = ANY (%(registers)s::bigint[])) THEN 'excluded_register'
         WHEN %(is_closed)s THEN 'outside_hours'
         WHEN paused_until IS NOT NULL THEN 'paused'
         WHEN lead_id = ANY (%(capped)s::bigint[]) THEN 'capped'
         ELSE ''
       END AS reason
  FROM based
)
SELECT lead_id, evidence_id, basis, reason, paused_until FROM decided
