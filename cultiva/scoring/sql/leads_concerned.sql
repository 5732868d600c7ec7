-- Who may be profiled, and who has a score under some version of a model; ascending.
SELECT lead_id FROM consent_mark
 WHERE workspace_id = %(workspace)s AND valid_since IS NOT NULL AND profiled_since IS NOT NULL AND objected_at IS NULL
UNION
SELECT s.lead_id FROM score s JOIN model_version v ON v.workspace_id = s.workspace_id AND v.id = s.model_id
 WHERE s.workspace_id = %(workspace)s AND v.key = %(key)s
 ORDER BY lead_id LIMIT %(limit)s
