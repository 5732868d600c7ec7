-- Temperatures that the total alone did not tell, in the scores under a model and, for the primary one, in the rows of
-- the leads.
WITH settled AS (
  SELECT * FROM unnest(%(leads)s::bigint[], %(temperatures)s::text[]) AS settled(lead_id, temperature)
), stored AS (
  UPDATE score s SET temperature = t.temperature FROM settled t
   WHERE s.workspace_id = %(workspace)s AND s.lead_id = t.lead_id AND s.model_id = %(model)s
)
UPDATE lead_state s SET temperature = t.temperature FROM settled t
 WHERE %(is_primary)s AND s.workspace_id = %(workspace)s AND s.lead_id = t.lead_id
