-- What the person themselves said last since the merge, where that is a withdrawal: the acts that a merge copied are not
-- theirs. An act whose payload was erased counts: the stricter reading.
SELECT id, purpose, channel
  FROM (SELECT DISTINCT ON (e.purpose, e.channel) e.id, e.purpose, e.channel, e.act
          FROM consent_evidence e
          LEFT JOIN consent_evidence_payload p ON p.workspace_id = e.workspace_id AND p.evidence_id = e.id
         WHERE e.workspace_id = %(workspace)s AND e.lead_id = %(kept)s AND e.act IN ('given', 'withdrawn')
           AND e.ordinal > %(last)s
           AND (p.payload ->> 'action') IS DISTINCT FROM 'merge'
         ORDER BY e.purpose, e.channel, e.ordinal DESC) last
 WHERE act = 'withdrawn'
 ORDER BY id
