-- States and marks of some leads that their evidence does not bear out: whoever changes those, and not the chain, makes
-- somebody contactable without a word in the proof. Output: lead, what says it, what it says, what the evidence says.
--  * An act that a merge took over is no last word: an undo puts states back, and leaves acts where they are.
--  * A confirmation that came along with a merge is recorded at the merge, and dates from before.
SELECT s.lead_id, s.purpose || ' (' || s.channel || ')' AS about, s.state AS said, e.act AS proven, 'state' AS field
  FROM consent_state s
  LEFT JOIN consent_evidence e ON e.id = s.evidence_id AND e.workspace_id = s.workspace_id AND e.lead_id = s.lead_id
 WHERE s.workspace_id = %(workspace)s AND s.lead_id > %(after)s AND s.lead_id <= %(upto)s
   AND (e.id IS NULL OR e.act <> s.state OR e.purpose <> s.purpose OR e.channel <> s.channel)
 UNION ALL
SELECT s.lead_id, s.purpose || ' (' || s.channel || ')', s.state, last.act, 'state'
  FROM consent_state s
  JOIN consent_evidence e ON e.id = s.evidence_id AND e.workspace_id = s.workspace_id AND e.lead_id = s.lead_id
 CROSS JOIN LATERAL (
   SELECT l.act FROM consent_evidence l
     LEFT JOIN consent_evidence_payload p ON p.evidence_id = l.id
    WHERE l.workspace_id = s.workspace_id AND l.lead_id = s.lead_id AND l.ordinal > e.ordinal
      AND l.purpose = s.purpose AND l.channel = s.channel AND l.act IN ('given', 'withdrawn')
      AND (p.payload ->> 'action') NOT IN ('merge', 'unmerge')
    ORDER BY l.ordinal DESC LIMIT 1) last
 WHERE s.workspace_id = %(workspace)s AND s.lead_id > %(after)s AND s.lead_id <= %(upto)s
   AND s.state = 'given' AND e.act = 'given' AND last.act = 'withdrawn'
 UNION ALL
SELECT m.lead_id, 'valid', 'valid', NULL, 'valid_since'
  FROM consent_mark m
 WHERE m.workspace_id = %(workspace)s AND m.lead_id > %(after)s AND m.lead_id <= %(upto)s
   AND m.valid_since IS NOT NULL
   AND NOT EXISTS (SELECT FROM consent_evidence e
                    WHERE e.workspace_id = m.workspace_id AND e.lead_id = m.lead_id
                      AND (e.act IN ('policy_accepted', 'contract', 'soft_opt_in') OR e.act LIKE 'imported%%'))
 UNION ALL
SELECT m.lead_id, 'confirmed', 'confirmed', NULL, 'confirmed_since'
  FROM consent_mark m
 WHERE m.workspace_id = %(workspace)s AND m.lead_id > %(after)s AND m.lead_id <= %(upto)s
   AND m.confirmed_since IS NOT NULL
   AND NOT EXISTS (SELECT FROM consent_evidence e
                    WHERE e.workspace_id = m.workspace_id AND e.lead_id = m.lead_id AND e.act = 'confirmed'
                      AND e.occurred_at >= m.confirmed_since)
 ORDER BY lead_id, about
