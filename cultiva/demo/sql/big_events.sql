-- One month of acts as events, in the order of their time.
-- `big_saying` holds what an act says; `ref` is an evidence, an amount or a lead, where the saying needs one.
INSERT INTO event (workspace_id, source_id, kind, name, visitor, lead_id, occurred_at, received_at, by, actor,
                   properties, folded)
SELECT %(workspace)s, s.source_id, s.kind, s.name, a.visitor, a.lead_id, a.at, a.at, s.by, s.actor,
       CASE s.needs
         WHEN '' THEN s.properties
         WHEN 'evidence' THEN s.properties || jsonb_build_object('evidence', a.ref)
         WHEN 'amount' THEN s.properties || jsonb_build_object('value', a.ref, 'order', 'P-' || a.lead_id)
         WHEN 'order' THEN s.properties || jsonb_build_object('total', a.ref, 'order_id', 'P-' || a.lead_id)
         ELSE l.attributes END,
       CASE s.needs WHEN '' THEN s.folded WHEN 'lead' THEN l.folded
         WHEN 'amount' THEN jsonb_build_object('order', 'p-' || a.lead_id, 'currency', 'eur')
         WHEN 'order' THEN jsonb_build_object('order_id', 'p-' || a.lead_id, 'currency', 'eur') END
  FROM big_act a
  JOIN big_saying s ON s.saying = a.saying
  LEFT JOIN lead l ON s.needs = 'lead' AND l.workspace_id = %(workspace)s AND l.id = a.ref
 WHERE a.at >= %(since)s AND a.at < %(until)s
 ORDER BY a.at
