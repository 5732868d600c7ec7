-- Leads who may be profiled, %(limit)s at most: always the same ones for a seed. Output: lead_id, attributes.
SELECT l.id AS lead_id, l.attributes
  FROM consent_mark m JOIN lead l ON l.workspace_id = %(workspace)s AND l.id = m.lead_id AND l.merged_into_id IS NULL
 WHERE m.workspace_id = %(workspace)s
   AND m.valid_since IS NOT NULL AND m.profiled_since IS NOT NULL AND m.objected_at IS NULL
 ORDER BY hashint8extended(l.id, %(seed)s), l.id LIMIT %(limit)s
