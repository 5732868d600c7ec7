-- Write what became of mails, if they are still in our hands: the lease is the proof of that.
-- Input: %(changes)s, a JSON array; a value left out stays as it is. Output: the mails that were ours.
-- LIMIT tells the planner how few they are, so that it looks them up by key.
WITH changes AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset(%(changes)s::jsonb) AS c(
    id bigint, state text, reason text, not_before timestamptz, more_attempts smallint, links jsonb,
    consent_evidence_id bigint, accepted_at timestamptz)
   LIMIT %(count)s
)
UPDATE outbox o
   SET state = c.state,
       reason = coalesce(c.reason, ''),
       not_before = coalesce(c.not_before, o.not_before),
       attempts = o.attempts + coalesce(c.more_attempts, 0),
       links = coalesce(c.links, o.links),
       consent_evidence_id = coalesce(c.consent_evidence_id, o.consent_evidence_id),
       accepted_at = coalesce(c.accepted_at, o.accepted_at),
       lease_until = %(lease)s
  FROM changes c
 WHERE o.workspace_id = %(workspace)s AND o.id = c.id AND o.state = ANY (%(states)s)
   AND o.lease_until IS NOT DISTINCT FROM %(held)s
RETURNING o.id
