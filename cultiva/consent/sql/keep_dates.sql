-- Consents taken over that the merged lead had proven keep the date they were given on.
UPDATE consent_state ours SET since = theirs.since
  FROM consent_state theirs
 WHERE ours.workspace_id = %(workspace)s AND ours.lead_id = %(kept)s AND ours.state = 'given'
   AND theirs.workspace_id = %(workspace)s AND theirs.id = ANY (%(states)s::bigint[])
   AND ours.purpose = theirs.purpose AND ours.channel = theirs.channel
