-- Of these leads those whose data somebody else gave us, and when they were told so: by the first mail to readers, whose
-- foot says where the data come from, or by staff. Mails and acts are looked up by lead.
SELECT l.id, l.source_kind, l.created_at, mail.at AS mailed_at, act.at AS informed_at
  FROM lead l
  LEFT JOIN LATERAL (
    SELECT min(accepted_at) AS at FROM outbox
     WHERE workspace_id = %(workspace)s AND lead_id = l.id AND state = 'accepted' AND purpose <> 'transactional') mail ON true
  LEFT JOIN LATERAL (
    SELECT min(occurred_at) AS at FROM consent_evidence
     WHERE workspace_id = %(workspace)s AND lead_id = l.id AND act = 'informed') act ON true
 WHERE l.workspace_id = %(workspace)s AND l.id = ANY (%(leads)s) AND l.source_kind <> ALL (%(own)s)
