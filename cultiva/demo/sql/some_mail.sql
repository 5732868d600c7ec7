-- A mail of the last weeks whose reader may be profiled, any: the first at or after a random point.
SELECT o.id, o.lead_id, o.links, t.key AS template
  FROM outbox o
  JOIN template_version t ON t.workspace_id = o.workspace_id AND t.id = o.template_id
  JOIN consent_mark m ON m.workspace_id = o.workspace_id AND m.lead_id = o.lead_id
 WHERE o.workspace_id = %(workspace)s AND o.state = 'accepted' AND o.accepted_at > %(since)s
   AND o.links <> '[]' AND m.profiled_since IS NOT NULL AND m.objected_at IS NULL
 ORDER BY md5(o.id::text || %(point)s) LIMIT 1
