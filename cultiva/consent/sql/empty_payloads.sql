-- Empty the personal part of all evidence of a person: no salt, so that what it was cannot be guessed from its digest.
UPDATE consent_evidence_payload p SET salt = '', payload = '{}', checks = ''
  FROM consent_evidence e
 WHERE e.workspace_id = %(workspace)s AND e.lead_id = ANY (%(leads)s::bigint[])
   AND p.workspace_id = %(workspace)s AND p.evidence_id = e.id
