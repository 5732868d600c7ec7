-- Record acts of consent of one lead: each evidence with its payload beside it, and what follows from them for the
-- lead's states and marks. Input: %(acts)s, a JSON array; output: a row an act, in order.
--  * A state that is as the act wants it keeps its date and its evidence: `is_new` is false. Given once more, it is
--    renewed; but one that has expired begins anew (%(expired_before)s: {channel: instant}).
--  * %(profiling)s: interest | consented | objected, or empty. Legitimate interest does not undo an objection; the
--    person's own tick does.
WITH given AS (
  SELECT * FROM jsonb_to_recordset(%(acts)s::jsonb) AS act(
    ordinal int, act text, purpose text, channel text, payload_digest text, previous_hash text, hash text,
    salt text, payload jsonb, checks text)
), evidence AS (
  INSERT INTO consent_evidence (workspace_id, lead_id, ordinal, act, purpose, channel, occurred_at,
                                payload_digest, previous_hash, hash)
  SELECT %(workspace)s, %(lead)s, ordinal, act, purpose, channel, %(at)s, payload_digest, previous_hash, hash
    FROM given ORDER BY ordinal
  RETURNING id, ordinal, act, purpose, channel
), beside AS (
  INSERT INTO consent_evidence_payload (workspace_id, evidence_id, salt, payload, checks)
  SELECT %(workspace)s, evidence.id, given.salt, given.payload, given.checks FROM evidence JOIN given USING (ordinal)
), state AS (
  INSERT INTO consent_state AS known (workspace_id, lead_id, purpose, channel, state, since, evidence_id)
  SELECT DISTINCT ON (purpose, channel) %(workspace)s, %(lead)s, purpose, channel, act, %(at)s::timestamptz, id
    FROM evidence WHERE act IN ('given', 'withdrawn') ORDER BY purpose, channel, ordinal DESC
  ON CONFLICT (workspace_id, lead_id, purpose, channel) DO UPDATE SET
    (state, since, evidence_id, renewed_at, was_withdrawn, expiry_told_at) = (
      SELECT excluded.state, CASE WHEN is_renewed THEN known.since ELSE excluded.since END,
             CASE WHEN is_renewed THEN known.evidence_id ELSE excluded.evidence_id END,
             CASE WHEN is_renewed THEN excluded.since END,
             excluded.state = 'given' AND (known.was_withdrawn OR known.state = 'withdrawn'), NULL::timestamptz
        FROM (SELECT known.state = excluded.state AND NOT coalesce(greatest(known.since, known.renewed_at)
                     < (%(expired_before)s::jsonb ->> known.channel::text)::timestamptz, false) AS is_renewed) so)
    WHERE known.state <> excluded.state OR excluded.state = 'given'
  RETURNING evidence_id
), mark AS (
  INSERT INTO consent_mark (workspace_id, lead_id, valid_since, confirmed_since, profiled_since, objected_at)
  VALUES (%(workspace)s, %(lead)s,
          CASE WHEN %(is_accepted)s THEN %(at)s::timestamptz END,
          CASE WHEN %(is_confirmed)s THEN %(at)s::timestamptz END,
          CASE WHEN %(profiling)s IN ('interest', 'consented') THEN %(at)s::timestamptz END,
          CASE WHEN %(profiling)s = 'objected' THEN %(at)s::timestamptz END)
  ON CONFLICT (lead_id) DO UPDATE SET
    valid_since = coalesce(consent_mark.valid_since, excluded.valid_since),
    confirmed_since = coalesce(excluded.confirmed_since, consent_mark.confirmed_since),
    profiled_since = CASE
      WHEN %(profiling)s = 'objected' THEN NULL
      WHEN %(profiling)s = 'interest' AND consent_mark.objected_at IS NOT NULL THEN NULL
      ELSE coalesce(consent_mark.profiled_since, excluded.profiled_since) END,
    objected_at = CASE
      WHEN %(profiling)s = 'consented' THEN NULL
      ELSE coalesce(excluded.objected_at, consent_mark.objected_at) END
  RETURNING confirmed_since
)
SELECT evidence.id, state.evidence_id IS NOT NULL AS is_new, mark.confirmed_since
  FROM evidence CROSS JOIN mark LEFT JOIN state ON state.evidence_id = evidence.id
 ORDER BY evidence.ordinal
